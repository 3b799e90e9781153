//! The runs of the stores that were named, each once.
//!
//! Lives here: finding them, their copies, and what is not there. Does not: reading what was counted (see `stores`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ctrec_analyze::absent::Absent;
use ctrec_analyze::behaviour::BehaviourError;
use ctrec_recording::{Container, Header, Outline, Recording, Removed, Store, StoreError};

use crate::output::tell;

/// Runs of the stores that were named, with their containers. The rest is read when it is needed, a run at a time: a
/// store may hold more than there is memory.
#[derive(Default)]
pub(super) struct Runs {
    /// In the order in which they were named and sorted, as the containers are.
    pub(super) found: Vec<Run>,
    /// Containers of each run.
    pub(super) containers: Vec<Vec<Container>>,
    /// Runs that were cut off before their first window was written.
    pub(super) lost: Vec<String>,
    /// What was removed from which store.
    pub(super) removed: Vec<(PathBuf, Removed)>,
    /// What is not there.
    pub(super) absent: Absent,
}

/// One of them.
pub(super) struct Run {
    pub(super) store: Rc<Store>,
    /// What its folder is called, less `run=`: the id, unless somebody renamed it.
    folder: String,
    outline: Outline,
    /// The same, elsewhere.
    pub(super) copies: Vec<Self>,
}

/// Two runs that are not the same have one id.
#[derive(Debug, thiserror::Error)]
#[error(
    "{first:?} and {second:?} are two runs with one id, recorded on {first_host:?} and {second_host:?}: both would count as \
     one, so name their stores one at a time"
)]
struct OneId {
    first: PathBuf,
    second: PathBuf,
    first_host: String,
    second_host: String,
}

/// What becomes of something that cannot be read: an error ends it all, or it is said and the others go on.
pub(super) type OnError<'a> = &'a mut dyn FnMut(anyhow::Error) -> anyhow::Result<()>;

impl Run {
    /// Reads all of it.
    pub(super) fn read(&self) -> Result<Recording, StoreError> {
        self.store.read(&self.folder)
    }

    fn path(&self) -> PathBuf {
        self.store.path().join(format!("run={}", self.folder))
    }

    fn header(&self) -> &Header {
        &self.outline.header
    }

    fn windows(&self) -> BTreeSet<u32> {
        self.outline.windows.iter().map(|window| window.window).collect()
    }

    /// By what the later of two copies is told.
    fn age(&self) -> (usize, bool, usize) {
        (self.outline.windows.len(), self.header().ended_ns.is_some(), self.outline.containers.len())
    }
}

impl Runs {
    /// Finds all runs of all stores. Those that hold nothing are named on stderr and left out, and so are copies.
    pub(super) fn open(stores: &[PathBuf], quiet: bool, on_error: OnError<'_>) -> anyhow::Result<Self> {
        let mut search = Search { quiet, on_error, found: Vec::new(), unread: BTreeSet::new(), removed: Vec::new() };
        let mut seen = BTreeMap::new();
        for path in stores {
            let id = fs::metadata(path).map(|about| (about.dev(), about.ino())).ok();
            match id.and_then(|id| seen.insert(id, path)) {
                Some(before) => search.warn(&format!("{path:?} is the store {before:?}, which was named before")),
                None => search.store(path)?,
            }
        }
        let absent = search.absent();
        let found = search.each_once()?;
        let lost: Vec<&Run> = found.iter().filter(|run| run.outline.is_lost()).collect();
        for run in &lost {
            let id = &run.folder;
            // Lost, and not merely left out: that is never too much to say.
            tell(&format!(
                "warning: run {id:?} was cut off before its first window was written: nothing of it is left"
            ));
        }
        let lost = lost.into_iter().map(|run| run.folder.clone()).collect();
        let containers = found.iter().map(|run| run.outline.containers.clone()).collect();
        Ok(Self { containers, lost, removed: search.removed, absent, found })
    }
}

/// The search for runs.
struct Search<'a> {
    quiet: bool,
    on_error: OnError<'a>,
    found: Vec<Run>,
    /// Folders of runs that cannot be read.
    unread: BTreeSet<String>,
    removed: Vec<(PathBuf, Removed)>,
}

impl Search<'_> {
    fn warn(&self, text: &str) {
        if !self.quiet {
            tell(&format!("warning: {text}"));
        }
    }

    /// What could be read; what could not is said.
    fn good<T>(&mut self, result: Result<T, impl Into<anyhow::Error>>) -> anyhow::Result<Option<T>> {
        match result {
            Ok(good) => Ok(Some(good)),
            Err(error) => (self.on_error)(error.into()).map(|()| None),
        }
    }

    fn store(&mut self, path: &Path) -> anyhow::Result<()> {
        let Some(store) = self.good(Store::open(path))? else { return Ok(()) };
        let store = Rc::new(store);
        for run in store.empty_runs() {
            self.warn(&format!("{path:?}: run {run:?} holds nothing and is left out: its folder may be removed"));
        }
        for path in store.unnamed_runs() {
            self.unread.insert(path.to_string_lossy().into_owned());
            self.good::<()>(Err(StoreError::NoName { path: path.clone() }))?;
        }
        // After the runs were listed: one that goes meanwhile is noted by then.
        if let Some(removed) = self.good(store.removed())?.flatten() {
            self.removed.push((path.to_owned(), removed));
        }
        for folder in store.runs() {
            match self.good(store.outline(folder))? {
                Some(outline) => {
                    let (store, folder) = (store.clone(), folder.clone());
                    self.found.push(Run { store, folder, outline, copies: Vec::new() });
                }
                None => drop(self.unread.insert(folder.clone())),
            }
        }
        Ok(())
    }

    /// What is not there.
    fn absent(&self) -> Absent {
        let removed: BTreeSet<Removed> = self.removed.iter().map(|(_, removed)| *removed).collect();
        let headers: Vec<&Header> = self.found.iter().map(Run::header).collect();
        let absent = Absent::of(&headers, &self.unread, removed.clone());
        if absent.missing.is_empty() {
            return absent;
        }
        // A run goes on in another that is there before it says so: one that was begun since the runs were listed.
        let newer = self.newer();
        Absent::of(&headers.into_iter().chain(&newer).collect::<Vec<_>>(), &self.unread, removed)
    }

    /// Headers of runs that came since their store was read. One that cannot be read now is told of by whoever asks
    /// next.
    fn newer(&self) -> Vec<Header> {
        let stores: BTreeMap<&Path, BTreeSet<&String>> = self.found.iter().fold(BTreeMap::new(), |mut all, run| {
            all.entry(run.store.path()).or_insert_with(|| run.store.runs().iter().collect());
            all
        });
        let mut headers = Vec::new();
        for (path, known) in stores {
            let Ok(now) = Store::open(path) else { continue };
            let newer = now.runs().iter().filter(|run| !known.contains(run));
            headers.extend(newer.filter_map(|run| Some(now.outline(run).ok()?.header)));
        }
        headers
    }

    /// The runs, less copies: of several the one with most windows counts, which has all that the others have.
    fn each_once(&mut self) -> anyhow::Result<Vec<Run>> {
        let mut kept: Vec<Run> = Vec::new();
        for mut run in std::mem::take(&mut self.found) {
            let Some(other) = kept.iter_mut().find(|other| other.header().run == run.header().run) else {
                kept.push(run);
                continue;
            };
            if run.age() > other.age() {
                run.copies.append(&mut other.copies);
                std::mem::swap(&mut run, other);
            }
            let verdict = compare(&run, other);
            let (copy, whole, id) = (run.path(), other.path(), other.header().run.clone());
            if self.good(verdict)?.is_some() {
                other.copies.push(run);
                self.warn(&format!("{copy:?} is a copy of run {id:?} in {whole:?}, which counts once: it is left out"));
            }
        }
        Ok(kept)
    }
}

/// Whether a run is a copy of another, and holds nothing that the other has not.
fn compare(copy: &Run, whole: &Run) -> anyhow::Result<()> {
    let identity = |run: &Run| (run.header().host.clone(), run.header().started_ns);
    if identity(copy) != identity(whole) {
        return Err(OneId {
            first: whole.path(),
            second: copy.path(),
            first_host: whole.header().host.clone(),
            second_host: copy.header().host.clone(),
        }
        .into());
    }
    if copy.windows().is_subset(&whole.windows()) {
        return Ok(());
    }
    Err(BehaviourError::Torn { run: whole.header().run.clone() }.into())
}
