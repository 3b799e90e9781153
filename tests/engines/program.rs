//! The C programs that make known calls. Lives here: compiling them. Their sources are in `tests/programs`.

use std::path::{Path, PathBuf};

use crate::image::{cached, text};
use crate::process::run;

/// One program of `tests/programs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// Known numbers of known calls, from threads and children.
    Counts,
    /// Known numbers of capability checks, from threads and children.
    Checks,
    /// i386 calls from a 64-bit process.
    Int80,
    /// A real 32-bit program.
    I386,
    /// Calls that do not return before the program is killed.
    Blocked,
    /// Calls that the program's own filter turns away, answers or traps.
    Refused,
    /// Chains of executions.
    Execs,
    /// clone with namespace flags.
    Namespaces,
    /// Calls that come back as what they are not: `rt_sigreturn`, call -1, fork and execveat answered by a filter.
    Signals,
    /// One call by number; its errno is the exit code.
    Probe,
}

impl Program {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Counts,
        Self::Checks,
        Self::Int80,
        Self::I386,
        Self::Blocked,
        Self::Refused,
        Self::Execs,
        Self::Namespaces,
        Self::Signals,
        Self::Probe,
    ];

    /// Name of the source and of the binary.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Checks => "checks",
            Self::Int80 => "int80",
            Self::I386 => "i386",
            Self::Blocked => "blocked",
            Self::Refused => "refused",
            Self::Execs => "execs",
            Self::Namespaces => "namespaces",
            Self::Signals => "signals",
            Self::Probe => "probe",
        }
    }

    /// The static binary, compiled unless it is in the cache.
    pub(crate) fn binary(self) -> PathBuf {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(format!("{}.c", self.name()));
        let code = std::fs::read_to_string(&source).expect("a test program's source can be read");
        let flags = self.flags();
        cached(self.name(), &format!("{flags:?}{code}"), |binary| {
            run(&[
                &["gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-static"],
                flags,
                &["-o", text(binary), text(&source)],
            ]
            .concat())
            .success();
        })
    }

    /// Some stand on nothing: one needs no 32-bit C library to be built, the other no call that a library makes.
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::I386 => &["-m32", "-nostdlib", "-ffreestanding", "-fno-pie", "-fno-stack-protector"],
            Self::Probe => &["-nostdlib", "-ffreestanding", "-fno-pie", "-fno-stack-protector"],
            Self::Counts | Self::Checks | Self::Execs => &["-pthread"],
            Self::Int80 | Self::Blocked | Self::Refused | Self::Namespaces | Self::Signals => &[],
        }
    }
}
