//! Where the host's files are, and how they are read.
//!
//! Lives here: paths, and the one way from a name that somebody else chose to a file that is opened. Does not: what any
//! file means.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

use super::daemons::Walk;

/// A larger record is not read.
const LARGEST_BYTES: u64 = 8 << 20;

/// Where the host's files are.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    /// The engines' daemons, as they were found last.
    pub(super) daemons: Rc<RefCell<Option<Walk>>>,
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    changed_ns: (i64, i64),
    bytes: u64,
}

impl Default for Host {
    fn default() -> Self {
        Self::at("/")
    }
}

impl Host {
    /// A host whose files lie below a folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), daemons: Rc::default() }
    }

    /// An absolute path of the host.
    pub(crate) fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.root.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// The content of a regular file. Anything else is left alone: opening a pipe could wait for ever.
    pub(super) fn read(&self, absolute: impl AsRef<Path>) -> Option<Vec<u8>> {
        let file = open(&self.path(absolute))?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.len() > LARGEST_BYTES {
            return None;
        }
        let mut content = Vec::new();
        file.take(LARGEST_BYTES).read_to_end(&mut content).ok()?;
        Some(content)
    }

    /// The same as text; what is no UTF-8 is replaced.
    pub(super) fn text(&self, absolute: impl AsRef<Path>) -> Option<String> {
        Some(String::from_utf8_lossy(&self.read(absolute)?).into_owned())
    }

    /// The same as JSON.
    pub(super) fn json(&self, absolute: impl AsRef<Path>) -> Option<Value> {
        serde_json::from_slice(&self.read(absolute)?).ok()
    }

    /// The state that a file is in.
    pub(super) fn stamp(&self, absolute: impl AsRef<Path>) -> Option<Stamp> {
        let metadata = fs::metadata(self.path(absolute)).ok()?;
        let changed_ns = (metadata.mtime(), metadata.mtime_nsec());
        Some(Stamp { inode: metadata.ino(), changed_ns, bytes: metadata.size() })
    }

    /// Names in a folder, sorted; none where it cannot be read.
    pub(super) fn names(&self, absolute: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.path(absolute)).into_iter().flatten().filter_map(Result::ok);
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    /// Paths that there are of a pattern, in which a component `*` stands for every name.
    pub(super) fn expand(&self, pattern: &str) -> Vec<PathBuf> {
        let mut found = vec![PathBuf::from("/")];
        for component in pattern.split('/').filter(|component| !component.is_empty()) {
            found = match component {
                "*" => found
                    .iter()
                    .flat_map(|folder| self.names(folder).into_iter().map(move |name| folder.join(name)))
                    .collect(),
                name => found.into_iter().map(|folder| folder.join(name)).collect(),
            };
        }
        if pattern.contains('*') {
            found.retain(|path| self.path(path).exists());
        }
        found
    }
}

/// The file or folder of a name below a folder. Every name that an engine, a runtime or a cgroup came up with passes
/// here before it becomes part of a path: `None` where it is more than one plain component.
pub(super) fn below(folder: &Path, name: &str) -> Option<PathBuf> {
    let is_plain = !name.is_empty() && name.len() <= 255 && !name.contains(['/', '\0']) && name != "." && name != "..";
    is_plain.then(|| folder.join(name))
}

fn open(path: &Path) -> Option<File> {
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_its_folder() {
        let folder = Path::new("/run/runc");
        assert_eq!(below(folder, "web"), Some(PathBuf::from("/run/runc/web")));
        assert_eq!(below(folder, "..."), Some(PathBuf::from("/run/runc/...")));
        for name in ["", ".", "..", "../x", "a/b", "/etc", "a\0b", &"x".repeat(256)] {
            assert_eq!(below(folder, name), None, "{name:?}");
        }
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::at(folder.path());
        nix::unistd::mkfifo(&folder.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::write(folder.path().join("file"), "{}").unwrap();
        File::create(folder.path().join("huge")).unwrap().set_len(LARGEST_BYTES + 1).unwrap();
        assert_eq!(host.read("/file"), Some(b"{}".to_vec()));
        for path in ["/pipe", "/huge", "/absent", "/", "/dev"] {
            assert_eq!(host.read(path), None, "{path}");
        }
    }

    #[test]
    fn a_star_stands_for_every_name_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        for user in ["1000", "1001"] {
            fs::create_dir_all(folder.path().join("run/user").join(user).join("crun")).unwrap();
        }
        fs::create_dir_all(folder.path().join("run/user/1002")).unwrap();
        let host = Host::at(folder.path());
        let expected = ["/run/user/1000/crun", "/run/user/1001/crun"].map(PathBuf::from);
        assert_eq!(host.expand("/run/user/*/crun"), expected);
        assert_eq!(host.expand("/run/absent"), [PathBuf::from("/run/absent")]);
    }
}
