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
    aarch64: Option<i64>,
    arm: Option<i64>,
    /// Where x32 has a number of its own, without bit 30.
    x32: Option<i64>,
    /// Which arguments, by index: of the first three.
    pub arguments: &'static [usize],
    /// The kernel looks at whole words; else at their low 32 bits.
    pub whole: bool,
}

/// Bit that marks an x32 number.
const X32_BIT: i64 = 0x4000_0000;

/// A call of x86-64, i386, aarch64 and Arm.
const fn of_all(name: &'static str, numbers: [i64; 4], arguments: &'static [usize]) -> KeptCall {
    let [x86_64, i386, aarch64, arm] = numbers;
    KeptCall { x86_64: Some(x86_64), aarch64: Some(aarch64), ..of_32_bits(name, [i386, arm], arguments) }
}

const fn of_32_bits(name: &'static str, numbers: [i64; 2], arguments: &'static [usize]) -> KeptCall {
    let [i386, arm] = numbers;
    KeptCall { name, x86_64: None, i386: Some(i386), aarch64: None, arm: Some(arm), x32: None, arguments, whole: false }
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
            Abi::Aarch64 => self.aarch64,
            Abi::Arm => self.arm,
        }
    }

    /// The call that a number stands for, if its arguments are kept.
    pub fn of(abi: Abi, number: i64) -> Option<&'static Self> {
        KEPT_CALLS.iter().find(|call| call.number(abi) == Some(number))
    }
}

/// All of them.
pub const KEPT_CALLS: [KeptCall; 22] = [
    of_all("socket", [41, 359, 198, 281], &[0, 1, 2]),
    of_all("setsockopt", [54, 366, 208, 294], &[1, 2]).in_x32(541),
    of_all("clone", [56, 120, 220, 120], &[0]),
    of_all("unshare", [272, 310, 97, 337], &[0]).whole(),
    of_all("setns", [308, 346, 268, 375], &[1]),
    of_all("ioctl", [16, 54, 29, 54], &[1]).in_x32(514),
    of_all("prctl", [157, 172, 167, 172], &[0]),
    of_all("personality", [135, 136, 92, 136], &[0]),
    KeptCall { i386: None, arm: None, ..of_all("mmap", [9, 0, 222, 0], &[2]).whole() },
    of_32_bits("mmap2", [192, 192], &[2]),
    of_all("mprotect", [10, 125, 226, 125], &[2]).whole(),
    of_all("pkey_mprotect", [329, 380, 288, 394], &[2]).whole(),
    of_all("fcntl", [72, 55, 25, 55], &[1]),
    of_32_bits("fcntl64", [221, 221], &[1]),
    of_all("bpf", [321, 357, 280, 386], &[0]),
    of_all("keyctl", [250, 288, 219, 311], &[0]),
    of_all("ptrace", [101, 26, 117, 26], &[0]).whole().in_x32(521),
    of_all("kill", [62, 37, 129, 37], &[1]),
    of_all("tkill", [200, 238, 130, 238], &[1]),
    of_all("tgkill", [234, 270, 131, 268], &[2]),
    of_all("rt_sigqueueinfo", [129, 178, 138, 178], &[1]).in_x32(524),
    of_all("pidfd_send_signal", [424, 424, 424, 424], &[1]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_stands_for_two_calls() {
        for abi in [Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64, Abi::Arm] {
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
