//! Whom the recording follows: containers that run already, those that announce themselves, and a command of its own.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use ctrec_recording::{Container, Header};

use super::Session;
use crate::cgroups::{self, Hierarchies, OwnCgroup};
use crate::command::Command;
use crate::containers::Verdict;
use crate::engine::{self, Host};
use crate::error::RecordError;
use crate::wire::{CgroupKey, Event, EventKind};

impl Session<'_> {
    /// Enters the containers that run, are wanted, and have not announced themselves. After attaching: one that starts
    /// meanwhile is seen by the hooks or found here.
    pub(super) fn add_running(&mut self, hierarchies: &Hierarchies) -> Result<(), RecordError> {
        let now_ns = self.clock.now_ns()?;
        let mut added = false;
        for mut found in engine::find_live(&Host::default()) {
            if !self.containers.wants(&found.row) {
                continue;
            }
            let cgroups = cgroups_of(&found, hierarchies);
            if cgroups.is_empty() {
                continue; /* it shares its cgroup with the host, so its calls cannot be told from others */
            }
            if cgroups
                .iter()
                .map(|cgroup| self.kernel.knows_cgroup(cgroup))
                .collect::<Result<Vec<_>, _>>()?
                .contains(&true)
            {
                continue;
            }
            let monotonic_ns = self.kernel.clocks()?.time_ns;
            let number = self.kernel.add_container(&cgroups, Some((found.pid, monotonic_ns)))?;
            found.row.started_ns = now_ns;
            self.containers.add(number, found.row);
            added = true;
        }
        if added {
            self.kernel.clear_thread_cache()?;
            // Makes the kernel side look at every thread that is asleep; those that run announce themselves.
            self.kernel.unfinished()?;
        }
        Ok(())
    }

    pub(super) fn start_command(&mut self, words: &[OsString], hierarchies: &Hierarchies) -> Result<(), RecordError> {
        let hierarchy = hierarchies.own().ok_or(RecordError::NoCgroups)?;
        let failed = |source| RecordError::Cgroup { path: hierarchy.mount.clone(), source };
        let cgroup = OwnCgroup::create(hierarchy, &self.header.run).map_err(failed)?;
        let number = self.kernel.add_container(&[cgroup.key().map_err(failed)?], None)?;
        self.containers.add(number, command_row(words, &self.header, &cgroup.path()));
        self.kernel.attach()?;
        let command = Command::start(words, &cgroup);
        self.cgroup = Some(cgroup);
        self.command = Some(command?);
        Ok(())
    }

    pub(super) fn handle_events(&mut self) -> Result<(), RecordError> {
        for event in self.events.take()? {
            match event.event_kind()? {
                EventKind::Cgroup => self.containers.cgroup_made(&event),
                EventKind::Joined => self.joined(&event)?,
                EventKind::Slot => self.counters.add_slot(&self.kernel, event.slot, event.key)?,
                EventKind::Empty => {} /* seen at the next window, in the kernel's own numbers */
            }
        }
        Ok(())
    }

    pub(super) fn joined(&mut self, event: &Event) -> Result<(), RecordError> {
        if event.threads > 1 {
            // Only the leader was announced: let the others be looked up.
            self.kernel.clear_thread_cache()?;
        }
        if self.containers.joined(event, &self.clock) == Verdict::Drop {
            self.kernel.drop_container(event.container)?;
            self.counters.drop_container(event.container);
        }
        Ok(())
    }
}

/// Keys of a running container's cgroups and of those below them. Cgroups that it shares with the host are left out:
/// a runtime told to manage none leaves its container where it was started.
fn cgroups_of(found: &engine::LiveFound, hierarchies: &Hierarchies) -> Vec<CgroupKey> {
    let mut keys = Vec::new();
    for (id, path) in found.cgroups.iter().filter(|(_, path)| path.contains(found.row.id.as_str())) {
        let Some(hierarchy) = hierarchies.iter().find(|hierarchy| hierarchy.id == *id) else { continue };
        let folder = hierarchy.mount.join(path.trim_start_matches('/'));
        add_below(&folder, *id, &mut keys);
    }
    keys
}

fn add_below(folder: &Path, hierarchy: u32, keys: &mut Vec<CgroupKey>) {
    if let Ok(key) = cgroups::key_of(folder, hierarchy) {
        keys.push(key);
    }
    for below in cgroups::subfolders(folder) {
        add_below(&below, hierarchy, keys);
    }
}

/// The command as a container: no engine, and ctrec is what executes it.
fn command_row(words: &[OsString], header: &Header, cgroup_path: &str) -> Container {
    let text: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let name = text.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default().to_owned();
    Container {
        name,
        runtime: Some("ctrec".to_owned()),
        entrypoint_json: serde_json::to_string(&text).ok(),
        seccomp_json: own_filter(),
        no_new_privs: nix::sys::prctl::get_no_new_privs().ok(),
        started_ns: header.started_ns,
        resolved: true,
        ..engine::unresolved("command", &format!("command-{}", header.run), cgroup_path)
    }
}

/// `null`, the absence of a filter, where ctrec itself runs without one; what a filter says cannot be known from here.
fn own_filter() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:"))?;
    (mode.trim() == "0").then(|| "null".to_owned())
}
