//! What this kernel and this user offer for recording, found out without recording anything.
//!
//! Lives here: the questions, in the order in which a recording meets them. Does not: the words of the answers (see
//! `answers`), what recording needs (see `requirements`).

mod answers;
mod verified;

use std::collections::BTreeMap;
use std::path::Path;

use libbpf_rs::btf::Btf;
use nix::unistd::{AccessFlags, access};

use crate::cgroups::Hierarchies;
use crate::check_hook::Tried;
use crate::differences::{Preemption, is_old};
use crate::engine::{Host, installed};
use crate::error::{RecordError, chain};
use crate::kernel::{Kernel, Parts, Storage};
use crate::open_files::OpenFiles;
use crate::requirements::{self, NEEDED, PREPARE_EXEC, SYS_ENTER};
use crate::symbols;
use answers::Build;
use verified::NUMBERS;

/// What a kernel and a user offer for recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub machine: String,
    /// One a question.
    pub answers: Vec<Answer>,
    /// Instructions that the kernel's verifier looked at for each program, by its name.
    pub verified: Vec<(String, u64)>,
}

/// What was found out about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was asked about.
    pub subject: String,
    /// How it is.
    pub state: State,
    /// What was found, and what to do about it.
    pub text: String,
}

/// How a thing is that a recording asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Ok,
    /// A recording is possible, and something less is in it.
    Limited,
    /// No recording is possible.
    Missing,
    /// It takes root, or something else that is missing, to find out.
    NotTried,
}

impl Survey {
    /// Whether a recording is possible.
    pub fn can_record(&self) -> bool {
        self.answers.iter().all(|answer| answer.state != State::Missing)
    }
}

/// Asks everything. As root it loads the recording programs, attaches none of them for longer than one call of its own,
/// and leaves nothing behind.
pub fn survey() -> Result<Survey, RecordError> {
    let names = nix::sys::utsname::uname()
        .map_err(|source| RecordError::System { what: "name the kernel", source: source.into() })?;
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let permission = requirements::permission();
    let may_load = permission.is_ok();
    let open_files = OpenFiles::raise().and_then(OpenFiles::suffice);
    let types = requirements::types();
    let has = |name: &str| types.as_ref().ok().map(|btf| requirements::has_hook(btf, name));
    let (loaded, verified) = verified::while_loading(|| can_try(&open_files).map(|btf| try_to_load(&btf)));
    let tried = loaded.as_ref().and_then(|loaded| loaded.as_ref().ok().map(|(_, tried)| tried.clone()));
    let hierarchies = Hierarchies::read(Path::new("/proc"));

    let mut answers = vec![answers::permission(&permission), answers::open_files(&open_files)];
    answers.push(answers::types(types.as_ref().map(drop)));
    answers.extend(NEEDED.into_iter().map(|name| answers::needed(requirements::bare(name), has(name))));
    answers.push(answers::prepare_exec(has(PREPARE_EXEC)));
    answers.push(answers::sys_enter(has(SYS_ENTER)));
    answers.push(answers::programs(loaded.map(|loaded| loaded.map(|(build, _)| build))));
    let by_perf = types.as_ref().ok().map(|btf| Preemption::find(btf).on_tracepoints);
    answers.push(answers::tracefs(by_perf, requirements::has_tracefs()));
    answers.push(tried.as_ref().map_or_else(answers::untried_check_hook, answers::check_hook));
    answers.push(answers::symbols(may_load.then(symbols::are_shown)));
    answers.push(answers::cgroups(hierarchies.as_ref()));
    if let Some(own) = hierarchies.as_ref().ok().and_then(Hierarchies::own) {
        let writable = may_load.then(|| access(&own.mount, AccessFlags::W_OK));
        answers.push(answers::own_cgroup(&own.mount, writable));
    }
    answers.extend(answers::engines(&installed(&Host::default())));
    Ok(Survey { kernel: text(names.release()), machine: text(names.machine()), answers, verified })
}

/// The kernel's types, if all is there that loading the programs takes.
fn can_try(open_files: &Result<(), RecordError>) -> Option<Btf<'static>> {
    requirements::check().ok().filter(|_| open_files.is_ok())
}

/// Loads what a recording of everything loads, and gives the hook that would count capability checks.
fn try_to_load(btf: &Btf<'_>) -> Result<(Build, Tried), String> {
    let mut storage = Storage::new();
    let exact_refusals = requirements::has_hook(btf, SYS_ENTER);
    let parts = Parts { discover: true, exact_refusals, check_hook: None, log_level: NUMBERS };
    let kernel = Kernel::load(&mut storage, btf, parts, &BTreeMap::new()).map_err(|error| chain(&error))?;
    let build = if is_old() {
        Build::Old
    } else if kernel.counts_by_perf() {
        Build::ByPerf
    } else {
        Build::Today
    };
    Ok((build, kernel.tried().clone()))
}
