//! A file system of which only the blocks that are kept back for root are left, on a loop device.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::docker::report;
use crate::image::text;
use crate::process::run;

/// Enough for the file system itself and a few blocks.
const BYTES: u64 = 4 << 20;

/// A mounted file system, until it is dropped. Everybody may write to it.
pub(crate) struct FullDisk {
    folder: TempDir,
}

impl FullDisk {
    /// Makes and mounts it. Half is kept back: whoever writes reaches that soon.
    pub(crate) fn mount() -> Self {
        let folder = TempDir::with_prefix("ctrec-disk-").expect("a temporary folder can be made");
        let disk = Self { folder };
        let image = disk.folder.path().join("image");
        File::create(&image).and_then(|file| file.set_len(BYTES)).expect("an image can be made");
        run(&["mkfs.ext4", "-q", "-F", "-m", "50", text(&image)]).success();
        fs::create_dir(disk.path()).expect("a mount point can be made");
        run(&["mount", "-o", "loop", text(&image), text(&disk.path())]).success();
        fs::set_permissions(disk.path(), Permissions::from_mode(0o1777)).expect("it can be opened to everybody");
        disk
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("full")
    }

    /// The same as a volume of Docker's.
    pub(crate) fn volume(&self, at: &Path) -> String {
        format!("--volume={}:{}", text(&self.path()), text(at))
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        // A container that holds it keeps the device busy until it ends, but not the mount point.
        report(&run(&["umount", "--lazy", text(&self.path())]));
    }
}
