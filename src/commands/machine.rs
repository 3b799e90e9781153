//! What a recording asks of a machine besides its kernel: memory, room on the disk, and what it costs there.
//!
//! Lives here: looking, and the words. Does not: the kernel, permissions, cgroups, engines (see `ctrec_record::survey`).

use std::fs;
use std::path::Path;

use bytesize::ByteSize;
use ctrec_record::{Answer, State};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use crate::cli::STORE;

/// Less memory than this may not hold the counters of a busy host: 8 KiB for each slot and CPU, and the windows.
const LITTLE_MEMORY: u64 = 256 << 20;
/// Less room than this may be full within a day.
const LITTLE_ROOM: u64 = 1 << 30;

/// Everything that is asked here.
pub(super) fn answers() -> Vec<Answer> {
    let memory = match fs::read_to_string("/proc/self/cgroup") {
        Ok(cgroups) => memory(memory_limit(&cgroups, &|path| fs::read_to_string(path).ok())),
        Err(error) => answer("memory limit", State::NotTried, format!("/proc/self/cgroup would tell: {error}")),
    };
    vec![memory, store(Path::new(".")), cost(), unneeded()]
}

fn answer(subject: &str, state: State, text: String) -> Answer {
    Answer { subject: subject.to_owned(), state, text }
}

/// The least limit of the cgroups that a process is in; `None`: there is none, or it cannot be read.
fn memory_limit(cgroups: &str, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let mut files = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let of = |root: &str, file: &str| {
            let ancestors = Path::new(path).ancestors();
            ancestors
                .map(|part| Path::new(root).join(part.strip_prefix("/").unwrap_or(part)).join(file))
                .collect::<Vec<_>>()
        };
        if controllers.is_empty() {
            files.extend(of("/sys/fs/cgroup", "memory.max"));
        } else if controllers.split(',').any(|controller| controller == "memory") {
            files.extend(of("/sys/fs/cgroup/memory", "memory.limit_in_bytes"));
        }
    }
    // v1 says that there is no limit by a number near 2^63.
    let limits = files.iter().filter_map(|file| read(file)?.trim().parse::<u64>().ok());
    limits.filter(|limit| *limit < 1 << 60).min()
}

fn memory(limit: Option<u64>) -> Answer {
    let subject = "memory limit";
    let Some(limit) = limit else {
        return answer(subject, State::Ok, "none on this session's cgroup".to_owned());
    };
    let size = ByteSize::b(limit).display().iec();
    if limit < LITTLE_MEMORY {
        let text = format!(
            "{size} for this session's cgroup is little where many containers run; raise it, as MemoryMax= of its unit"
        );
        return answer(subject, State::Limited, text);
    }
    answer(subject, State::Ok, format!("{size} for this session's cgroup"))
}

/// The place where `record` would write by default.
fn store(folder: &Path) -> Answer {
    let subject = "default store";
    let place = format!("./{STORE}");
    if let Err(errno) = access(folder, AccessFlags::W_OK) {
        let text = format!("{place} cannot be written ({}); name another with record --output", errno.desc());
        return answer(subject, State::Limited, text);
    }
    let room = match statvfs(folder) {
        Ok(found) => found.blocks_available() * found.fragment_size(),
        Err(errno) => return answer(subject, State::Limited, format!("room for {place} not known: {}", errno.desc())),
    };
    let size = ByteSize::b(room).display().iec();
    if room < LITTLE_ROOM {
        let text = format!("{size} free for {place}; make room, or name another place with record --output");
        return answer(subject, State::Limited, text);
    }
    answer(subject, State::Ok, format!("{size} free for {place}"))
}

/// Measured elsewhere: to measure it here takes minutes.
fn cost() -> Answer {
    let text = "recording may add to a call 1.25 times what an empty program on the same hook adds; \
                scripts/bench.sh in the sources measures it here";
    answer("what it costs", State::Ok, text.to_owned())
}

fn unneeded() -> Answer {
    answer("bpffs", State::Ok, "not needed, mounted or not".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_above_a_process_counts() {
        let read = |path: &Path| {
            let text = match path.to_str()? {
                "/sys/fs/cgroup/a/b/memory.max" => "max\n",
                "/sys/fs/cgroup/a/memory.max" => "1000\n",
                "/sys/fs/cgroup/memory/c/memory.limit_in_bytes" => "9223372036854771712\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes" => "2000\n",
                _ => return None,
            };
            Some(text.to_owned())
        };
        assert_eq!(memory_limit("0::/a/b\n", &read), Some(1000));
        assert_eq!(memory_limit("5:cpu,memory:/c\n0::/\n", &read), Some(2000));
        assert_eq!(memory_limit("5:cpu:/c\nbroken\n", &read), None);
        assert_eq!(memory(Some(1000)).state, State::Limited);
        assert_eq!(memory(None).state, State::Ok);
    }

    #[test]
    fn a_folder_that_cannot_be_written_limits_the_store() {
        let answer = store(Path::new("/proc"));
        assert!(answer.state == State::Limited && answer.text.contains("--output"), "{answer:?}");
        assert!(store(&std::env::temp_dir()).text.contains("free for ./ctrec.data"));
    }
}
