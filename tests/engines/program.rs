//! The C programs that make known calls. Lives here: compiling them. Their sources are in `tests/programs`.

use std::fs;
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
    Compat,
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
    /// Calls whose arguments are known.
    Values,
    /// A file made through `io_uring`.
    Ring,
    /// Children by fork, vfork, clone and clone3.
    Births,
    /// Processes as fast as they can be started.
    Spawns,
    /// Two CPUs that meet on a call that nobody has made before.
    Meetings,
    /// Every action of a filter.
    Actions,
    /// Calls that are interrupted, and made again or gone on with.
    Restarts,
    /// Calls through the vsyscall page.
    Vsyscall,
    /// No program, but a library that sets the wall clock back for who loads it.
    Clock,
    /// Every call of both tables, once.
    EveryCall,
    /// Capability checks, one kind a name that it is started by.
    Asks,
}

impl Program {
    /// All of them.
    pub(crate) const ALL: [Self; 21] = [
        Self::Counts,
        Self::Checks,
        Self::Int80,
        Self::Compat,
        Self::Blocked,
        Self::Refused,
        Self::Execs,
        Self::Namespaces,
        Self::Signals,
        Self::Probe,
        Self::Values,
        Self::Ring,
        Self::Births,
        Self::Spawns,
        Self::Meetings,
        Self::Actions,
        Self::Restarts,
        Self::Vsyscall,
        Self::Clock,
        Self::EveryCall,
        Self::Asks,
    ];

    /// Name of the source, or of the folder of its sources, and of the binary.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Checks => "checks",
            Self::Int80 => "int80",
            Self::Compat => "compat",
            Self::Blocked => "blocked",
            Self::Refused => "refused",
            Self::Execs => "execs",
            Self::Namespaces => "namespaces",
            Self::Signals => "signals",
            Self::Probe => "probe",
            Self::Values => "values",
            Self::Ring => "ring",
            Self::Births => "births",
            Self::Spawns => "spawns",
            Self::Meetings => "meetings",
            Self::Actions => "actions",
            Self::Restarts => "restarts",
            Self::Vsyscall => "vsyscall",
            Self::Clock => "clock",
            Self::EveryCall => "every_call",
            Self::Asks => "asks",
        }
    }

    /// The static binary, compiled unless it is in the cache.
    pub(crate) fn binary(self) -> PathBuf {
        let files = self.files();
        let code: Vec<String> =
            files.iter().map(|file| fs::read_to_string(file).expect("a test program's source can be read")).collect();
        let sources = files.iter().filter(|file| file.extension().is_some_and(|it| it == "c"));
        let sources: Vec<&str> = sources.map(|file| text(file)).collect();
        let (compiler, flags) = (self.compiler(), self.flags());
        cached(self.name(), &format!("{compiler}{flags:?}{code:?}"), |binary| {
            run(&[
                &[compiler, "-Wall", "-Wextra", "-Werror", "-O1", "-static"],
                flags,
                &["-o", text(binary)],
                &sources,
            ]
            .concat())
            .success();
        })
    }

    /// Everything that the program is made of: one source with what it includes of ours, or a folder of them.
    fn files(self) -> Vec<PathBuf> {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
        let folder = programs.join(self.name());
        if !folder.is_dir() {
            let shared = matches!(self, Self::Counts | Self::Checks | Self::Values).then(|| programs.join("many.h"));
            return [folder.with_extension("c")].into_iter().chain(shared).collect();
        }
        let files = fs::read_dir(folder).expect("a folder of sources can be read");
        let mut files: Vec<PathBuf> = files.map(|file| file.expect("a folder can be read").path()).collect();
        files.sort();
        files
    }

    /// arm64's makes no 32-bit programs.
    fn compiler(self) -> &'static str {
        match self {
            Self::Compat if cfg!(target_arch = "aarch64") => "arm-linux-gnueabi-gcc",
            _ => "gcc",
        }
    }

    /// Some stand on nothing: one needs no 32-bit C library to be built, the other no call that a library makes.
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Compat if cfg!(target_arch = "x86_64") => {
                &["-m32", "-nostdlib", "-ffreestanding", "-fno-pie", "-fno-stack-protector"]
            }
            Self::Compat | Self::Probe => &["-nostdlib", "-ffreestanding", "-fno-pie", "-fno-stack-protector"],
            Self::Counts | Self::Checks | Self::Execs | Self::Values | Self::Meetings | Self::Actions => &["-pthread"],
            Self::Clock => &["-shared", "-fPIC", "-nostdlib"],
            // It is copied once for each row.
            Self::Asks => &["-s"],
            Self::Int80 | Self::EveryCall | Self::Blocked | Self::Refused | Self::Ring => &[],
            Self::Namespaces | Self::Signals | Self::Births | Self::Spawns | Self::Restarts | Self::Vsyscall => &[],
        }
    }
}
