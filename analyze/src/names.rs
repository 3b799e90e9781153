//! (ABI, number) to name and back, under the names that libseccomp and the engines' profiles use.
//!
//! Lives here: the number tables and where they differ from the crate that supplies them. Does not: what a name means.
//!
//! The tables are built in, so the host's libseccomp, which may be older than a call, is not asked. They end at
//! `file_setattr` (469, Linux 6.17). Later calls stay numbers until the tables grow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use ctrec_recording::Abi;
use syscalls::{aarch64, arm, x86, x86_64};

/// Bit that marks an x32 number.
pub const X32_BIT: i64 = 0x4000_0000;

/// The newest call that libseccomp 2.5.4, as upstream released it, can name; Debian's copy goes up to 456.
const NEWEST_IN_LIBSECCOMP_2_5_4: i64 = 450;

/// x32 has calls of its own from 512 on, where 64-bit structures would not fit; they replace the x86-64 ones below.
const X32_FIRST_OWN: i64 = 512;
const X32_OWN: [&str; 36] = [
    "rt_sigaction",
    "rt_sigreturn",
    "ioctl",
    "readv",
    "writev",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "execve",
    "ptrace",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigqueueinfo",
    "sigaltstack",
    "timer_create",
    "mq_notify",
    "kexec_load",
    "waitid",
    "set_robust_list",
    "get_robust_list",
    "vmsplice",
    "move_pages",
    "preadv",
    "pwritev",
    "rt_tgsigqueueinfo",
    "recvmmsg",
    "sendmmsg",
    "process_vm_readv",
    "process_vm_writev",
    "setsockopt",
    "getsockopt",
    "io_setup",
    "io_submit",
    "execveat",
    "preadv2",
    "pwritev2",
];

/// x86-64 numbers that x32 has not: calls removed before x32 came, and two for 64-bit code alone.
const NOT_IN_X32: [&str; 14] = [
    "uselib",
    "_sysctl",
    "create_module",
    "get_kernel_syms",
    "query_module",
    "nfsservctl",
    "set_thread_area",
    "get_thread_area",
    "epoll_ctl_old",
    "epoll_wait_old",
    "vserver",
    "map_shadow_stack",
    "uretprobe",
    "uprobe",
];

/// Arm's own calls, outside the common numbering.
const ARM_PRIVATE: [(i64, &str); 6] = [
    (0xf_0001, "breakpoint"),
    (0xf_0002, "cacheflush"),
    (0xf_0003, "usr26"),
    (0xf_0004, "usr32"),
    (0xf_0005, "set_tls"),
    (0xf_0006, "get_tls"),
];

/// The name of a call; `None` for a number that no table knows.
pub fn name(abi: Abi, number: i64) -> Option<&'static str> {
    let index = usize::try_from(number).ok()?;
    match abi {
        Abi::X86_64 => x86_64::Sysno::new(index).map(|call| call.name()),
        Abi::I386 if number == 17 => Some("break"),
        Abi::I386 => x86::Sysno::new(index).map(|call| call.name()),
        Abi::X32 => x32_name(number),
        Abi::Aarch64 => aarch64_name(index),
        Abi::Arm => arm_name(index, number),
    }
}

/// The number of a call in an ABI; `None` where the ABI has no such call.
pub fn number(abi: Abi, wanted: &str) -> Option<i64> {
    static NUMBERS: OnceLock<BTreeMap<Abi, BTreeMap<&str, i64>>> = OnceLock::new();
    let numbers = NUMBERS.get_or_init(|| {
        let by_name = |abi| known(abi).map(|(number, name)| (name, number)).collect();
        crate::abi::ALL.into_iter().map(|abi| (abi, by_name(abi))).collect()
    });
    numbers.get(&abi)?.get(wanted).copied()
}

/// Every call that the table of an ABI knows, in order of their numbers.
pub fn known(abi: Abi) -> impl Iterator<Item = (i64, &'static str)> {
    let (base, private) = match abi {
        Abi::X32 => (X32_BIT, 0..0),
        Abi::Arm => (0, 0xf_0000..0xf_0010),
        Abi::X86_64 | Abi::I386 | Abi::Aarch64 => (0, 0..0),
    };
    (0..600)
        .map(move |number| number + base)
        .chain(private)
        .filter_map(move |number| Some((number, name(abi, number)?)))
}

/// The tables' own copy of a name; `None` where no ABI has such a call.
pub fn canonical(wanted: &str) -> Option<&'static str> {
    crate::abi::ALL.into_iter().flat_map(known).map(|(_, name)| name).find(|name| *name == wanted)
}

/// Names that look like one that no table has, the likeliest first; at most three.
pub fn near(wanted: &str) -> Vec<&'static str> {
    let all: BTreeSet<&str> = crate::abi::ALL.into_iter().flat_map(known).map(|(_, name)| name).collect();
    let mut ranked: Vec<(usize, &str)> = all.into_iter().map(|name| (distance(wanted, name), name)).collect();
    ranked.retain(|(distance, name)| *distance <= 1 + name.len() / 4);
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, name)| name).take(3).collect()
}

/// Edits between two words, after Levenshtein. Only the beginning of an overlong word counts.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=one.len()).collect();
    for (line, there) in other.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, here) in one.iter().enumerate() {
            let replaced = diagonal + usize::from(*here != there);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[one.len()]
}

/// The call as people read it: its name, or `x86_64:9999` where it has none.
pub fn label(abi: Abi, number: i64) -> String {
    name(abi, number).map_or_else(|| format!("{}:{number}", crate::abi::text(abi)), str::to_owned)
}

/// Several numbers of an ABI without a name, as people read them: `x86_64:1000..2000`.
pub(crate) fn range_label(abi: Abi, lowest: i64, highest: i64) -> String {
    format!("{}:{lowest}..{highest}", crate::abi::text(abi))
}

/// Whether libseccomp 2.5.4 may fail to name this call, and so leave it out of a filter without a word.
pub fn newer_than_libseccomp_2_5_4(name: &str) -> bool {
    matches!(name, "uretprobe" | "uprobe")
        || crate::abi::ALL
            .into_iter()
            .filter_map(|abi| number(abi, name))
            .any(|number| (NEWEST_IN_LIBSECCOMP_2_5_4 + 1..X32_FIRST_OWN).contains(&(number & !X32_BIT)))
}

fn x32_name(number: i64) -> Option<&'static str> {
    if number & X32_BIT == 0 {
        return None;
    }
    let number = number & !X32_BIT;
    if let Some(own) = usize::try_from(number - X32_FIRST_OWN).ok().and_then(|index| X32_OWN.get(index)) {
        return Some(own);
    }
    let name = name(Abi::X86_64, number)?;
    (!X32_OWN.contains(&name) && !NOT_IN_X32.contains(&name)).then_some(name)
}

/// The crate's table calls 79 by its libc name and lists the calls with 64-bit times, which only 32-bit ABIs have.
fn aarch64_name(index: usize) -> Option<&'static str> {
    match index {
        79 => Some("newfstatat"),
        403..=414 | 416..=423 => None,
        _ => aarch64::Sysno::new(index).map(|call| call.name()),
    }
}

fn arm_name(index: usize, number: i64) -> Option<&'static str> {
    let private = ARM_PRIVATE.iter().find(|(own, _)| *own == number).map(|(_, name)| *name);
    private.or_else(|| arm::Sysno::new(index).map(|call| call.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi;

    /// libseccomp's own table, number by number.
    const LIBSECCOMP: &str = include_str!("../../fixtures/syscalls/libseccomp-2.5.4.tsv");

    fn libseccomp() -> BTreeMap<(Abi, i64), &'static str> {
        let rows = LIBSECCOMP.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let abi = abi::ALL.into_iter().find(|abi| abi::text(*abi) == fields[0]).unwrap();
            let bit = if abi == Abi::X32 { X32_BIT } else { 0 };
            ((abi, fields[1].parse::<i64>().unwrap() + bit), fields[2])
        });
        rows.collect()
    }

    #[test]
    fn every_number_has_libseccomps_name() {
        let theirs = libseccomp();
        assert!(theirs.len() > 1800, "the captured table is whole");
        for (&(abi, number), &expected) in &theirs {
            assert_eq!(name(abi, number), Some(expected), "{}:{number}", abi::text(abi));
        }
    }

    #[test]
    fn what_libseccomp_does_not_know_is_newer_than_it() {
        let theirs = libseccomp();
        for abi in abi::ALL {
            for (number, name) in known(abi).filter(|(number, _)| !theirs.contains_key(&(abi, *number))) {
                assert!(newer_than_libseccomp_2_5_4(name), "{name} ({}:{number}) is in no table", abi::text(abi));
            }
        }
    }

    #[test]
    fn numbers_are_found_again_by_their_names() {
        for abi in abi::ALL {
            for (number, name) in known(abi) {
                assert_eq!(super::number(abi, name), Some(number), "{name} of {}", abi::text(abi));
            }
        }
    }

    #[test]
    fn a_number_means_nothing_without_its_abi() {
        assert_eq!(name(Abi::X86_64, 20), Some("writev"));
        assert_eq!(name(Abi::I386, 20), Some("getpid"));
        assert_eq!(name(Abi::X32, X32_BIT + 516), Some("writev"));
        assert_eq!(name(Abi::X32, X32_BIT + 20), None);
        assert_eq!(name(Abi::X32, 1), None, "x32 numbers carry bit 30");
    }

    #[test]
    fn unknown_numbers_stay_numbers() {
        assert_eq!(label(Abi::X86_64, 9999), "x86_64:9999");
        assert_eq!(label(Abi::X86_64, -1), "x86_64:-1");
        assert_eq!(label(Abi::I386, i64::MAX), format!("i386:{}", i64::MAX));
        assert_eq!(label(Abi::X86_64, 0), "read");
    }

    #[test]
    fn old_libseccomp_is_known_to_lack_new_calls() {
        assert!(newer_than_libseccomp_2_5_4("fchmodat2"));
        assert!(newer_than_libseccomp_2_5_4("mseal"));
        assert!(!newer_than_libseccomp_2_5_4("futex_waitv"));
        assert!(!newer_than_libseccomp_2_5_4("writev"));
        assert!(!newer_than_libseccomp_2_5_4("no_such_call"));
    }
}
