//! Capability checks and identities by hand.

use ctrec_recording::{Asker, Audit, Cause, Check, Ended, Hook, Identity, Namespace, Whose};

use super::{Run, START_NS, WINDOW_NS};
use crate::{known, names};

/// A check, as it is asked of a root process of the container that owns its files: audited, with its own credentials,
/// in the container's user namespace, in a call that succeeded.
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) call: &'static str,
    pub(crate) capability: u32,
    pub(crate) granted: bool,
    pub(crate) audit: Audit,
    pub(crate) credentials: Whose,
    pub(crate) target: Namespace,
    pub(crate) holder: Namespace,
    pub(crate) bounded: bool,
    pub(crate) root: bool,
    pub(crate) needless: bool,
    pub(crate) ended: Ended,
    pub(crate) errno: i32,
    pub(crate) count: u64,
    pub(crate) stacks: Vec<(Vec<String>, u64)>,
}

pub(crate) fn granted(capability: &str, call: &'static str) -> Question {
    let capability = known::capability_number(&format!("CAP_{capability}")).unwrap();
    Question {
        call,
        capability,
        granted: true,
        audit: Audit::Audited,
        credentials: Whose::Own,
        target: Namespace::Container,
        holder: Namespace::Container,
        bounded: true,
        root: true,
        needless: false,
        ended: Ended::Succeeded,
        errno: 0,
        count: 1,
        stacks: Vec::new(),
    }
}

pub(crate) fn denied(capability: &str, call: &'static str) -> Question {
    Question { granted: false, bounded: false, ..granted(capability, call) }
}

impl Question {
    /// The kernel's functions in one sample, the innermost first.
    pub(crate) fn by(self, frames: &[&str]) -> Self {
        self.sampled(1, frames)
    }

    pub(crate) fn sampled(mut self, samples: u64, frames: &[&str]) -> Self {
        self.stacks.push((frames.iter().map(ToString::to_string).collect(), samples));
        self
    }

    pub(crate) fn failed(self, errno: i32) -> Self {
        Self { ended: Ended::Failed, errno, ..self }
    }

    pub(crate) fn ended(self, ended: Ended) -> Self {
        Self { ended, ..self }
    }

    pub(crate) fn audit(self, audit: Audit) -> Self {
        Self { audit, ..self }
    }

    pub(crate) fn times(self, count: u64) -> Self {
        Self { count, ..self }
    }
}

impl Run {
    /// Its recorder counted capability checks.
    pub(crate) fn counting(mut self) -> Self {
        self.recording.header.hooks.push(Hook { name: "fexit/cap_capable".to_owned(), blind_to: Vec::new() });
        self
    }

    pub(crate) fn asked(mut self, question: Question) -> Self {
        let check = u32::try_from(self.recording.checks.len()).unwrap() + 1;
        let first_ns = START_NS + i64::from(self.window - 1) * WINDOW_NS;
        let no_call = question.ended == Ended::NoCall;
        self.recording.checks.push(Check {
            window: self.window,
            container: self.container,
            program: self.program,
            origin: self.origin,
            phase: self.phase,
            abi: self.abi,
            number: if no_call { -1 } else { names::number(self.abi, question.call).unwrap() },
            check,
            capability: question.capability,
            granted: question.granted,
            audit: question.audit,
            credentials: question.credentials,
            target: question.target,
            holder: question.holder,
            bounded: question.bounded,
            root: question.root,
            needless: question.needless,
            ended: question.ended,
            errno: question.errno,
            count: question.count,
            first_ns,
            last_ns: first_ns + 1_000_000_000,
        });
        for (frames, samples) in question.stacks {
            self.recording.askers.push(Asker {
                window: self.window,
                container: self.container,
                check,
                function: frames.first().cloned().unwrap_or_default(),
                stack_json: serde_json::to_string(&frames).unwrap(),
                samples,
            });
        }
        self
    }

    /// The program runs as root with these capabilities, then changed.
    pub(crate) fn ran(mut self, cause: Cause, change: impl FnOnce(&mut Identity)) -> Self {
        let mut identity = Identity {
            window: self.window,
            container: self.container,
            program: self.program,
            origin: self.origin,
            phase: self.phase,
            cause,
            holder: Namespace::Container,
            user: 0,
            root: true,
            set_user_id: false,
            before: 0,
            permitted: 0,
            ambient: 0,
            bounding: 0,
            count: 1,
        };
        change(&mut identity);
        self.recording.identities.push(identity);
        self
    }

    /// The file of the program that was added last has these capabilities.
    pub(crate) fn file(mut self, names: &[&str]) -> Self {
        let program = self.recording.programs.last_mut().unwrap();
        program.file_capabilities_json = Some(serde_json::to_string(names).unwrap());
        self
    }
}

/// A mask with these capabilities.
pub(crate) fn mask(names: &[&str]) -> u64 {
    names.iter().map(|name| 1 << known::capability_number(&format!("CAP_{name}")).unwrap()).sum()
}
