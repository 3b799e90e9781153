//! One recording, from its first hook to its last window.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use ctrec_recording::{
    CgroupLayout, Container, End, Format, Header, LossKind, RunWriter, SchemaVersion, Settings, StoreError, Window,
};
use nix::sys::signal::Signal;

use crate::cgroups::{self, Hierarchies, OwnCgroup};
use crate::clock::Clock;
use crate::command::Command;
use crate::containers::{Containers, Matcher, Verdict};
use crate::counters::Counters;
use crate::engine::{self, Host};
use crate::error::RecordError;
use crate::kernel::{self, Events, Kernel, Storage};
use crate::waiting::{Signals, wait};
use crate::wire::{CgroupKey, Event, EventKind};

/// How long a command may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

/// What to record.
pub struct Options {
    /// Store to append a run to.
    pub store: PathBuf,
    /// How its tables are written.
    pub format: Format,
    /// Length of a window.
    pub window: Duration,
    /// How long; `None`: until a signal or the command's end.
    pub duration: Option<Duration>,
    /// What to record.
    pub target: Target,
    /// Version that goes into the header.
    pub ctrec_version: String,
    /// User and group that the store is left to.
    pub owner: Option<(u32, u32)>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Options").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Whom to record.
pub enum Target {
    /// Containers of this host, those that run and those to come.
    Containers {
        /// What the user wrote.
        patterns: Vec<String>,
        /// Whether a container is meant.
        matches: Matcher,
    },
    /// A command, started now.
    Command(Vec<OsString>),
}

impl std::fmt::Debug for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Containers { patterns, .. } => out.debug_tuple("Containers").field(patterns).finish(),
            Self::Command(command) => out.debug_tuple("Command").field(command).finish(),
        }
    }
}

/// How far a recording has come; given once a window and at its end.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Windows sealed.
    pub windows: u32,
    /// Containers recorded.
    pub containers: usize,
    /// Distinct calls of distinct programs.
    pub calls: usize,
    /// Losses so far.
    pub losses: u64,
    /// Why the last window could not be written, if it could not. Its counts are kept for the next one.
    pub unwritten: Option<String>,
}

/// What became of a recording.
#[derive(Debug)]
pub struct Outcome {
    /// The run's id.
    pub run: String,
    /// Its folder.
    pub path: PathBuf,
    /// Why it ended.
    pub end: End,
    /// Containers recorded.
    pub containers: Vec<Container>,
    /// How far it came.
    pub progress: Progress,
    /// Exit code of the command of [`Target::Command`]: 128 + n for signal n.
    pub command_code: Option<i32>,
    /// Processes of the command that still run.
    pub left_running: Vec<u32>,
}

/// Records until it is over. `observe` is called once it runs, once a window, and at the end.
pub fn record(options: &Options, observe: &mut dyn FnMut(&Progress)) -> Result<Outcome, RecordError> {
    kernel::check()?;
    let hierarchies = Hierarchies::read(Path::new("/proc"))
        .map_err(|source| RecordError::Host { path: "/proc/self/mountinfo".into(), source })?;
    let layout = hierarchies.layout().ok_or(RecordError::NoCgroups)?;
    let mut header = header(options, layout)?;
    let mut storage = Storage::new();
    let kernel = Kernel::load(&mut storage, matches!(options.target, Target::Containers { .. }))?;
    header.hooks = kernel.hooks();
    let writer = RunWriter::create(&options.store, &header, options.format)?;
    let mut session = Session::new(options, header, writer, kernel)?;
    let result = session.run(&hierarchies, observe);
    match result {
        Ok(end) => session.finish(end, observe),
        Err(error @ RecordError::Command { .. }) => {
            session.abandon();
            Err(error)
        }
        Err(error) => {
            // What was recorded so far is worth keeping; the first error is the one to tell.
            let end = End::Failure { message: error.to_string() };
            drop(session.finish(end, &mut |_| ()));
            Err(error)
        }
    }
}

fn header(options: &Options, cgroups: CgroupLayout) -> Result<Header, RecordError> {
    let names = nix::sys::utsname::uname()
        .map_err(|source| RecordError::System { what: "name the kernel", source: source.into() })?;
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let (containers, command) = match &options.target {
        Target::Containers { patterns, .. } => (patterns.clone(), None),
        Target::Command(command) => (Vec::new(), Some(command.iter().map(|word| text(word)).collect())),
    };
    let now = SystemTime::now();
    Ok(Header {
        schema: SchemaVersion::CURRENT,
        run: run_id(now),
        ctrec_version: options.ctrec_version.clone(),
        host: text(names.nodename()),
        kernel: text(names.release()),
        arch: text(names.machine()),
        cgroups,
        hooks: Vec::new(),
        sysctls: sysctls(),
        settings: Settings { window_ns: nanoseconds(options.window), containers, command },
        started_ns: i64::try_from(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos())
            .unwrap_or(i64::MAX),
        ended_ns: None,
        end: None,
    })
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Start in UTC and the recorder's process id: `20260131T235959Z-4711`. Sorts by time; two at once differ.
fn run_id(now: SystemTime) -> String {
    let stamp = humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':'], "");
    format!("{stamp}-{}", std::process::id())
}

/// Sysctls that decide whether a capability is asked for.
fn sysctls() -> BTreeMap<String, String> {
    ["net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"]
        .into_iter()
        .filter_map(|name| {
            let value = fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
            Some((name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        })
        .collect()
}

/// Why a run is about to end, and by when its command must have ended.
struct Stop {
    end: End,
    kill_at: Instant,
}

struct Session<'storage> {
    options: &'storage Options,
    header: Header,
    writer: RunWriter,
    clock: Clock,
    counters: Counters,
    containers: Containers,
    signals: Signals,
    cgroup: Option<OwnCgroup>,
    command: Option<Command>,
    command_code: Option<i32>,
    windows: u32,
    window_start_ns: i64,
    losses: u64,
    /// Why the windows since the last sealed one could not be written.
    unwritten: Option<StoreError>,
    events: Events,
    kernel: Kernel<'storage>,
}

impl<'storage> Session<'storage> {
    fn new(
        options: &'storage Options,
        header: Header,
        writer: RunWriter,
        kernel: Kernel<'storage>,
    ) -> Result<Self, RecordError> {
        let matches: Matcher = match &options.target {
            Target::Containers { matches, .. } => matches.clone(),
            Target::Command(_) => std::rc::Rc::new(|_| true),
        };
        let clock = Clock::start(|| kernel.clocks())?;
        Ok(Self {
            options,
            header,
            writer,
            clock,
            counters: Counters::default(),
            containers: Containers::new(Host::default(), matches),
            signals: Signals::register().map_err(|source| RecordError::System { what: "wait for signals", source })?,
            cgroup: None,
            command: None,
            command_code: None,
            windows: 0,
            window_start_ns: clock.now_ns()?,
            losses: 0,
            unwritten: None,
            events: kernel.events()?,
            kernel,
        })
    }

    fn run(&mut self, hierarchies: &Hierarchies, observe: &mut dyn FnMut(&Progress)) -> Result<End, RecordError> {
        match &self.options.target {
            Target::Containers { .. } => {
                self.kernel.attach()?;
                self.add_running(hierarchies)?;
            }
            Target::Command(words) => self.start_command(words, hierarchies)?,
        }
        observe(&self.progress());
        let started = Instant::now();
        let deadline = self.options.duration.map(|duration| started + duration);
        let mut next_window = started + self.options.window;
        let mut stop: Option<Stop> = None;
        loop {
            let until =
                [Some(next_window), deadline.filter(|_| stop.is_none()), stop.as_ref().map(|stop| stop.kill_at)];
            let descriptor = self.command.as_ref().map(Command::descriptor);
            wait(&self.events, &self.signals, descriptor, until.into_iter().flatten().min())?;
            self.handle_events()?;
            if let Some(end) = self.command_end()? {
                return Ok(stop.map_or(end, |stop| stop.end));
            }
            if let Some(end) = self.reason_to_stop(deadline) {
                match self.ask_to_end(&end) {
                    None => return Ok(end),
                    Some(kill_at) if stop.is_none() => stop = Some(Stop { end, kill_at }),
                    Some(_) => {}
                }
            }
            if stop.as_ref().is_some_and(|stop| Instant::now() >= stop.kill_at)
                && let Some(command) = &self.command
            {
                command.signal(Signal::SIGKILL);
            }
            if Instant::now() >= next_window {
                if self.windows == 0 && self.command.is_none() {
                    // One that was being set up while we attached had no record of its engine then.
                    self.add_running(hierarchies)?;
                }
                self.seal()?;
                next_window = Instant::now() + self.options.window;
                observe(&self.progress());
            }
        }
    }

    /// Enters the containers that run, are wanted, and have not announced themselves. After attaching: one that starts
    /// meanwhile is seen by the hooks or found here.
    fn add_running(&mut self, hierarchies: &Hierarchies) -> Result<(), RecordError> {
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

    fn start_command(&mut self, words: &[OsString], hierarchies: &Hierarchies) -> Result<(), RecordError> {
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

    fn handle_events(&mut self) -> Result<(), RecordError> {
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

    fn joined(&mut self, event: &Event) -> Result<(), RecordError> {
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

    fn command_end(&mut self) -> Result<Option<End>, RecordError> {
        let Some(command) = &mut self.command else { return Ok(None) };
        let code =
            command.exit_code().map_err(|source| RecordError::System { what: "wait for the command", source })?;
        self.command_code = code;
        Ok(code.map(|code| End::Command { code }))
    }

    fn reason_to_stop(&self, deadline: Option<Instant>) -> Option<End> {
        if self.signals.received().is_some() {
            return Some(End::Signal);
        }
        deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(End::Duration)
    }

    /// Passes the end on to the command. Returns by when it must have ended; `None`: there is no command.
    fn ask_to_end(&mut self, end: &End) -> Option<Instant> {
        let command = self.command.as_ref()?;
        let signal = match (end, self.signals.take()) {
            (End::Signal, None) => return Some(Instant::now() + GRACE), /* it was passed on before */
            (End::Signal, Some(signal)) => signal,
            _ => Signal::SIGTERM,
        };
        // A terminal sends Ctrl-C to the command too, and many programs take a second one as «at once».
        if !(signal == Signal::SIGINT && io::IsTerminal::is_terminal(&io::stdin())) {
            command.signal(signal);
        }
        Some(Instant::now() + GRACE)
    }

    /// Writes what happened since the last sealed window. A disk that is full is not the end: the counts stay, and go
    /// into the next window that can be written.
    fn seal(&mut self) -> Result<(), RecordError> {
        self.containers.add_programs(&self.kernel.take_paths()?);
        let of_kernel = self.kernel.containers()?;
        self.containers.forget_provisional(&of_kernel);
        let containers = &self.containers;
        self.counters
            .gather(&self.kernel, &self.clock, self.window_start_ns, |number| containers.is_recorded(number))?;
        let ended = self.containers.mark_ended(&of_kernel, &self.clock);
        let window = Window { window: self.windows + 1, start_ns: self.window_start_ns, end_ns: self.clock.now_ns()? };
        let end_ns = window.end_ns;
        let containers = &self.containers;
        let segment = self.counters.segment(window, |number| containers.has_row(number));
        let (rows, programs) = self.containers.rows();
        match self.writer.write_snapshot(&rows, &programs).and_then(|()| self.writer.seal(&segment)) {
            Ok(()) => {
                self.losses += segment.losses.iter().map(|loss| loss.count).sum::<u64>();
                self.counters.written();
                self.windows += 1;
                self.window_start_ns = end_ns;
                self.unwritten = None;
                self.settle(&ended)
            }
            Err(error) => {
                self.counters.lose(LossKind::WriteDelayed, None, &error.to_string());
                self.unwritten = Some(error);
                Ok(())
            }
        }
    }

    /// Gives back what ended containers held, once nobody can enter their cgroups any more.
    fn settle(&mut self, ended: &[u32]) -> Result<(), RecordError> {
        let owners = self.kernel.cgroup_owners()?;
        for number in ended.iter().filter(|number| !owners.contains(number)) {
            self.kernel.forget_container(*number)?;
            self.counters.forget_container(*number);
            self.containers.settled(*number);
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        Progress {
            windows: self.windows,
            containers: self.containers.rows().0.len(),
            calls: self.counters.call_kinds(),
            losses: self.losses,
            unwritten: self.unwritten.as_ref().map(ToString::to_string),
        }
    }

    /// The command could not be started, so there is nothing to keep: no run, and no store made for it.
    fn abandon(self) {
        let run = self.writer.path().to_owned();
        drop(self);
        if fs::remove_dir_all(&run).is_ok()
            && let Some(store) = run.parent()
        {
            // Refused unless it is empty, which it is if it was made for this run.
            fs::remove_dir(store).unwrap_or_default();
        }
    }

    fn finish(mut self, end: End, observe: &mut dyn FnMut(&Progress)) -> Result<Outcome, RecordError> {
        self.kernel.detach();
        self.handle_events()?;
        let kept = self.containers.keep_unannounced(&self.kernel.containers()?, &self.clock);
        for number in kept {
            self.counters.lose(LossKind::Unresolved, Some(number), "its first process was not announced");
        }
        // Slots that the last events did not announce must be known before calls are added to them.
        let unfinished = self.kernel.unfinished()?;
        let containers = &self.containers;
        self.counters
            .gather(&self.kernel, &self.clock, self.window_start_ns, |number| containers.is_recorded(number))?;
        let now_ns = self.clock.now_ns()?;
        self.counters.add_unfinished(&unfinished, now_ns)?;
        self.seal()?;
        if let Some(error) = self.unwritten.take() {
            return Err(error.into());
        }
        observe(&self.progress());
        self.header.ended_ns = Some(self.clock.now_ns()?);
        self.header.end = Some(end.clone());
        let outcome = Outcome {
            run: self.header.run.clone(),
            path: self.writer.path().to_owned(),
            end,
            containers: self.containers.rows().0,
            progress: self.progress(),
            command_code: self.command_code,
            left_running: self.cgroup.as_ref().map(OwnCgroup::processes).unwrap_or_default(),
        };
        self.writer.finish(&self.header)?;
        if let Some(owner) = self.options.owner {
            leave_to(&self.options.store, &outcome.path, owner)
                .map_err(|source| RecordError::Host { path: outcome.path.clone(), source })?;
        }
        Ok(outcome)
    }
}

/// Gives the run to a user, and the store if it is root's: the user who called sudo made neither.
fn leave_to(store: &Path, run: &Path, (user, group): (u32, u32)) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, lchown};
    fn give(path: &Path, user: u32, group: u32) -> io::Result<()> {
        if fs::symlink_metadata(path)?.is_dir() {
            for entry in fs::read_dir(path)? {
                give(&entry?.path(), user, group)?;
            }
        }
        lchown(path, Some(user), Some(group))
    }
    give(run, user, group)?;
    if fs::metadata(store)?.uid() == 0 { lchown(store, Some(user), Some(group)) } else { Ok(()) }
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
