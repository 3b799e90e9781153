//! The words of a survey's answers.
//!
//! Lives here: from what was found to a state and a sentence, with what to do where something is missing. Does not:
//! looking (see `survey`).

use std::io;
use std::path::Path;

use ctrec_recording::CgroupLayout;
use nix::errno::Errno;

use super::{Answer, State};
use crate::cgroups::Hierarchies;
use crate::check_hook::{CheckHook, Tried};
use crate::engine::Installed;
use crate::error::{RecordError, chain};

fn answer(subject: impl Into<String>, state: State, text: impl Into<String>) -> Answer {
    Answer { subject: subject.into(), state, text: text.into() }
}

/// What could not be asked for want of something that has an answer of its own.
fn not_tried(subject: impl Into<String>, why: &str) -> Answer {
    answer(subject, State::NotTried, why)
}

/// What keeps a question from being asked has said itself what to do.
const OTHERS_FIRST: &str = "what is missing above comes first";
const WITHOUT_TYPES: &str = "the kernel's types would tell";

pub(super) fn permission(found: &Result<(), RecordError>) -> Answer {
    let subject = "permission";
    match found {
        Ok(()) => answer(subject, State::Ok, "programs may be loaded into the kernel"),
        Err(error) => answer(subject, State::Missing, chain(error)),
    }
}

/// Whether as many files may be open as a recording takes.
pub(super) fn open_files(found: &Result<(), RecordError>) -> Answer {
    let subject = "open files";
    match found {
        Ok(()) => answer(subject, State::Ok, "as many as a recording takes may be open"),
        Err(error) => answer(subject, State::Missing, chain(error)),
    }
}

pub(super) fn types(found: Result<(), &RecordError>) -> Answer {
    let subject = "kernel types (BTF)";
    match found {
        Ok(()) => answer(subject, State::Ok, "the kernel describes its types"),
        Err(error) => answer(subject, State::Missing, chain(error)),
    }
}

/// A tracepoint without which there is no recording. `None`: nobody can tell.
pub(super) fn needed(hook: &'static str, is_there: Option<bool>) -> Answer {
    let subject = format!("tracepoint {hook}");
    match is_there {
        Some(true) => answer(subject, State::Ok, "is there"),
        Some(false) => answer(subject, State::Missing, RecordError::NoHook { hook }.to_string()),
        None => not_tried(subject, WITHOUT_TYPES),
    }
}

pub(super) fn prepare_exec(is_there: Option<bool>) -> Answer {
    let subject = "tracepoint sched_prepare_exec";
    match is_there {
        Some(true) => answer(subject, State::Ok, "execveat is told from execve"),
        Some(false) => answer(
            subject,
            State::Limited,
            "an execveat of an absolute path counts as execve, each as a native call; Linux 6.10 or newer tells",
        ),
        None => not_tried(subject, WITHOUT_TYPES),
    }
}

pub(super) fn sys_enter(is_there: Option<bool>) -> Answer {
    let subject = "tracepoint sys_enter";
    match is_there {
        Some(true) => answer(subject, State::Ok, "record --refused exact counts what filters answer"),
        Some(false) => answer(
            subject,
            State::Limited,
            "no record --refused exact: without it, what a filter refused is judged by the filter and the errno; \
             Linux 5.10 or newer has it",
        ),
        None => not_tried(subject, WITHOUT_TYPES),
    }
}

/// The recording programs that a kernel takes.
pub(super) enum Build {
    /// As they are meant.
    Today,
    /// For kernels that lack what they use.
    Old,
    /// On perf's tracepoints, since the kernel preempts them on others.
    ByPerf,
}

/// Whether the kernel takes the recording programs; `None`: something that they need is missing.
pub(super) fn programs(loaded: Option<Result<Build, String>>) -> Answer {
    let subject = "recording programs";
    match loaded {
        Some(Ok(Build::Today)) => answer(subject, State::Ok, "the kernel takes them"),
        Some(Ok(Build::Old)) => answer(
            subject,
            State::Limited,
            "the kernel takes those for Linux before 5.15: counts are as exact, each call and check costs more",
        ),
        Some(Ok(Build::ByPerf)) => answer(
            subject,
            State::Limited,
            "the kernel takes them, and may take the CPU from one that runs: calls are counted by way of perf, which \
             costs more, and what goes past the others all the same is a loss",
        ),
        Some(Err(error)) => answer(
            subject,
            State::Missing,
            format!("{error}; boot another kernel, such as the distribution's own, or one that is not locked down"),
        ),
        None => not_tried(subject, OTHERS_FIRST),
    }
}

/// Whether tracefs is there where calls are counted by way of perf; `is_needed`, `is_there`: `None` where nobody can tell.
pub(super) fn tracefs(is_needed: Option<bool>, is_there: Option<bool>) -> Answer {
    let subject = "tracefs";
    match (is_needed, is_there) {
        (None, _) => not_tried(subject, WITHOUT_TYPES),
        (Some(false), _) => answer(subject, State::Ok, "not needed, mounted or not"),
        (Some(true), Some(true)) => answer(subject, State::Ok, "mounted, as counting by way of perf takes it"),
        (Some(true), Some(false)) => answer(
            subject,
            State::Missing,
            "not mounted, and counting by way of perf takes it; mount -t tracefs tracefs /sys/kernel/tracing",
        ),
        (Some(true), None) => not_tried(subject, OTHERS_FIRST),
    }
}

const CHECKS: &str = "capability checks";

/// What a kernel takes that has fexit.
const MISSES_LESS: &str = if cfg!(target_arch = "aarch64") {
    "; Linux 6.4 or newer with CONFIG_FUNCTION_TRACER and kernel.ftrace_enabled=1 misses less"
} else {
    "; a kernel with CONFIG_FUNCTION_TRACER and kernel.ftrace_enabled=1 misses less"
};

/// No hook on capability checks was tried.
pub(super) fn untried_check_hook() -> Answer {
    not_tried(CHECKS, "a hook is found by trying it, which takes all above")
}

/// The hook on capability checks that a recording takes, if any is heard, and why none that sees more.
pub(super) fn check_hook(tried: &Tried) -> Answer {
    let Some(hook) = tried.heard else {
        let text = "no hook on them is heard, so a recording has no capability list; set kernel.ftrace_enabled=1, or \
                    boot a kernel with kprobes (CONFIG_KPROBES) or Linux 6.14 or newer";
        return answer(CHECKS, State::Limited, with_passed_over(text, tried));
    };
    let (state, advice) = match hook {
        CheckHook::Fexit => (State::Ok, ""),
        CheckHook::Kprobe => (State::Limited, MISSES_LESS),
        CheckHook::Tracepoint => (State::Limited, "; a kernel with CONFIG_FUNCTION_TRACER or CONFIG_KPROBES shows it"),
    };
    let described = hook.describe();
    let blind_to = described.blind_to.join("; ");
    let text = format!("counted by {}; not seen: {blind_to}{advice}", described.name);
    answer(CHECKS, state, with_passed_over(&text, tried))
}

fn with_passed_over(text: &str, tried: &Tried) -> String {
    tried.passed_over.iter().fold(text.to_owned(), |text, (name, why)| format!("{text}; {name}: {why}"))
}

/// Whether names of kernel functions can be read; `None`: root may see more.
pub(super) fn symbols(shown: Option<bool>) -> Answer {
    let subject = "kernel symbols";
    match shown {
        Some(true) => answer(subject, State::Ok, "which kernel function asked for a capability is shown"),
        Some(false) => answer(
            subject,
            State::Limited,
            "hidden, so capability checks are judged without the kernel function that asked; set kernel.kptr_restrict=1 \
             while recording",
        ),
        None => not_tried(subject, OTHERS_FIRST),
    }
}

pub(super) fn cgroups(found: Result<&Hierarchies, &io::Error>) -> Answer {
    let subject = "cgroups";
    let found = match found {
        Ok(found) => found,
        Err(error) => return answer(subject, State::Missing, format!("cannot read what is mounted in /proc: {error}")),
    };
    let layout = match found.layout() {
        Some(CgroupLayout::V2) => "v2",
        Some(CgroupLayout::Hybrid) => "hybrid: v1 with v2 beside it",
        Some(CgroupLayout::V1) => "v1",
        None => return answer(subject, State::Missing, RecordError::NoCgroups.to_string()),
    };
    answer(subject, State::Ok, layout)
}

/// Whether `record -- COMMAND` can make a cgroup; `None`: root may.
pub(super) fn own_cgroup(mount: &Path, writable: Option<Result<(), Errno>>) -> Answer {
    let subject = "a command's own cgroup";
    match writable {
        Some(Ok(())) => answer(subject, State::Ok, format!("record -- COMMAND makes one in {}", mount.display())),
        Some(Err(errno)) => {
            let error = RecordError::Cgroup { path: mount.to_owned(), source: errno.into() };
            answer(subject, State::Limited, format!("no record -- COMMAND: {error}"))
        }
        None => not_tried(subject, OTHERS_FIRST),
    }
}

pub(super) fn engines(found: &[Installed]) -> Vec<Answer> {
    if found.is_empty() {
        let text = "none is found where engines usually are; record -- COMMAND records without one";
        return vec![answer("engines", State::Limited, text)];
    }
    let one = |engine: &Installed| {
        let Installed { engine: name, place, asked_for } = engine;
        let subject = format!("engine {name}");
        if asked_for.is_empty() || engine.listens() {
            answer(subject, State::Ok, format!("found ({place})"))
        } else {
            let text = format!(
                "found ({place}), and no socket where it usually is: {asked_for} of its containers may not be known, \
                 unless it listens elsewhere"
            );
            answer(subject, State::Limited, text)
        }
    };
    found.iter().map(one).collect()
}

#[cfg(test)]
mod tests;
