//! The host's cgroup hierarchies: which there are, a cgroup's key in each, and a cgroup of our own for a command.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ctrec_recording::CgroupLayout;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wire::CgroupKey;

/// A mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// 0 is v2; others as in `/proc/self/cgroup`.
    pub(crate) id: u32,
    /// Where it is mounted.
    pub(crate) mount: PathBuf,
}

/// The hierarchies of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hierarchies(Vec<Hierarchy>);

impl Hierarchies {
    /// Reads what is mounted, from `/proc/self/mountinfo` and `/proc/self/cgroup` below `proc`.
    pub(crate) fn read(proc: &Path) -> io::Result<Self> {
        let mounts = fs::read_to_string(proc.join("self/mountinfo"))?;
        let membership = fs::read_to_string(proc.join("self/cgroup"))?;
        Ok(Self::parse(&mounts, &membership))
    }

    fn parse(mounts: &str, membership: &str) -> Self {
        let mut found: Vec<Hierarchy> = mounts.lines().filter_map(|line| parse_mount(line, membership)).collect();
        found.sort_by_key(|hierarchy| hierarchy.id);
        found.dedup_by_key(|hierarchy| hierarchy.id);
        Self(found)
    }

    /// All of them, v2 first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Hierarchy> {
        self.0.iter()
    }

    /// How the host mounts them; `None` where none is.
    pub(crate) fn layout(&self) -> Option<CgroupLayout> {
        let v2 = self.0.iter().any(|hierarchy| hierarchy.id == 0);
        let v1 = self.0.iter().any(|hierarchy| hierarchy.id != 0);
        match (v2, v1) {
            (true, false) => Some(CgroupLayout::V2),
            (true, true) => Some(CgroupLayout::Hybrid),
            (false, true) => Some(CgroupLayout::V1),
            (false, false) => None,
        }
    }

    /// The hierarchy that a command's own cgroup is made in: v2 where there is one.
    pub(crate) fn own(&self) -> Option<&Hierarchy> {
        self.0.first()
    }
}

/// One line of mountinfo, if it mounts the root of a cgroup hierarchy.
fn parse_mount(line: &str, membership: &str) -> Option<Hierarchy> {
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let right: Vec<&str> = right.split(' ').collect();
    let (root, mount) = (left.get(3)?, PathBuf::from(unescape(left.get(4)?)));
    if *root != "/" {
        return None; /* a part of a hierarchy, mounted for a container */
    }
    match *right.first()? {
        "cgroup2" => Some(Hierarchy { id: 0, mount }),
        "cgroup" => {
            let options: Vec<&str> = right.get(2)?.split(',').collect();
            let id = membership.lines().find_map(|line| {
                let mut parts = line.splitn(3, ':');
                let (id, names) = (parts.next()?, parts.next()?);
                names.split(',').any(|name| !name.is_empty() && options.contains(&name)).then(|| id.parse().ok())?
            })?;
            Some(Hierarchy { id, mount })
        }
        _ => None,
    }
}

/// mountinfo writes space, tab, newline and backslash as octal.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

/// The kernel's key of a cgroup: the inode of its folder is the id of its kernfs node.
pub(crate) fn key_of(folder: &Path, hierarchy: u32) -> io::Result<CgroupKey> {
    Ok(CgroupKey { id: fs::metadata(folder)?.ino(), hierarchy, ..CgroupKey::default() })
}

/// A cgroup that exists as long as this value.
#[derive(Debug)]
pub(crate) struct OwnCgroup {
    folder: PathBuf,
    hierarchy: u32,
    /// The folder, held locked and never read: that is how others know that its recorder lives. A process id would not
    /// do, as theirs may be another process namespace.
    _lock: File,
}

/// What our cgroups' names begin with; the run's id follows.
const OWN_PREFIX: &str = "ctrec-";

/// Removes the cgroups of recorders that were killed. Those of living ones stay, and those with processes in them, which
/// the kernel refuses to remove.
pub(crate) fn sweep(hierarchy: &Hierarchy) {
    for folder in subfolders(&hierarchy.mount) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.strip_prefix(OWN_PREFIX).is_some_and(is_run)
            && let Ok(lock) = File::open(&folder)
            && lock.try_lock().is_ok()
        {
            remove(&folder).unwrap_or_default(); /* somebody is in it */
        }
    }
}

/// Whether a text is like a run's id, `20260131T235959Z-5f1c09a2e4b7`.
fn is_run(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_once("Z-").and_then(|(stamp, random)| Some((stamp.split_once('T')?, random)));
    parts.is_some_and(|((date, time), random)| {
        digits(date) && digits(time) && !random.is_empty() && random.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Removes a cgroup and those below it, as far as nobody is in them.
fn remove(folder: &Path) -> io::Result<()> {
    subfolders(folder).iter().try_for_each(|below| remove(below))?;
    fs::remove_dir(folder)
}

/// How long somebody else may take to sweep a cgroup, and how often to look.
const SWEPT_WITHIN: Duration = Duration::from_secs(1);
const TRIES: u32 = 100;

/// Locks a cgroup's folder; `None`: somebody else has locked it, or removed it meanwhile.
fn hold(folder: &Path) -> io::Result<Option<File>> {
    let lock = match File::open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        lock => lock?,
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let locked = lock.metadata()?.ino();
    Ok(fs::metadata(folder).is_ok_and(|found| found.ino() == locked).then_some(lock))
}

impl OwnCgroup {
    /// Makes `ctrec-<run>` below the hierarchy's root.
    pub(crate) fn create(hierarchy: &Hierarchy, run: &str) -> io::Result<Self> {
        let folder = hierarchy.mount.join(format!("{OWN_PREFIX}{run}"));
        fs::create_dir(&folder)?;
        for _ in 0..TRIES {
            if let Some(lock) = hold(&folder)? {
                return Ok(Self { folder, hierarchy: hierarchy.id, _lock: lock });
            }
            // Somebody sweeps it, having found it before it was locked.
            thread::sleep(SWEPT_WITHIN / TRIES);
            match fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        remove(&folder)?;
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Path inside the hierarchy.
    pub(crate) fn path(&self) -> String {
        format!("/{}", self.folder.file_name().unwrap_or_default().to_string_lossy())
    }

    /// The file that a process writes 0 to, to enter.
    pub(crate) fn entrance(&self) -> io::Result<fs::File> {
        fs::OpenOptions::new().write(true).open(self.folder.join("cgroup.procs"))
    }

    /// The kernel's key.
    pub(crate) fn key(&self) -> io::Result<CgroupKey> {
        key_of(&self.folder, self.hierarchy)
    }

    /// Processes in it and in the cgroups below it.
    pub(crate) fn processes(&self) -> Vec<u32> {
        processes_below(&self.folder)
    }

    /// Ends every process in it, at once where the kernel can (Linux 5.14, v2). Elsewhere one may be born meanwhile, so
    /// whoever calls looks again.
    pub(crate) fn kill(&self) {
        if fs::write(self.folder.join("cgroup.kill"), "1").is_err() {
            self.processes().into_iter().for_each(|pid| send(pid, Signal::SIGKILL));
        }
    }
}

/// Sends a signal to a process. One that has ended is fine; 0, which a process elsewhere shows as, would be ourselves.
pub(crate) fn send(pid: u32, signal: Signal) {
    if let Ok(pid @ 1..) = i32::try_from(pid) {
        kill(Pid::from_raw(pid), signal).unwrap_or_default();
    }
}

/// Processes in a cgroup and in those below it.
pub(crate) fn processes_below(folder: &Path) -> Vec<u32> {
    let mut found: Vec<u32> = fs::read_to_string(folder.join("cgroup.procs"))
        .map(|text| text.lines().filter_map(|line| line.parse().ok()).collect())
        .unwrap_or_default();
    for below in subfolders(folder) {
        found.extend(processes_below(&below));
    }
    found
}

/// Cgroups right below one.
pub(crate) fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

impl Drop for OwnCgroup {
    /// A cgroup with processes left in it stays: they were started on purpose, and the kernel refuses to remove it.
    fn drop(&mut self) {
        drop(remove(&self.folder));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
34 30 0:28 /docker/x /mnt/part rw - cgroup cgroup rw,cpu,cpuacct
";
    const MEMBERSHIP: &str = "3:name=systemd:/a\n2:cpu,cpuacct:/\n0::/\n";

    #[test]
    fn a_hybrid_host_has_v2_first_and_each_v1_hierarchy_once() {
        let found = Hierarchies::parse(HYBRID, MEMBERSHIP);
        let ids: Vec<_> = found.iter().map(|hierarchy| hierarchy.id).collect();
        assert_eq!(ids, [0, 2, 3]);
        assert_eq!(found.layout(), Some(CgroupLayout::Hybrid));
        assert_eq!(found.own().unwrap().mount, Path::new("/sys/fs/cgroup/unified"));
    }

    #[test]
    fn a_v1_host_uses_a_v1_hierarchy_for_its_own_cgroup() {
        let found = Hierarchies::parse(&HYBRID.replace("cgroup2", "other"), MEMBERSHIP);
        assert_eq!(found.layout(), Some(CgroupLayout::V1));
        assert_eq!(found.own().unwrap().id, 2);
    }

    #[test]
    fn only_cgroups_of_dead_recorders_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let hierarchy = Hierarchy { id: 0, mount: folder.path().to_owned() };
        let living = OwnCgroup::create(&hierarchy, "20260131T235959Z-5f1c09a2e4b7").unwrap();
        let living = living.folder.file_name().unwrap().to_str().unwrap();
        let others = ["ctrec-test-1-4194305", "web-20260131T235959Z-4194305"];
        // The second as process 1 of another process namespace was called.
        for name in ["ctrec-20260131T235959Z-aaaaaaaaaaaa", "ctrec-20260131T235959Z-1"].iter().chain(&others) {
            fs::create_dir_all(folder.path().join(name).join("below")).unwrap();
        }
        sweep(&hierarchy);
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [living, others[0], others[1]]);
    }

    #[test]
    fn a_cgroup_that_is_swept_before_it_is_locked_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let hierarchy = Hierarchy { id: 0, mount: folder.path().to_owned() };
        let path = folder.path().join("ctrec-20260131T235959Z-5f1c09a2e4b7");
        fs::create_dir(&path).unwrap();
        let sweeper = File::open(&path).unwrap();
        sweeper.try_lock().unwrap();
        assert!(hold(&path).unwrap().is_none(), "it is being swept");
        fs::remove_dir(&path).unwrap();
        assert!(hold(&path).unwrap().is_none(), "it is gone");
        let own = OwnCgroup::create(&hierarchy, "20260131T235959Z-5f1c09a2e4b7").unwrap();
        assert!(hold(&own.folder).unwrap().is_none(), "it is locked");
        drop(own);
        assert!(!path.exists());
    }

    #[test]
    fn nothing_mounted_is_no_layout() {
        assert_eq!(Hierarchies::parse("", "").layout(), None);
        assert_eq!(Hierarchies::parse("nonsense\n - \n", "::\n").layout(), None);
    }
}
