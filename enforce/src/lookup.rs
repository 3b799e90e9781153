//! Which file a command means.
//!
//! Lives here: the search that a shell does. Done before anything else, since under a filter the search itself, or the
//! report that it failed, might be refused.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use nix::unistd::{AccessFlags, access};

/// Why no file can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoFile {
    /// There is none.
    Missing,
    /// There is one, which is a folder or may not be executed.
    NotExecutable,
}

/// The file to run: the command itself where it holds a slash, else the first executable file of that name in the
/// folders of `path`.
pub(crate) fn find(command: &OsStr, path: &OsStr) -> Result<PathBuf, NoFile> {
    if command.as_bytes().contains(&b'/') {
        return judge(Path::new(command));
    }
    let mut worst = NoFile::Missing;
    for folder in std::env::split_paths(path).filter(|_| !command.is_empty()) {
        // An empty entry means the current folder.
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        match judge(&folder.join(command)) {
            Ok(file) => return Ok(file),
            Err(NoFile::NotExecutable) => worst = NoFile::NotExecutable,
            Err(NoFile::Missing) => {}
        }
    }
    Err(worst)
}

fn judge(file: &Path) -> Result<PathBuf, NoFile> {
    // A file that cannot be looked at (a folder on the way is closed to us) counts as missing, as in a shell.
    let Ok(metadata) = file.metadata() else { return Err(NoFile::Missing) };
    let runs = metadata.is_file() && access(file, AccessFlags::X_OK).is_ok();
    if runs { Ok(file.to_owned()) } else { Err(NoFile::NotExecutable) }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn the_first_executable_of_the_path_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        for place in [&first, &second] {
            fs::create_dir(place).unwrap();
            fs::write(place.join("tool"), "").unwrap();
        }
        let path = std::env::join_paths([&first, &second]).unwrap();
        assert_eq!(find("tool".as_ref(), &path), Err(NoFile::NotExecutable));
        fs::set_permissions(second.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("tool".as_ref(), &path), Ok(second.join("tool")));
        assert_eq!(find(first.join("tool").as_os_str(), &path), Err(NoFile::NotExecutable));
        assert_eq!(find(first.as_os_str(), &path), Err(NoFile::NotExecutable));
        assert_eq!(find("absent".as_ref(), &path), Err(NoFile::Missing));
        assert_eq!(find("".as_ref(), &path), Err(NoFile::Missing));
    }
}
