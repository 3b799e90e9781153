//! Child processes that never outlive their test. Lives here: starting, signalling, ending, and what they printed.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::wait::wait_at_most;

/// Longest that a command may run. Making an image takes one to three minutes; everything else is far from it.
const LONGEST: Duration = Duration::from_secs(600);

/// Longest that a process may take to end after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(20);

/// How a process ended and what it printed.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Exit code; 128 + n for signal n.
    pub(crate) code: i32,
    /// Standard output, lossy.
    pub(crate) stdout: String,
    /// Standard error, lossy.
    pub(crate) stderr: String,
    what: String,
}

impl Outcome {
    /// Standard output of a command that must have succeeded.
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, 0, "{} failed\nstdout: {}\nstderr: {}", self.what, self.stdout, self.stderr);
        self.stdout
    }
}

/// A running child. Ended on drop.
pub(crate) struct Process {
    child: Child,
    what: String,
    output: TempDir,
}

impl Process {
    /// Starts a command with its output kept in files, so that it can never block on a full pipe. It dies with the
    /// test's thread, also when the test is killed.
    pub(crate) fn start(words: &[&str]) -> Self {
        Self::start_in(Path::new("/"), words)
    }

    /// Like [`Process::start`], in a folder.
    pub(crate) fn start_in(folder: &Path, words: &[&str]) -> Self {
        let what = words.join(" ");
        let output = TempDir::with_prefix("ctrec-output-").expect("a temporary folder can be made");
        let file = |name| File::create(output.path().join(name)).expect("an output file can be made");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM"])
            .args(words)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {what}: {error}"));
        Self { child, what, output }
    }

    /// What it printed so far.
    pub(crate) fn stdout(&self) -> String {
        read_lossy(&self.output.path().join("stdout"))
    }

    /// What it said on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        read_lossy(&self.output.path().join("stderr"))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal)
            .unwrap_or_else(|error| panic!("failed to send {signal} to {}: {error}", self.what));
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Outcome {
        let child = &mut self.child;
        let status = wait_at_most(LONGEST, || child.try_wait().expect("a child can be waited for"));
        let status = status.unwrap_or_else(|| panic!("{} did not end within {LONGEST:?}", self.what));
        Outcome { code: code(status), stdout: self.stdout(), stderr: self.stderr(), what: self.what.clone() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = &mut self.child;
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        let pid = Pid::from_raw(child.id().cast_signed());
        let asked = kill(pid, Signal::SIGTERM).is_ok();
        if asked && wait_at_most(GRACE, || child.try_wait().ok().flatten()).is_some() {
            return;
        }
        let killed = child.kill().and_then(|()| child.wait());
        let _told = writeln!(std::io::stderr(), "{} had to be killed: {killed:?}", self.what);
    }
}

/// Runs a command to its end.
pub(crate) fn run(words: &[&str]) -> Outcome {
    Process::start(words).finish()
}

/// Exit code of a status; 128 + n for signal n, as shells have it.
fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

fn read_lossy(path: &PathBuf) -> String {
    String::from_utf8_lossy(&fs::read(path).expect("an output file can be read")).into_owned()
}
