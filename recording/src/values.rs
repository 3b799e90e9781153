//! Values of arguments: the rows that hold them, and which arguments of which calls a recording has.
//!
//! Lives here: what recorder and reader must agree on. Does not: what a value is called or means (see `ctrec-analyze`).

use serde::{Deserialize, Serialize};

use crate::rows::{Abi, Origin, Phase};

/// Different values of one call of one program that are kept, in one origin, phase and ABI. Beyond them it is "many".
pub const KEPT_VALUES: u32 = 32;

/// Values that the arguments of a call had, together, which no window before had in this program. How often is not
/// counted. Since format 1.4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    /// Window.
    pub window: u32,
    /// Container.
    pub container: u32,
    /// Program.
    pub program: u32,
    /// Origin of the process.
    pub origin: Origin,
    /// Phase of the process.
    pub phase: Phase,
    /// Numbering of `number`.
    pub abi: Abi,
    /// Call number.
    pub number: i64,
    /// There were more than [`KEPT_VALUES`], and the others are not known: this row has no values.
    pub many: bool,
    /// Whether a call with these values returned without an error. One that did both has two rows.
    pub succeeded: bool,
    /// First argument, cut to the bits that the kernel looks at; `None`: not kept of this call.
    pub argument_0: Option<u64>,
    /// Second argument.
    pub argument_1: Option<u64>,
    /// Third argument.
    pub argument_2: Option<u64>,
}

/// A call whose arguments are kept: those that are numbers and decide what it may do. What is behind a pointer is not
/// read, so neither are `clone3`, and `socketcall` and the old `mmap` of i386.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptCall {
    /// Its name.
    pub name: &'static str,
    x86_64: Option<i64>,
    i386: Option<i64>,
    /// Where x32 has a number of its own, without bit 30.
    x32: Option<i64>,
    /// Which arguments, by index: of the first three.
    pub arguments: &'static [usize],
    /// The kernel looks at whole words; else at their low 32 bits.
    pub whole: bool,
}

/// Bit that marks an x32 number.
const X32_BIT: i64 = 0x4000_0000;

const fn both(name: &'static str, x86_64: i64, i386: i64, arguments: &'static [usize]) -> KeptCall {
    KeptCall { name, x86_64: Some(x86_64), i386: Some(i386), x32: None, arguments, whole: false }
}

const fn of_i386(name: &'static str, i386: i64, arguments: &'static [usize]) -> KeptCall {
    KeptCall { name, x86_64: None, i386: Some(i386), x32: None, arguments, whole: false }
}

impl KeptCall {
    const fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    const fn in_x32(self, number: i64) -> Self {
        Self { x32: Some(number), ..self }
    }

    /// Its number in an ABI; `None` where that has no such call, or none is recorded.
    pub fn number(&self, abi: Abi) -> Option<i64> {
        match abi {
            Abi::X86_64 => self.x86_64,
            Abi::I386 => self.i386,
            Abi::X32 => self.x32.or(self.x86_64).map(|number| number | X32_BIT),
            Abi::Aarch64 | Abi::Arm => None,
        }
    }

    /// The call that a number stands for, if its arguments are kept.
    pub fn of(abi: Abi, number: i64) -> Option<&'static Self> {
        KEPT_CALLS.iter().find(|call| call.number(abi) == Some(number))
    }
}

/// All of them.
pub const KEPT_CALLS: [KeptCall; 22] = [
    both("socket", 41, 359, &[0, 1, 2]),
    both("setsockopt", 54, 366, &[1, 2]).in_x32(541),
    both("clone", 56, 120, &[0]),
    both("unshare", 272, 310, &[0]).whole(),
    both("setns", 308, 346, &[1]),
    both("ioctl", 16, 54, &[1]).in_x32(514),
    both("prctl", 157, 172, &[0]),
    both("personality", 135, 136, &[0]),
    KeptCall { i386: None, ..both("mmap", 9, 0, &[2]).whole() },
    of_i386("mmap2", 192, &[2]),
    both("mprotect", 10, 125, &[2]).whole(),
    both("pkey_mprotect", 329, 380, &[2]).whole(),
    both("fcntl", 72, 55, &[1]),
    of_i386("fcntl64", 221, &[1]),
    both("bpf", 321, 357, &[0]),
    both("keyctl", 250, 288, &[0]),
    both("ptrace", 101, 26, &[0]).whole().in_x32(521),
    both("kill", 62, 37, &[1]),
    both("tkill", 200, 238, &[1]),
    both("tgkill", 234, 270, &[2]),
    both("rt_sigqueueinfo", 129, 178, &[1]).in_x32(524),
    both("pidfd_send_signal", 424, 424, &[1]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_stands_for_two_calls() {
        for abi in [Abi::X86_64, Abi::I386, Abi::X32] {
            let mut numbers: Vec<i64> = KEPT_CALLS.iter().filter_map(|call| call.number(abi)).collect();
            let all = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), all, "{abi:?}");
            assert!(all >= 20);
        }
    }

    #[test]
    fn several_arguments_are_never_whole_words() {
        // The kernel side packs them closely.
        assert!(KEPT_CALLS.iter().all(|call| call.arguments.len() == 1 || !call.whole));
        assert!(
            KEPT_CALLS.iter().all(|call| call.arguments.is_sorted() && call.arguments.iter().all(|index| *index < 3))
        );
    }
}
