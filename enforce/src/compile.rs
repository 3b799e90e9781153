//! From a profile to the filter that a container runtime loads for it.
//!
//! Lives here: the calls to libseccomp, in the order and with the exceptions of runc 1.1 and crun 1.8. The library is
//! the one that the runtimes of this machine use, so what it cannot name here, they cannot name either. Does not:
//! runc's own addition (see `stub`), any opinion on the profile.
//!
//! What other versions do otherwise, and this does not: runc before 1.2 starts no container whose profile has flags;
//! from 1.2 on it has libseccomp sort the rules into a binary tree, which changes how fast a filter decides, not what.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Read, Seek},
};

use ctrec_analyze::profile::{Action, Architecture, Condition, Operator, Profile, Rule};
use libseccomp::{
    ScmpAction, ScmpArch, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall, error::SeccompError,
};
use nix::sys::memfd::{MFdFlags, memfd_create};
use thiserror::Error;

use crate::{
    filter::{Filter, FilterError},
    stub,
};

/// Whose way of compiling to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// runc: libseccomp's filter behind a stub that answers ENOSYS to calls newer than the profile.
    Runc,
    /// crun: libseccomp's filter.
    Crun,
}

/// A compiled profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The filter.
    pub filter: Filter,
    /// Names that libseccomp does not know, sorted. Their rules are not in the filter, as they are not in the runtime's.
    pub unknown_names: Vec<String>,
    /// Flags of `seccomp(2)` to load it with.
    pub(crate) flags: u64,
    /// The architecture of the machine that it is for.
    pub(crate) native: Architecture,
}

/// Why a profile cannot be compiled. The runtimes refuse to start a container with it too.
#[derive(Debug, Error)]
pub enum CompileError {
    /// libseccomp refused a step.
    #[error("libseccomp refused {step}")]
    Refused {
        /// What was being done.
        step: &'static str,
        /// libseccomp's reason.
        #[source]
        source: SeccompError,
    },
    /// libseccomp refused a rule.
    #[error("libseccomp refused a rule for {name}: check its action, errno and conditions")]
    Rule {
        /// Name of the call.
        name: String,
        /// libseccomp's reason.
        #[source]
        source: SeccompError,
    },
    /// A condition on an argument that calls do not have.
    #[error("a rule for {name} has a condition on argument {index}; arguments are numbered 0 to 5")]
    NoSuchArgument {
        /// Name of the call.
        name: String,
        /// The argument's index.
        index: u32,
    },
    /// A flag that the runtimes do not know.
    #[error("the flag {flag:?} is not known; known are {}", FLAGS.map(|(name, _)| name).join(", "))]
    UnknownFlag {
        /// The flag.
        flag: String,
    },
    /// runc cannot hand its own messages to a listener.
    #[error("runc refuses to start with action NOTIFY {place}")]
    Notify {
        /// Where the action stands.
        place: &'static str,
    },
    /// The program could not be fetched from libseccomp.
    #[error("fetch the program from libseccomp")]
    Export {
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// libseccomp made a program that the kernel would not take.
    #[error("the kernel would not take the program")]
    Program {
        /// What is wrong with it.
        #[from]
        source: FilterError,
    },
}

/// `SECCOMP_FILTER_FLAG_SPEC_ALLOW`: crun's choice where a profile names no flags.
const SPEC_ALLOW: u64 = 1 << 2;

/// The flags of OCI and their bits. TSYNC is 0: the filter is loaded by a process of one thread. So is
/// `WAIT_KILLABLE_RECV`: it says how to wait for a listener, and there is none.
const FLAGS: [(&str, u64); 4] = [
    ("SECCOMP_FILTER_FLAG_LOG", 1 << 1),
    ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", SPEC_ALLOW),
    ("SECCOMP_FILTER_FLAG_TSYNC", 0),
    ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0),
];

/// The architecture of this machine; `None` where profiles have no word for it.
pub fn native_architecture() -> Option<Architecture> {
    match ScmpArch::native() {
        ScmpArch::X8664 => Some(Architecture::X86_64),
        ScmpArch::X86 => Some(Architecture::X86),
        ScmpArch::X32 => Some(Architecture::X32),
        ScmpArch::Aarch64 => Some(Architecture::Aarch64),
        ScmpArch::Arm => Some(Architecture::Arm),
        _ => None,
    }
}

/// Compiles a profile as `runtime` does on a machine of architecture `native`, which is covered whether the profile
/// lists it or not.
pub fn compile(profile: &Profile, runtime: Runtime, native: Architecture) -> Result<Compiled, CompileError> {
    let flags = flags(profile, runtime)?;
    if runtime == Runtime::Runc {
        refuse_notify(profile)?;
    }
    let architectures = with_native(profile, native);
    let mut context = context(profile, &architectures)?;
    let mut unknown_names = BTreeSet::new();
    for rule in &profile.rules {
        // libseccomp takes a rule that repeats the default for an error; the runtimes leave it out.
        if rule.action == profile.default_action {
            continue;
        }
        match ScmpSyscall::from_name(&rule.name) {
            Ok(call) => add_rule(&mut context, rule, call, runtime)?,
            Err(_) => {
                unknown_names.insert(rule.name.clone());
            }
        }
    }
    let mut program = export(&context)?;
    if runtime == Runtime::Runc && stub::wanted(profile.default_action) {
        let largest = largest_numbers(profile);
        program.splice(0..0, stub::instructions(&largest));
    }
    let filter = Filter::new(program)?;
    Ok(Compiled { filter, unknown_names: unknown_names.into_iter().collect(), flags, native })
}

fn with_native(profile: &Profile, native: Architecture) -> BTreeSet<Architecture> {
    profile.architectures.iter().copied().chain([native]).collect()
}

fn flags(profile: &Profile, runtime: Runtime) -> Result<u64, CompileError> {
    if profile.flags.is_empty() && runtime == Runtime::Crun {
        return Ok(SPEC_ALLOW);
    }
    profile.flags.iter().try_fold(0, |bits, flag| match FLAGS.iter().find(|(name, _)| name == flag) {
        Some((_, bit)) => Ok(bits | bit),
        None => Err(CompileError::UnknownFlag { flag: flag.clone() }),
    })
}

/// runc tells its parent the listener's number by `write`, so `write` must not wait for the listener.
fn refuse_notify(profile: &Profile) -> Result<(), CompileError> {
    if profile.default_action == Action::Notify {
        return Err(CompileError::Notify { place: "as the default" });
    }
    if profile.rules_of("write").any(|rule| rule.action == Action::Notify) {
        return Err(CompileError::Notify { place: "on write" });
    }
    Ok(())
}

fn context(profile: &Profile, architectures: &BTreeSet<Architecture>) -> Result<ScmpFilterContext, CompileError> {
    let refused = |step| move |source| CompileError::Refused { step, source };
    let mut context = ScmpFilterContext::new(action(profile.default_action)).map_err(refused("the default action"))?;
    for architecture in architectures {
        context.add_arch(library_architecture(*architecture)).map_err(refused("an architecture"))?;
    }
    // A new context covers the machine that it is made on. A profile for another machine has to drop it.
    let here = ScmpArch::native();
    if !architectures.iter().any(|architecture| library_architecture(*architecture) == here) {
        context.remove_arch(here).map_err(refused("to leave out this machine's architecture"))?;
    }
    Ok(context)
}

fn add_rule(
    context: &mut ScmpFilterContext,
    rule: &Rule,
    call: ScmpSyscall,
    runtime: Runtime,
) -> Result<(), CompileError> {
    // crun reads no more than six conditions of a rule.
    let read = if runtime == Runtime::Crun { 6 } else { usize::MAX };
    let conditions: Vec<_> = rule.conditions.iter().take(read).collect();
    let mut indexes = BTreeSet::new();
    for condition in &conditions {
        if condition.index > 5 {
            return Err(CompileError::NoSuchArgument { name: rule.name.clone(), index: condition.index });
        }
        indexes.insert(condition.index);
    }
    let compares: Vec<_> = conditions.iter().map(|condition| compare(condition)).collect();
    // libseccomp takes one condition for each argument. Where a profile has two, the runtimes make each condition a
    // rule of its own, which turns "and" into "or".
    let alternatives: Vec<&[ScmpArgCompare]> =
        if indexes.len() < compares.len() { compares.chunks(1).collect() } else { vec![&compares] };
    for alternative in alternatives {
        context
            .add_rule_conditional(action(rule.action), call, alternative)
            .map_err(|source| CompileError::Rule { name: rule.name.clone(), source })?;
    }
    Ok(())
}

/// The largest call number that any rule names, by architecture. An architecture in which no rule has a number above
/// 0 has none, and neither has one that the profile does not list, be it this machine's.
fn largest_numbers(profile: &Profile) -> BTreeMap<Architecture, u32> {
    let mut largest = BTreeMap::new();
    for architecture in &profile.architectures {
        let numbers = profile.rules.iter().filter_map(|rule| number(&rule.name, *architecture));
        if let Some(number) = numbers.max().filter(|number| *number > 0) {
            largest.insert(*architecture, number);
        }
    }
    largest
}

/// The number of a call in an architecture; `None` where it has none there. x32 numbers have bit 30 set.
pub(crate) fn number(name: &str, architecture: Architecture) -> Option<u32> {
    let call = ScmpSyscall::from_name_by_arch(name, library_architecture(architecture)).ok()?;
    // Negative numbers are libseccomp's own, for calls that this architecture does not have.
    u32::try_from(call.as_raw_syscall()).ok()
}

fn export(context: &ScmpFilterContext) -> Result<Vec<crate::Instruction>, CompileError> {
    let export = |source| CompileError::Export { source };
    let descriptor = memfd_create(c"filter", MFdFlags::MFD_CLOEXEC).map_err(|errno| export(errno.into()))?;
    context.export_bpf(&descriptor).map_err(|source| CompileError::Refused { step: "to write the program", source })?;
    let mut file = File::from(descriptor);
    let mut bytes = Vec::new();
    file.rewind().map_err(export)?;
    file.read_to_end(&mut bytes).map_err(export)?;
    Ok(Filter::from_bytes(&bytes)?.instructions().to_vec())
}

fn action(action: Action) -> ScmpAction {
    match action {
        Action::Allow => ScmpAction::Allow,
        Action::Log => ScmpAction::Log,
        Action::Errno(errno) => ScmpAction::Errno(errno.into()),
        Action::Trace(message) => ScmpAction::Trace(message),
        Action::Trap => ScmpAction::Trap,
        Action::Notify => ScmpAction::Notify,
        Action::KillThread => ScmpAction::KillThread,
        Action::KillProcess => ScmpAction::KillProcess,
    }
}

fn library_architecture(architecture: Architecture) -> ScmpArch {
    match architecture {
        Architecture::X86_64 => ScmpArch::X8664,
        Architecture::X86 => ScmpArch::X86,
        Architecture::X32 => ScmpArch::X32,
        Architecture::Aarch64 => ScmpArch::Aarch64,
        Architecture::Arm => ScmpArch::Arm,
    }
}

fn compare(condition: &Condition) -> ScmpArgCompare {
    let (operator, value) = match condition.operator {
        Operator::NotEqual => (ScmpCompareOp::NotEqual, condition.value),
        Operator::LessThan => (ScmpCompareOp::Less, condition.value),
        Operator::LessOrEqual => (ScmpCompareOp::LessOrEqual, condition.value),
        Operator::Equal => (ScmpCompareOp::Equal, condition.value),
        Operator::GreaterOrEqual => (ScmpCompareOp::GreaterEqual, condition.value),
        Operator::GreaterThan => (ScmpCompareOp::Greater, condition.value),
        Operator::MaskedEqual => (ScmpCompareOp::MaskedEqual(condition.value), condition.value_two),
    };
    ScmpArgCompare::new(condition.index, operator, value)
}

#[cfg(test)]
mod tests;
