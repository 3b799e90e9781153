//! One recording, from its first hook to its last window.
//!
//! Lives here: what a session holds, and the loop that waits. Does not: what happens at each turn, which has a file each.

mod header;
mod news;
mod notice;
mod options;
mod pace;
mod progress;
mod stop;
mod succession;
mod target;
mod window;

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use ctrec_recording::{Budget, End, Header, RunWriter, StoreError};
use libbpf_rs::btf::Btf;

pub use notice::{Notice, Outcome, Progress, RunsRemoved, Summary};
pub use options::{Options, Target};

use crate::accounts::Accounts;
use crate::cgroups::{Hierarchies, OwnCgroup};
use crate::clock::Clock;
use crate::command::Command;
use crate::containers::{Basis, Containers, Matcher};
use crate::cost::Meter;
use crate::counters::Counters;
use crate::engine::{Asker, Host, Scan};
use crate::error::{RecordError, chain};
use crate::events::Events;
use crate::gauge::Gauge;
use crate::kernel::{Kernel, Parts, Storage};
use crate::open_files::OpenFiles;
use crate::privileges::{self, Deeds, Role};
use crate::requirements;
use crate::waiting::{Signals, wait};
use news::{News, Patience};
use pace::{Novelty, Pace};
use progress::Past;
use stop::Stop;

/// Who is told what happens.
type Observe<'a> = dyn FnMut(&Notice<'_>) + 'a;

/// Records until it is over. `observe` is told what happens, as it happens.
pub fn record(options: &Options, observe: &mut Observe<'_>) -> Result<Outcome, RecordError> {
    let types = requirements::check()?;
    let files = OpenFiles::raise()?;
    files.suffice()?;
    record_with(options, types, files, observe).map_err(|error| files.explain(error))
}

fn record_with(
    options: &Options,
    types: Btf<'static>,
    files: OpenFiles,
    observe: &mut Observe<'_>,
) -> Result<Outcome, RecordError> {
    let hierarchies = Hierarchies::read(Path::new("/proc"))
        .map_err(|source| RecordError::Host { path: "/proc/self/mountinfo".into(), source })?;
    let layout = hierarchies.layout().ok_or(RecordError::NoCgroups)?;
    // Before anything is open. Without it there is no less in the recording but what it costs.
    let gauge = Gauge::start(options.confine.as_deref());
    let mut storage = Storage::new();
    let discover = matches!(options.target, Target::Containers { .. });
    let parts =
        Parts { discover, exact_refusals: options.exact_refusals, check_hook: options.check_hook, log_level: 0 };
    let kernel = Kernel::load(&mut storage, &types, parts, &options.tables)?;
    drop(types); /* some MB */
    // Loading takes a second or more, and records nothing.
    let header = Header { hooks: kernel.hooks(), ..header::header(options, layout)? };
    let writer = RunWriter::create(&options.store, &header, options.format)?;
    let mut session = Session::new(options, hierarchies, header, (writer, gauge, files), kernel)?;
    match session.run(observe) {
        Ok(end) => session.finish(end, observe),
        Err(error @ RecordError::Command { .. }) => {
            session.abandon();
            Err(error)
        }
        Err(error) => {
            // What was recorded so far is worth keeping.
            let error = files.explain(error);
            let end = End::Failure { message: chain(&error) };
            match session.finish(end, observe) {
                Ok(outcome) => Ok(Outcome { failure: Some(of_both(error, outcome.failure)), ..outcome }),
                Err(second) => Err(of_both(error, Some(second))),
            }
        }
    }
}

/// Why recording failed, with what failed at its end.
fn of_both(error: RecordError, second: Option<RecordError>) -> RecordError {
    match second {
        Some(second) => RecordError::AlsoUnfinished { source: Box::new(error), second: Box::new(second) },
        None => error,
    }
}

struct Session<'storage> {
    options: &'storage Options,
    files: OpenFiles,
    hierarchies: Hierarchies,
    header: Header,
    writer: RunWriter,
    clock: Clock,
    counters: Counters,
    containers: Containers,
    /// Containers that run, whoever announced them.
    running: Scan,
    /// Whoever asks engines' sockets; a command has no engine.
    asker: Option<Asker>,
    /// Sockets that engines do not answer on, what happens there, and how many of them were told of.
    silent: (Vec<(PathBuf, String)>, usize),
    signals: Signals,
    cgroup: Option<OwnCgroup>,
    command: Option<Command>,
    command_code: Option<i32>,
    windows: u32,
    window_start_ns: i64,
    /// The first run's id, of those that continue each other.
    first_run: String,
    /// How many there are.
    runs: u32,
    /// Those that were removed.
    removed: RunsRemoved,
    /// When the first window began.
    started_ns: i64,
    budget: Option<Budget>,
    /// Why the store cannot be kept within its size.
    beyond: Option<String>,
    /// Containers that ended in earlier runs.
    past: Past,
    /// Containers whose start an earlier run saw.
    seen_starts: BTreeSet<u32>,
    /// What was written of whom.
    accounts: Accounts,
    news: News,
    novelty: Novelty,
    pace: Pace,
    meter: Meter,
    /// Why the windows since the last sealed one could not be written.
    unwritten: Option<StoreError>,
    events: Events,
    kernel: Kernel<'storage>,
}

impl<'storage> Session<'storage> {
    fn new(
        options: &'storage Options,
        hierarchies: Hierarchies,
        header: Header,
        (writer, gauge, files): (RunWriter, io::Result<Gauge>, OpenFiles),
        kernel: Kernel<'storage>,
    ) -> Result<Self, RecordError> {
        let (matches, basis): (Matcher, Basis) = match &options.target {
            Target::Containers { matches, basis, .. } => (matches.clone(), *basis),
            Target::Command(_) => (std::rc::Rc::new(|_| true), Basis::Names),
        };
        let clock = Clock::start(|| kernel.clocks())?;
        let window_start_ns = header.started_ns;
        let host = Host::default();
        Ok(Self {
            options,
            files,
            hierarchies,
            writer,
            clock,
            counters: Counters::new(options.exact_refusals),
            containers: Containers::new(host.clone(), matches, basis),
            running: Scan::new(host),
            asker: None,
            silent: (Vec::new(), 0),
            signals: Signals::register().map_err(|source| RecordError::System { what: "wait for signals", source })?,
            cgroup: None,
            command: None,
            command_code: None,
            windows: 0,
            window_start_ns,
            first_run: header.run.clone(),
            runs: 1,
            removed: RunsRemoved::default(),
            started_ns: window_start_ns,
            budget: options.most_bytes.map(|bytes| Budget::new(&options.store, bytes)).transpose()?,
            beyond: None,
            past: Past::default(),
            seen_starts: BTreeSet::new(),
            accounts: Accounts::default(),
            news: News::default(),
            novelty: Novelty::default(),
            pace: Pace::start(options),
            meter: Meter::start(gauge)?,
            unwritten: None,
            header,
            events: kernel.events()?,
            kernel,
        })
    }

    fn run(&mut self, observe: &mut Observe<'_>) -> Result<End, RecordError> {
        self.tell_uncounted(observe);
        self.remove_oldest(observe)?;
        // Before anything else, for a recording may be over in no time.
        self.meter.turn(&self.kernel)?;
        match &self.options.target {
            Target::Containers { .. } => {
                self.kernel.attach()?;
                self.confine(observe);
                let asker = Asker::start().map_err(|source| RecordError::System { what: "ask engines", source })?;
                self.asker = Some(asker);
                self.add_running()?;
                observe(&Notice::Began);
            }
            Target::Command(words) => {
                self.start_command(words, observe)?;
                // The command has been executed by now, and inherits nothing of it.
                self.confine(observe);
            }
        }
        self.pace = Pace::start(self.options);
        self.news.tell(&self.containers, Patience::Wait, observe);
        let mut stop: Option<Stop> = None;
        loop {
            self.wait(stop.as_ref())?;
            self.handle_events()?;
            self.handle_answers()?;
            self.ask_engines();
            if let Some(end) = self.command_end(stop.as_ref())? {
                return Ok(end);
            }
            if let Some(end) = self.heed(&mut stop) {
                return Ok(end);
            }
            self.meter.turn(&self.kernel)?;
            self.turn(observe)?;
        }
    }

    /// Loses what is not needed any more. Where that is not possible, a recording is worth more than none.
    fn confine(&self, observe: &mut Observe<'_>) {
        let Some(confine) = &self.options.confine else { return };
        let deeds = Deeds {
            leaves_store: self.options.owner.is_some(),
            ends_command: self.command.is_some(),
            removes_others_runs: self.removes_others_runs(),
        };
        if let Err(error) = confine(Role::Recorder, privileges::kept(deeds)) {
            observe(&Notice::Unconfined { reason: &chain(&*error) });
        }
    }

    /// Waits until something happens or is due.
    fn wait(&self, stop: Option<&Stop>) -> Result<(), RecordError> {
        let due = [Some(self.pace.next_window), self.pace.next_tick, self.meter.due(), self.next_look(stop)];
        let command = self.command.as_ref().and_then(Command::descriptor);
        let others: Vec<_> = command.into_iter().chain(self.asker.as_ref().map(AsFd::as_fd)).collect();
        wait(&self.events, &self.signals, &others, due.into_iter().flatten().min())
    }

    /// Tells which engines do not answer, each once.
    fn tell_silent(&mut self, observe: &mut Observe<'_>) {
        let (silent, told) = &mut self.silent;
        for (socket, reason) in silent.iter().skip(*told) {
            observe(&Notice::Silent { socket, reason });
        }
        *told = silent.len();
    }

    /// Tells what happened, and ends the window where it is over.
    fn turn(&mut self, observe: &mut Observe<'_>) -> Result<(), RecordError> {
        if !self.pace.is_window_over() {
            self.news.tell(&self.containers, Patience::Wait, observe);
            self.tell_silent(observe);
            if self.pace.take_tick() {
                observe(&Notice::Progress(&self.progress()?));
            }
            return Ok(());
        }
        if self.command.is_none() {
            self.add_missed()?;
        }
        self.seal()?;
        self.pace.begin_window();
        // Before another run goes on, which knows nothing of those that have ended.
        self.news.tell(&self.containers, Patience::Over, observe);
        self.keep_within(observe)?;
        observe(&Notice::Progress(&self.progress()?));
        Ok(())
    }
}
