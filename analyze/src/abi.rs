//! What an ABI is called, which seccomp architecture it belongs to, and which one a machine speaks natively.
//!
//! Lives here: the ABIs themselves. Does not: the names of their calls (see `names`).

use ctrec_recording::Abi;

use crate::profile::Architecture;

/// Every ABI that a recording can hold.
pub const ALL: [Abi; 5] = [Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64, Abi::Arm];

/// The ABI's name, as tables and reports print it.
pub fn text(abi: Abi) -> &'static str {
    match abi {
        Abi::X86_64 => "x86_64",
        Abi::I386 => "i386",
        Abi::X32 => "x32",
        Abi::Aarch64 => "aarch64",
        Abi::Arm => "arm",
    }
}

/// The seccomp architecture whose rules decide about calls of this ABI.
pub fn architecture(abi: Abi) -> Architecture {
    match abi {
        Abi::X86_64 => Architecture::X86_64,
        Abi::I386 => Architecture::X86,
        Abi::X32 => Architecture::X32,
        Abi::Aarch64 => Architecture::Aarch64,
        Abi::Arm => Architecture::Arm,
    }
}

/// The ABI of an architecture: the other way round.
pub fn of(architecture: Architecture) -> Abi {
    match architecture {
        Architecture::X86_64 => Abi::X86_64,
        Architecture::X86 => Abi::I386,
        Architecture::X32 => Abi::X32,
        Architecture::Aarch64 => Abi::Aarch64,
        Architecture::Arm => Abi::Arm,
    }
}

/// The native ABI of a machine, by what `uname -m` says. `None`: a machine that ctrec has no tables for.
pub fn native(machine: &str) -> Option<Abi> {
    match machine {
        "x86_64" | "amd64" => Some(Abi::X86_64),
        "aarch64" | "arm64" => Some(Abi::Aarch64),
        "i386" | "i486" | "i586" | "i686" => Some(Abi::I386),
        other if other.starts_with("arm") => Some(Abi::Arm),
        _ => None,
    }
}

/// ABIs whose calls a process of a machine can make, by its native one. Without x32, which most kernels have not.
pub fn callable(native: Abi) -> [Abi; 2] {
    match native {
        Abi::X86_64 | Abi::I386 | Abi::X32 => [Abi::X86_64, Abi::I386],
        Abi::Aarch64 | Abi::Arm => [Abi::Aarch64, Abi::Arm],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_abi_has_its_own_architecture_and_name() {
        for abi in ALL {
            assert_eq!(of(architecture(abi)), abi);
            assert_eq!(serde_json::to_value(abi).unwrap(), text(abi));
        }
    }

    #[test]
    fn machines_speak_their_native_abi() {
        assert_eq!(native("x86_64"), Some(Abi::X86_64));
        assert_eq!(native("armv7l"), Some(Abi::Arm));
        assert_eq!(native("i686"), Some(Abi::I386));
        assert_eq!(native("riscv64"), None);
    }
}
