//! The command line of a runtime that is setting a container up: where its bundle and its records are, and the
//! container's id.

use std::fs;
use std::path::{Path, PathBuf};

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
    /// Folders that its bundle may be, the likeliest first.
    pub(crate) bundles: Vec<PathBuf>,
    /// Folder of the runtime's records, if it was given one.
    pub(crate) root: Option<PathBuf>,
}

/// The invocation that a process is; `None` if it is no runtime, or gone.
pub(crate) fn of(host: &Host, pid: u32) -> Option<Invocation> {
    let arguments = fs::read(host.path(format!("/proc/{pid}/cmdline"))).ok()?;
    let arguments: Vec<String> =
        arguments.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect();
    let folder = fs::read_link(host.path(format!("/proc/{pid}/cwd"))).ok();
    parse(&arguments, folder.as_deref())
}

/// The runtime that a file name stands for: its own, or that of the sealed copy in memory from which runc and crun
/// execute themselves.
pub(crate) fn runtime_named(program: &str) -> Option<&'static str> {
    let copy = program.strip_prefix("memfd:");
    RUNTIMES.into_iter().find(|runtime| program == *runtime || copy.is_some_and(|copy| copy.starts_with(runtime)))
}

/// The invocation that arguments are. `folder` is the working directory of the process, if it is known.
pub(crate) fn parse(arguments: &[String], folder: Option<&Path>) -> Option<Invocation> {
    let mut arguments = arguments.iter().filter(|argument| !argument.is_empty());
    let runtime = arguments.next()?.rsplit('/').next()?.to_owned();
    if !RUNTIMES.contains(&runtime.as_str()) {
        return None;
    }
    let (mut command, mut id, mut bundle, mut root) = (None, None, None, None);
    while let Some(argument) = arguments.next() {
        let (name, mut value) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with('-') => (name, Some(value)),
            _ => (argument.as_str(), None),
        };
        if value.is_none() && VALUED.contains(&name) {
            value = Some(arguments.next()?);
        }
        match name {
            "--bundle" | "-b" => bundle = value.map(Path::new),
            "--root" => root = value.map(Path::new),
            option if option.starts_with('-') => {}
            word if command.is_none() => command = Some(word),
            word => id = id.or(Some(word)),
        }
    }
    let bundles = match command? {
        "create" | "run" | "restore" => bundles(bundle, folder),
        "exec" => Vec::new(),
        _ => return None,
    };
    let root = root.and_then(|root| below(folder, root));
    Some(Invocation { runtime, id: id?.to_owned(), bundles, root })
}

/// Where a bundle may be. runc and crun change to it before they set anything up, so that a relative path has been
/// followed already.
fn bundles(given: Option<&Path>, folder: Option<&Path>) -> Vec<PathBuf> {
    match given {
        Some(given) if given.is_absolute() => vec![given.to_owned()],
        Some(given) => folder.into_iter().flat_map(|folder| [folder.to_owned(), folder.join(given)]).collect(),
        None => folder.into_iter().map(Path::to_owned).collect(),
    }
}

fn below(folder: Option<&Path>, path: &Path) -> Option<PathBuf> {
    if path.is_absolute() { Some(path.to_owned()) } else { folder.map(|folder| folder.join(path)) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parsed(line: &str) -> Option<Invocation> {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        parse(&arguments, Some(Path::new("/here")))
    }

    fn bundles_of(line: &str) -> Vec<PathBuf> {
        parsed(line).unwrap().bundles
    }

    #[test]
    fn dockers_runc_names_its_bundle_and_its_records() {
        let line = "/usr/sbin/runc --root /var/run/docker/runtime-runc/moby --log /x/log.json --log-format json create \
                    --bundle /x/moby/abc --pid-file /x/init.pid abc";
        let found = parsed(line).unwrap();
        assert_eq!((found.runtime.as_str(), found.id.as_str()), ("runc", "abc"));
        assert_eq!(found.bundles, [Path::new("/x/moby/abc")]);
        assert_eq!(found.root.as_deref(), Some(Path::new("/var/run/docker/runtime-runc/moby")));
    }

    #[test]
    fn a_plain_run_has_the_working_folder_as_bundle() {
        assert_eq!(bundles_of("runc run web"), [Path::new("/here")]);
        assert_eq!(bundles_of("crun run --bundle=/b web"), [Path::new("/b")]);
    }

    #[test]
    fn a_relative_bundle_has_been_entered_or_is_below() {
        assert_eq!(bundles_of("crun run -b bundle web"), [Path::new("/here"), Path::new("/here/bundle")]);
        assert_eq!(parsed("runc --root state run web").unwrap().root.as_deref(), Some(Path::new("/here/state")));
    }

    #[test]
    fn an_exec_says_nothing_of_a_bundle() {
        assert_eq!(bundles_of("runc exec --cwd / -t web sh"), Vec::<PathBuf>::new());
        assert_eq!(parsed("runc exec web runc run other").unwrap().id, "web");
    }

    #[test]
    fn without_a_folder_a_relative_path_is_none() {
        let words = ["runc", "run", "-b", "here", "web"].map(str::to_owned);
        assert_eq!(parse(&words, None).unwrap().bundles, Vec::<PathBuf>::new());
    }

    #[test]
    fn other_programs_and_other_commands_are_none() {
        for line in ["nginx run web", "runc list", "runc", "", "runc run", "runc --root"] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }

    #[test]
    fn a_runtime_is_known_by_its_file_or_its_sealed_copy() {
        for (program, runtime) in
            [("runc", Some("runc")), ("memfd:runc_clone", Some("runc")), ("memfd:x", None), ("nginx", None)]
        {
            assert_eq!(runtime_named(program), runtime, "{program}");
        }
    }
}
