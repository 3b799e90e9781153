//! This process itself under a profile, and with few capabilities, for good.
//!
//! Lives here: what has to change, and that all of it does or nothing. Does not: what a process needs, and the calls
//! themselves (see `sys`).

use std::{fs, io};

use caps::Capability;
use nix::unistd::Pid;
use thiserror::Error;

use crate::{
    capabilities::CapabilityList,
    compile::Compiled,
    status::{Status, StatusError},
    sys::{self, CapabilityChange, Program, Step},
};

/// Why a process was not confined.
#[derive(Debug, Error)]
pub enum ConfineError {
    /// The kernel keeps capabilities by thread, and a filter alone would look like more than it is.
    #[error("{threads} threads run already, and each has capabilities of its own")]
    OtherThreads {
        /// How many there are, this one included.
        threads: usize,
    },
    /// The threads could not be counted.
    #[error("cannot count this process's threads")]
    Threads {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What this process may do could not be read.
    #[error("cannot read this process's own privileges")]
    Status {
        /// Why.
        #[from]
        source: StatusError,
    },
    /// A step fails here. Nothing was changed.
    #[error("cannot {step}")]
    Step {
        /// What is to be done.
        step: &'static str,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// A step failed after others, though it had succeeded in a child.
    #[error("cannot {step}, after {held}")]
    HalfWay {
        /// What was being done.
        step: &'static str,
        /// What holds all the same.
        held: &'static str,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
}

/// Takes from this process every capability that is not `kept`, and the ways to new ones, and puts it under a profile,
/// which must let a process exit. To be called while it has one thread: those that it makes later are confined as it is.
///
/// What was given up does not come back, and the filter, which may let nobody give up anything, comes last. So a child
/// tries it first: a process is confined by both or by neither, and the error says which.
pub fn confine(profile: &Compiled, kept: CapabilityList) -> Result<(), ConfineError> {
    let threads = fs::read_dir("/proc/self/task").map_err(|source| ConfineError::Threads { source })?.count();
    if threads != 1 {
        return Err(ConfineError::OtherThreads { threads });
    }
    let own = Status::of(Pid::this().as_raw())?;
    let (change, program) = (change(&own, kept), Program::new(&profile.filter, profile.flags));
    let tried = sys::rehearse(change.as_ref(), &program);
    match tried.map_err(|errno| ConfineError::Step { step: "have a child try it first", source: errno.into() })? {
        Some((step, source)) => Err(ConfineError::Step { step: step.words(), source }),
        None => sys::limit(change.as_ref(), &program).map_err(|(step, errno)| half_way(step, errno.into())),
    }
}

fn half_way(step: Step, source: io::Error) -> ConfineError {
    let held = match step {
        Step::Signals | Step::Capabilities => "some capabilities were dropped from the bounding set",
        Step::NoNewPrivs => "capabilities were dropped",
        Step::Filter | Step::Execute => "capabilities were dropped and no_new_privs was set",
    };
    ConfineError::HalfWay { step: step.words(), held, source }
}

/// What has to change for a process to hold nothing but what is `kept`; `None`: it holds no more, and nobody need ask, for a
/// filter around us may refuse capset.
fn change(own: &Status, kept: CapabilityList) -> Option<CapabilityChange> {
    let both = |list: CapabilityList| CapabilityList::from_mask(list.mask() & kept.mask());
    let beyond = |list: CapabilityList| list.mask() & !kept.mask();
    // Without this one the kernel drops none; and with no_new_privs the bounding set gives nothing to anybody.
    let may_drop = own.effective.mask() & Capability::CAP_SETPCAP.bitmask() != 0;
    let drop = CapabilityList::from_mask(if may_drop { beyond(own.bounding) } else { 0 });
    let is_too_much = beyond(own.permitted) | drop.mask() | own.inheritable.mask() | own.ambient.mask() != 0;
    is_too_much.then(|| CapabilityChange { drop, permitted: both(own.permitted), effective: both(own.effective) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::SeccompMode;

    fn status(permitted: u64, bounding: u64) -> Status {
        let list = CapabilityList::from_mask;
        Status {
            mode: SeccompMode::Disabled,
            filters: Some(0),
            no_new_privs: false,
            tracer: None,
            ended: false,
            inheritable: list(0),
            permitted: list(permitted),
            effective: list(permitted),
            bounding: list(bounding),
            ambient: list(0),
        }
    }

    #[test]
    fn whoever_holds_no_more_than_is_kept_need_not_change() {
        let kept = CapabilityList::from_mask(0b111);
        assert!(change(&status(0b011, 0b011), kept).is_none());
        assert!(change(&status(0, u64::MAX), kept).is_none(), "without SETPCAP the bounding set stays");
        let setpcap = Capability::CAP_SETPCAP.bitmask();
        let change = change(&status(0b1001 | setpcap, 0b1011 | setpcap), kept).unwrap();
        assert_eq!((change.drop.mask(), change.permitted.mask()), (0b1000 | setpcap, 0b001));
    }

    #[test]
    fn what_holds_all_the_same_is_said() {
        let error = half_way(Step::Filter, io::ErrorKind::OutOfMemory.into()).to_string();
        assert_eq!(error, "cannot load the filter, after capabilities were dropped and no_new_privs was set");
        let error = half_way(Step::NoNewPrivs, io::ErrorKind::Other.into()).to_string();
        assert_eq!(error, "cannot set no_new_privs, after capabilities were dropped");
    }

    #[test]
    fn a_process_of_several_threads_is_not_half_confined() {
        // A test harness runs each test in a thread of its own.
        let profile = r#"{"defaultAction": "SCMP_ACT_ALLOW"}"#;
        let native = crate::native_architecture().unwrap();
        let context = ctrec_analyze::dialect::ParseContext::of(native);
        let profile = ctrec_analyze::dialect::parse(profile, &context).unwrap().profile;
        let compiled = crate::compile(&profile, crate::Runtime::Crun, native).unwrap();
        let error = confine(&compiled, CapabilityList::default()).unwrap_err();
        assert!(matches!(error, ConfineError::OtherThreads { threads: 2.. }), "{error}");
    }
}
