//! Root file systems for containers. Lives here: how they are made and cached. No registry is ever asked.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempDir;

use crate::asks;
use crate::process::run;
use crate::program::Program;

/// Debian's release that the images are made of.
const SUITE: &str = "bookworm";

/// What a test may run a container from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Image {
    /// Debian with nginx and redis.
    Servers,
    /// Debian with Postgres and `HAProxy`.
    Backends,
    /// Debian with Python's gunicorn and Node.
    Scripts,
    /// Debian with systemd.
    Systemd,
    /// A static busybox, and the test programs in `/programs`.
    Tiny,
    /// The same, with each row of [`Program::Asks`] in `/rows` and files of the image in `/lower`.
    Asks,
}

/// Making an image takes a minute and tests may run side by side: one makes it, the others wait.
static MAKING: Mutex<()> = Mutex::new(());

impl Image {
    /// Name of the image in an engine.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Servers => "servers",
            Self::Backends => "backends",
            Self::Scripts => "scripts",
            Self::Systemd => "systemd",
            Self::Tiny => "tiny",
            Self::Asks => "asks",
        }
    }

    /// The image as a tar archive, made unless it is in the cache.
    pub(crate) fn archive(self) -> PathBuf {
        // A test that failed while it made an image leaves nothing half made: archives are renamed into place.
        let _making = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match self {
            Self::Servers => self.debian("nginx-light,redis-server"),
            Self::Backends => self.debian("haproxy,postgresql"),
            Self::Scripts => self.debian("gunicorn,nodejs"),
            Self::Systemd => self.debian("systemd-sysv"),
            Self::Tiny => {
                let programs: Vec<(&str, PathBuf)> = Program::ALL.iter().map(|it| (it.name(), it.binary())).collect();
                cached(self.name(), &format!("{APPLETS:?}{programs:?}"), |archive| make_tiny(archive, &programs))
            }
            Self::Asks => {
                let (program, rows) = (Program::Asks.binary(), asks::programs());
                let recipe = format!("{APPLETS:?}{program:?}{rows:?}{LOWER:?}");
                cached(&format!("{}.tar", self.name()), &recipe, |archive| make_asks(archive, &program, &rows))
            }
        }
    }

    /// Debian with some packages.
    fn debian(self, packages: &str) -> PathBuf {
        let include = format!("--include={packages}");
        let recipe = [DEBIAN, &[&include]].concat();
        cached(self.name(), &recipe.join(" "), |archive| {
            run(&[&recipe, [SUITE, text(archive)].as_slice()].concat()).success();
        })
    }

    /// The image unpacked in a folder that vanishes with the test.
    pub(crate) fn unpack(self) -> TempDir {
        let root = TempDir::with_prefix("ctrec-root-").expect("a temporary folder can be made");
        let archive = self.archive();
        let words = [
            "tar",
            "-C",
            text(root.path()),
            "--numeric-owner",
            "--xattrs",
            "--xattrs-include=security.*",
            "-xpf",
            text(&archive),
        ];
        run(&words).success();
        root
    }
}

/// The recipe of an image of Debian, less packages, suite and archive. Without documentation it is a third smaller.
const DEBIAN: &[&str] = &[
    "mmdebstrap",
    "--quiet",
    "--variant=minbase",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
];

/// What busybox is to be in [`Image::Tiny`].
const APPLETS: [&str; 6] = ["cat", "echo", "id", "mkfifo", "sh", "sleep"];

/// Files of [`Image::Asks`] that its rows change: each is copied up then, by overlayfs's own hand.
const LOWER: [&str; 3] = ["chown", "chmod", "unlink"];

fn make_tiny(archive: &Path, programs: &[(&str, PathBuf)]) {
    let root = root_of_busybox();
    fs::create_dir(root.path().join("programs")).expect("a folder can be made");
    for (name, binary) in programs {
        fs::copy(binary, root.path().join("programs").join(name)).expect("a test program can be copied");
    }
    pack(root.path(), archive);
}

/// A recording tells programs by their files, so each row gets a copy of its own.
fn make_asks(archive: &Path, program: &Path, rows: &[&str]) {
    let root = root_of_busybox();
    let at = |name: &str| root.path().join(name);
    for folder in ["rows", "lower"] {
        fs::create_dir(at(folder)).expect("a folder can be made");
    }
    for row in rows {
        fs::copy(program, at("rows").join(row)).expect("a test program can be copied");
    }
    for file in LOWER {
        fs::write(at("lower").join(file), file).expect("a file can be written");
    }
    run(&["chown", "--recursive", "0:0", text(root.path())]).success();
    run(&["chmod", "4755", text(&at("rows/set_user"))]).success();
    run(&[text(&at("rows/give_file_cap")), text(&at("rows/has_file_cap"))]).success();
    pack(root.path(), archive);
}

/// A root file system with a shell and nothing to run.
fn root_of_busybox() -> TempDir {
    let root = TempDir::with_prefix("ctrec-busybox-").expect("a temporary folder can be made");
    for folder in ["bin", "proc", "sys", "dev", "tmp", "etc", "data"] {
        fs::create_dir(root.path().join(folder)).expect("a folder can be made");
    }
    fs::copy("/usr/bin/busybox", root.path().join("bin/busybox")).expect("busybox can be copied");
    for applet in APPLETS {
        symlink("busybox", root.path().join("bin").join(applet)).expect("a link can be made");
    }
    root
}

/// Packs a root file system, with the capabilities of its files.
fn pack(root: &Path, archive: &Path) {
    let kept = ["--numeric-owner", "--owner=0", "--group=0", "--xattrs", "--xattrs-include=security.*"];
    run(&[&["tar", "-C", text(root)], kept.as_slice(), &["-cf", text(archive), "."]].concat()).success();
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
