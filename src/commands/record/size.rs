//! What `--max-size` cannot do: said once, at the start.

use std::path::Path;

use bytesize::ByteSize;
use nix::sys::statvfs::statvfs;

/// So much in the store is not counted.
pub(super) fn uncounted(bytes: u64) -> String {
    format!("note: {} in the store are no runs of ctrec: --max-size neither counts nor removes them", si(bytes))
}

/// A store is to become larger than its disk.
pub(super) fn too_large(most: u64, store: &Path) -> Option<String> {
    beyond(most, disk_of(store)?)
}

/// Bytes of the disk that a store is on, or is to be made on.
fn disk_of(store: &Path) -> Option<u64> {
    let store = std::path::absolute(store).ok()?;
    let disk = store.ancestors().find_map(|folder| statvfs(folder).ok())?;
    Some(disk.blocks() * disk.fragment_size())
}

fn beyond(most: u64, disk: u64) -> Option<String> {
    let text = || {
        let (most, disk) = (si(most), si(disk));
        format!("note: --max-size is {most}, and the whole disk has {disk}: it will be full before any run is removed")
    };
    (most > disk).then(text)
}

fn si(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_beyond_the_disk_is_said() {
        assert_eq!(beyond(1_000_000, 1_000_000), None);
        let shown = beyond(2_000_000_000, 1_000_000_000).unwrap();
        assert!(shown.contains("--max-size is 2.0 GB") && shown.contains("1.0 GB"), "{shown}");
    }

    #[test]
    fn the_disk_of_a_store_that_is_to_be_made_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk_of(folder.path());
        assert!(disk > Some(0) && disk_of(&folder.path().join("no/store")) == disk);
        assert!(too_large(u64::MAX, folder.path()).is_some());
    }
}
