//! Root file systems for containers. Lives here: how they are made and cached. No registry is ever asked.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempDir;

use crate::process::run;
use crate::program::Program;

/// Debian's release that the images are made of.
const SUITE: &str = "bookworm";

/// What a test may run a container from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Image {
    /// Debian with nginx and redis.
    Servers,
    /// A static busybox, and the test programs in `/programs`.
    Tiny,
}

/// Making an image takes a minute and tests may run side by side: one makes it, the others wait.
static MAKING: Mutex<()> = Mutex::new(());

impl Image {
    /// Name of the image in an engine.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Servers => "servers",
            Self::Tiny => "tiny",
        }
    }

    /// The image as a tar archive, made unless it is in the cache.
    pub(crate) fn archive(self) -> PathBuf {
        // A test that failed while it made an image leaves nothing half made: archives are renamed into place.
        let _making = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match self {
            Self::Servers => cached(self.name(), &SERVERS.join(" "), |archive| {
                let archive = archive.to_str().expect("the cache's path is text");
                run(&[SERVERS, &[SUITE, archive]].concat()).success();
            }),
            Self::Tiny => {
                let programs: Vec<(&str, PathBuf)> = Program::ALL.iter().map(|it| (it.name(), it.binary())).collect();
                cached(self.name(), &format!("{APPLETS:?}{programs:?}"), |archive| make_tiny(archive, &programs))
            }
        }
    }

    /// The image unpacked in a folder that vanishes with the test.
    pub(crate) fn unpack(self) -> TempDir {
        let root = TempDir::with_prefix("ctrec-root-").expect("a temporary folder can be made");
        let archive = self.archive();
        let words = ["tar", "-C", text(root.path()), "--numeric-owner", "-xpf", text(&archive)];
        run(&words).success();
        root
    }
}

/// The recipe of [`Image::Servers`], less the suite and the archive. Without documentation it is a third smaller.
const SERVERS: &[&str] = &[
    "mmdebstrap",
    "--quiet",
    "--variant=minbase",
    "--include=nginx-light,redis-server",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
];

/// What busybox is to be in [`Image::Tiny`].
const APPLETS: [&str; 6] = ["cat", "echo", "id", "mkfifo", "sh", "sleep"];

fn make_tiny(archive: &Path, programs: &[(&str, PathBuf)]) {
    let root = TempDir::with_prefix("ctrec-tiny-").expect("a temporary folder can be made");
    for folder in ["bin", "programs", "proc", "sys", "dev", "tmp", "etc", "data"] {
        fs::create_dir(root.path().join(folder)).expect("a folder can be made");
    }
    fs::copy("/usr/bin/busybox", root.path().join("bin/busybox")).expect("busybox can be copied");
    for applet in APPLETS {
        symlink("busybox", root.path().join("bin").join(applet)).expect("a link can be made");
    }
    for (name, binary) in programs {
        fs::copy(binary, root.path().join("programs").join(name)).expect("a test program can be copied");
    }
    run(&["tar", "-C", text(root.path()), "--numeric-owner", "--owner=0", "--group=0", "-cf", text(archive), "."])
        .success();
}

/// The file of a recipe in the cache, made by `make` if it is not there.
pub(crate) fn cached(name: &str, recipe: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    recipe.hash(&mut hasher);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = cache.join(format!("{name}-{:016x}", hasher.finish()));
    if !file.exists() {
        let half_made = cache.join(format!("{name}-{}.tar", std::process::id()));
        make(&half_made);
        fs::rename(&half_made, &file).expect("what was made can be renamed");
    }
    file
}

/// A path as text. Every path of the harness is text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("the harness's paths are text")
}
