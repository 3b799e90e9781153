//! Whom the recording follows: containers that run already, those that announce themselves, and a command of its own.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use ctrec_recording::{Container, Header, LossKind};

use super::{Notice, Observe, Session};
use crate::cgroups::{self, Hierarchies, OwnCgroup};
use crate::command::Command;
use crate::containers::{Doubt, Verdict};
use crate::counters::Counters;
use crate::engine::{self, Asker, Trouble};
use crate::error::RecordError;
use crate::kernel::Init;
use crate::waiting::wait;
use crate::wire::{Arrival, CgroupKey, Event, Message, NewProgram};

/// How long the end of a recording is put off for answers of engines.
const LAST_ANSWERS: Duration = Duration::from_secs(4);

/// Slots that get memory before the recorder looks at anything else. Those beyond are found in their map at the next
/// window, and counted meanwhile where there is no memory of their own.
const SLOTS_AT_ONCE: usize = 1000;

impl Session<'_> {
    /// Enters the containers that run, are wanted, and have not announced themselves. After attaching, for one that
    /// starts meanwhile is seen by the hooks or found here.
    pub(super) fn add_running(&mut self) -> Result<(), RecordError> {
        self.add_found(|_, _| ())
    }

    /// The same at each window: one that was being set up while we attached has a cgroup that we did not see made, and
    /// no engine's record until it runs. What it did until now is lost.
    pub(super) fn add_missed(&mut self) -> Result<(), RecordError> {
        self.add_found(|counters, number| {
            counters.lose(LossKind::AttachGap, Some(number), "it was being set up while recording began");
        })
    }

    fn add_found(&mut self, note: impl Fn(&mut Counters, u32)) -> Result<(), RecordError> {
        let now_ns = self.clock.now_ns()?;
        let mut added = false;
        // Most were found before: their cgroups, one in each hierarchy, need not be looked at again.
        let running = self.containers.recorded().filter(|row| row.ended_ns.is_none());
        let running: BTreeSet<String> = running.map(|row| row.id.clone()).collect();
        for mut found in self.running.find() {
            if running.contains(&found.row.id) || !self.containers.may_want(&found) {
                continue;
            }
            let cgroups = cgroups_of(&found, &self.hierarchies);
            if cgroups.is_empty() {
                continue; /* it shares its cgroup with the host, so its calls cannot be told from others */
            }
            let known = cgroups.iter().map(|cgroup| self.kernel.knows_cgroup(cgroup));
            if known.collect::<Result<Vec<_>, _>>()?.contains(&true) {
                continue;
            }
            let monotonic_ns = self.kernel.clocks()?.time_ns;
            let init = Init { pid: found.pid, started_ns: monotonic_ns, user_space: user_space(found.pid) };
            let number = self.kernel.add_container(&cgroups, Some(init))?;
            found.row.started_ns = now_ns;
            if self.containers.add_running(number, found) == Verdict::Drop {
                self.drop_container(number)?;
            }
            note(&mut self.counters, number);
            added = true;
        }
        if added {
            self.kernel.clear_thread_cache()?;
            // Makes the kernel side look at every thread that is asleep; those that run announce themselves.
            self.kernel.unfinished()?;
        }
        Ok(())
    }

    pub(super) fn start_command(&mut self, words: &[OsString], observe: &mut Observe<'_>) -> Result<(), RecordError> {
        let hierarchy = self.hierarchies.own().ok_or(RecordError::NoCgroups)?;
        let mount = hierarchy.mount.clone();
        let failed = |source| RecordError::Cgroup { path: mount.clone(), source };
        cgroups::sweep(hierarchy);
        let cgroup = OwnCgroup::create(hierarchy, &self.header.run).map_err(failed)?;
        let number = self.kernel.add_container(&[cgroup.key().map_err(failed)?], None)?;
        self.kernel.attach()?;
        let row = command_row(words, &self.header, &cgroup.path());
        self.containers.add(number, Container { started_ns: self.clock.now_ns()?, ..row });
        // Before the command says anything: it has the same terminal.
        observe(&Notice::Began);
        let command = Command::start(words, &cgroup, self.files);
        self.cgroup = Some(cgroup);
        self.command = Some(command?);
        Ok(())
    }

    /// Handles what the kernel side announced. Memory for a bank of slots takes the kernel some 10 ms, and a host full of
    /// containers claims many at once. A container that comes meanwhile may be gone by then, and its name with it, so
    /// after each slot whoever came is looked at first.
    pub(super) fn handle_events(&mut self) -> Result<(), RecordError> {
        let mut slots = VecDeque::new();
        self.take_events(&mut slots)?;
        for _ in 0..SLOTS_AT_ONCE {
            let Some(slot) = slots.pop_front() else { break };
            self.counters.add_slot(&mut self.kernel, slot.slot, slot.key)?;
            self.take_events(&mut slots)?;
        }
        Ok(())
    }

    /// Handles all that was announced but slots, which are added to a queue.
    fn take_events(&mut self, slots: &mut VecDeque<Event>) -> Result<(), RecordError> {
        for message in self.events.take()? {
            match message {
                Message::Cgroup(place) => self.containers.cgroup_made(&place),
                Message::Joined(arrival) => {
                    if self.joined(&arrival)? == Verdict::Drop {
                        slots.retain(|slot| slot.key.container != arrival.place.event.container);
                    }
                }
                Message::Slot(event) => slots.push_back(event),
                Message::Program(program) => self.executed(program)?,
                Message::Empty => {} /* seen at the next window, in the kernel's own numbers */
            }
        }
        Ok(())
    }

    /// A program was executed for the first time: what its file permits can be read while the container lives.
    fn executed(&mut self, program: NewProgram) -> Result<(), RecordError> {
        self.containers.add_programs(&self.kernel.take_paths()?);
        let init = self.kernel.container(program.event.container)?.map(|container| container.init_tid);
        let processes = [Some(program.pid), init, self.command.is_some().then(std::process::id)];
        self.containers.read_file_capabilities(program.program, processes.into_iter().flatten());
        Ok(())
    }

    fn joined(&mut self, arrival: &Arrival) -> Result<Verdict, RecordError> {
        if arrival.threads > 1 {
            // Only the leader was announced: let the others be looked up.
            self.kernel.clear_thread_cache()?;
        }
        let verdict = self.containers.joined(arrival, &self.clock);
        if verdict == Verdict::Drop {
            self.drop_container(arrival.place.event.container)?;
        }
        Ok(verdict)
    }

    fn drop_container(&mut self, number: u32) -> Result<(), RecordError> {
        self.kernel.drop_container(number)?;
        self.counters.drop_container(number);
        Ok(())
    }

    /// Asks engines' sockets for what the disk did not say. Nobody waits for the answers.
    pub(super) fn ask_engines(&mut self) {
        let Some(asker) = &self.asker else { return };
        let host = self.running.host();
        self.containers.ask(|number, question| asker.ask(host, number, question));
    }

    /// Enters what engines answered.
    pub(super) fn handle_answers(&mut self) -> Result<(), RecordError> {
        let answers = self.asker.as_ref().map(Asker::answers).unwrap_or_default();
        for mut answer in answers {
            for Trouble { socket, reason } in answer.troubles.drain(..) {
                if self.silent.0.iter().all(|(known, _)| *known != socket) {
                    self.silent.0.push((socket, reason));
                }
            }
            let number = answer.number;
            if self.containers.answered(answer) == Verdict::Drop {
                self.drop_container(number)?;
            }
        }
        Ok(())
    }

    /// Waits for the answers that are to come, at the end of a recording. Not for long: a socket that kept silent so far
    /// will not speak now.
    pub(super) fn await_answers(&mut self) -> Result<(), RecordError> {
        let until = Instant::now() + LAST_ANSWERS;
        self.ask_engines();
        while let Some(asker) = self.asker.as_ref().filter(|_| self.containers.await_answers())
            && Instant::now() < until
        {
            wait(&self.events, &self.signals, &[asker.as_fd()], Some(until))?;
            self.handle_answers()?;
        }
        Ok(())
    }

    /// Looks again for the names of containers that could not be told.
    pub(super) fn look_again(&mut self) -> Result<(), RecordError> {
        self.containers.look_again().into_iter().try_for_each(|number| self.drop_container(number))
    }

    /// Counts a loss for each container of which too little was found out in time.
    pub(super) fn give_up(&mut self, ended: impl Fn(u32) -> bool) {
        for (number, doubt) in self.containers.give_up(ended) {
            let (kind, why) = match doubt {
                Doubt::Unresolved => (LossKind::Unresolved, "its engine's record was gone before it was read"),
                Doubt::Undecided => (LossKind::Undecided, "its engine did not say what the pattern looks at"),
            };
            self.counters.lose(kind, Some(number), why);
        }
    }
}

/// Inode of a process's user namespace; 0 where it is gone.
fn user_space(pid: u32) -> u32 {
    use std::os::unix::fs::MetadataExt;
    let inode = fs::metadata(format!("/proc/{pid}/ns/user")).map(|namespace| namespace.ino());
    inode.ok().and_then(|inode| u32::try_from(inode).ok()).unwrap_or_default()
}

/// Keys of a running container's cgroups and of those below them.
fn cgroups_of(found: &engine::LiveFound, hierarchies: &Hierarchies) -> Vec<CgroupKey> {
    let mut keys = Vec::new();
    for (id, path) in &found.cgroups {
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
