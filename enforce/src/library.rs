//! The libseccomp that this process has, which is the one that profiles are compiled with.
//!
//! Lives here: its version, and what it cannot name. Does not: compiling (see `compile`).

use ctrec_analyze::{abi, names};
use libseccomp::{ScmpSyscall, ScmpVersion, error::SeccompError};

use crate::compile::native_architecture;

/// What is known of libseccomp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Its version.
    pub version: String,
    /// Calls of this machine that it cannot name, sorted. Rules for them come to nothing.
    pub unknown_names: Vec<&'static str>,
}

impl Library {
    /// Asks it.
    pub fn here() -> Result<Self, SeccompError> {
        let version = ScmpVersion::current()?.to_string();
        let known = native_architecture().into_iter().flat_map(|native| names::known(abi::of(native)));
        let unknown = known.map(|(_, name)| name).filter(|name| ScmpSyscall::from_name(name).is_err());
        let mut unknown_names: Vec<&str> = unknown.collect();
        unknown_names.sort_unstable();
        Ok(Self { version, unknown_names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_calls_have_names_and_the_library_a_version() {
        let library = Library::here().unwrap();
        assert!(library.version.split('.').all(|part| part.parse::<u32>().is_ok()), "{library:?}");
        assert!(!library.unknown_names.contains(&"openat"), "{library:?}");
        for name in library.unknown_names {
            assert!(names::newer_than_libseccomp_2_5_4(name), "{name}");
        }
    }
}
