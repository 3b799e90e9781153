//! The command line of a runtime that is setting a container up: where its bundle is, and the container's id.

use std::fs;
use std::path::PathBuf;

use super::Host;

/// Runtimes whose command line is `RUNTIME [global options] create|run|exec [options] ID`.
const RUNTIMES: [&str; 3] = ["runc", "crun", "youki"];

/// Options that take their value as the next argument.
const VALUED: [&str; 14] = [
    "--root",
    "--log",
    "--log-format",
    "--log-level",
    "--criu",
    "--rootless",
    "--cgroup-manager",
    "--bundle",
    "-b",
    "--console-socket",
    "--pid-file",
    "--preserve-fds",
    "--process",
    "--cwd",
];

/// What a runtime was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// Base name of the runtime.
    pub(crate) runtime: String,
    /// The container's id.
    pub(crate) id: String,
    /// Its bundle, absolute.
    pub(crate) bundle: PathBuf,
}

/// The invocation that a process is; `None` if it is no runtime, or gone.
pub(crate) fn of(host: &Host, pid: u32) -> Option<Invocation> {
    let arguments = fs::read(host.path(format!("/proc/{pid}/cmdline"))).ok()?;
    let arguments: Vec<String> =
        arguments.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect();
    let folder = fs::read_link(host.path(format!("/proc/{pid}/cwd"))).unwrap_or_else(|_| PathBuf::from("/"));
    parse(&arguments, &folder)
}

fn parse(arguments: &[String], folder: &std::path::Path) -> Option<Invocation> {
    let mut arguments = arguments.iter().filter(|argument| !argument.is_empty());
    let runtime = arguments.next()?.rsplit('/').next()?.to_owned();
    if !RUNTIMES.contains(&runtime.as_str()) {
        return None;
    }
    let (mut command, mut id, mut bundle) = (None, None, PathBuf::new());
    while let Some(argument) = arguments.next() {
        if let Some(value) = argument.strip_prefix("--bundle=").or_else(|| argument.strip_prefix("-b=")) {
            bundle = PathBuf::from(value);
        } else if argument == "--bundle" || argument == "-b" {
            bundle = PathBuf::from(arguments.next()?);
        } else if argument.starts_with('-') {
            if VALUED.contains(&argument.as_str()) {
                arguments.next()?;
            }
        } else if command.is_none() {
            command = Some(argument.as_str());
        } else {
            id.get_or_insert_with(|| argument.clone());
        }
    }
    matches!(command?, "create" | "run" | "exec" | "restore")
        .then(|| Some(Invocation { runtime, id: id?, bundle: folder.join(bundle) }))?
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parsed(line: &str) -> Option<(String, String, PathBuf)> {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        parse(&arguments, Path::new("/here")).map(|found| (found.runtime, found.id, found.bundle))
    }

    #[test]
    fn dockers_runc_names_its_bundle() {
        let line = "/usr/sbin/runc --root /var/run/docker/runtime-runc/moby --log /x/log.json --log-format json create \
                    --bundle /x/moby/abc --pid-file /x/init.pid abc";
        assert_eq!(parsed(line), Some(("runc".into(), "abc".into(), "/x/moby/abc".into())));
    }

    #[test]
    fn a_plain_run_has_the_working_folder_as_bundle() {
        assert_eq!(parsed("runc run web"), Some(("runc".into(), "web".into(), "/here".into())));
        assert_eq!(parsed("crun run -b bundle web"), Some(("crun".into(), "web".into(), "/here/bundle".into())));
        assert_eq!(parsed("crun run --bundle=/b web"), Some(("crun".into(), "web".into(), "/b".into())));
    }

    #[test]
    fn other_programs_and_other_commands_are_none() {
        for line in ["nginx run web", "runc list", "runc", "", "runc run", "runc --root"] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }
}
