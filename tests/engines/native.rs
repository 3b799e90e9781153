//! The calls of this machine: numbers differ between processors. Lives here: their native numbering.

use ctrec_analyze::names;
use ctrec_recording::Abi;

/// What a program makes calls by unless it is a 32-bit one.
pub(crate) const NATIVE: Abi = if cfg!(target_arch = "aarch64") { Abi::Aarch64 } else { Abi::X86_64 };

/// What a 32-bit program makes calls by.
pub(crate) const OF_32_BITS: Abi = if cfg!(target_arch = "aarch64") { Abi::Arm } else { Abi::I386 };

/// How profiles call these two.
pub(crate) const ARCHITECTURES: [&str; 2] = if cfg!(target_arch = "aarch64") {
    ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
} else {
    ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
};

/// Number of a native call, by its name.
pub(crate) fn number(name: &str) -> i64 {
    names::number(NATIVE, name).unwrap_or_else(|| panic!("this machine has a call {name}"))
}

/// The first of several calls that this machine has: newer processors have no `fork`, and the like.
pub(crate) fn number_of_first(names: &[&str]) -> i64 {
    let found = names.iter().find_map(|name| names::number(NATIVE, name));
    found.unwrap_or_else(|| panic!("this machine has one of {names:?}"))
}
