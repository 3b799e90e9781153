//! strace as an observer. Lives here: reading what `strace -f -o FILE` wrote.

use std::collections::{BTreeMap, BTreeSet};

/// Options for strace; the file follows. Signals and exits are left out: only calls are compared. Process ids of a
/// container are translated, so that a parent can be told which lines are its child's.
pub(crate) const STRACE: &[&str] = &["strace", "-f", "-qqq", "--pidns-translation", "-e", "signal=none", "-o"];

/// Calls by name, with how often each was entered, that the process which executed `program` made after that
/// execution, and all its descendants.
pub(crate) fn calls_of(trace: &str, program: &str) -> BTreeMap<String, u64> {
    let lines: Vec<Line<'_>> = trace.lines().filter_map(Line::parse).collect();
    let (first, start) = lines
        .iter()
        .enumerate()
        .find(|(_, line)| line.executes(program))
        .unwrap_or_else(|| panic!("strace saw no execution of {program}"));
    let lines = &lines[first + 1..];
    let family = descendants(lines, start.pid);
    let mut calls = BTreeMap::new();
    for line in lines.iter().filter(|line| line.enters && family.contains(&line.pid)) {
        *calls.entry(line.name.to_owned()).or_default() += 1;
    }
    calls
}

/// A process and its descendants. A child's first line may come before the line that says its parent made it, so the
/// family grows until nobody joins it.
fn descendants(lines: &[Line<'_>], first: u32) -> BTreeSet<u32> {
    let mut family = BTreeSet::from([first]);
    loop {
        let before = family.len();
        let children = lines.iter().filter(|line| family.contains(&line.pid)).filter_map(Line::child);
        let children: Vec<u32> = children.collect();
        family.extend(children);
        if family.len() == before {
            return family;
        }
    }
}

/// One line of a trace: a call that is entered, one that returns, or both.
struct Line<'a> {
    pid: u32,
    name: &'a str,
    enters: bool,
    rest: &'a str,
}

impl<'a> Line<'a> {
    /// Reads a line; what is not about a call (notes about processes) is nothing.
    fn parse(line: &'a str) -> Option<Self> {
        let (pid, text) = line.split_once(' ')?;
        let (pid, text) = (pid.parse().ok()?, text.trim_start());
        if let Some(resumed) = text.strip_prefix("<... ") {
            let (name, rest) = resumed.split_once(" resumed>")?;
            return Some(Self { pid, name, enters: false, rest });
        }
        let (name, rest) = text.split_once('(')?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name.then_some(Self { pid, name, enters: true, rest })
    }

    fn executes(&self, program: &str) -> bool {
        let path = self.rest.split('"').nth(1).unwrap_or_default();
        self.name == "execve" && path.rsplit('/').next() == Some(program) && !self.rest.contains(" = -1 ")
    }

    /// The process that this line says was made.
    fn child(&self) -> Option<u32> {
        if !matches!(self.name, "clone" | "clone3" | "fork" | "vfork") {
            return None;
        }
        let (_, result) = self.rest.rsplit_once(" = ")?;
        let translated = result.split_once(" /* ").map(|(_, comment)| comment);
        translated.unwrap_or(result).split(' ').next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
10 execve(\"/usr/bin/runc\", [\"runc\"], 0x7ffc /* 3 vars */) = 0
10 clone(child_stack=NULL, flags=SIGCHLD) = 11
11 mount(\"a\", \"b\", NULL, 0, NULL) = 0
11 execve(\"/bin/server\", [\"server\"], 0xc0 /* 2 vars */ <unfinished ...>
10 wait4(-1,  <unfinished ...>
11 <... execve resumed>) = 0
11 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>
12 read(3, \"clone(\", 6) = 6
11 <... clone resumed>) = 2 /* 12 in strace's PID NS */
11 strace: [ Process PID=11 runs in 32 bit mode. ]
12 syscall_0x270f(0, 0) = -1 ENOSYS (Function not implemented)
12 exit_group(0) = ?
10 <... wait4 resumed>NULL, 0, NULL) = 11
";

    #[test]
    fn the_runtimes_own_calls_are_not_the_programs() {
        let names: Vec<_> = calls_of(TRACE, "server").into_iter().collect();
        let expected = [("clone", 1), ("exit_group", 1), ("read", 1), ("syscall_0x270f", 1)];
        assert_eq!(names, expected.map(|(name, count)| (name.to_owned(), count)));
    }
}
