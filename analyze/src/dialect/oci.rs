//! The OCI dialect: `linux.seccomp` of a container's `config.json`, as runc, crun, containerd and CRI-O read it.

use std::collections::BTreeSet;

use oci_spec::runtime::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompArgBuilder, LinuxSeccompFilterFlag,
    LinuxSeccompOperator, LinuxSyscall,
};

use super::{DialectError, ParseContext, Parsed, check, parse, words};
use crate::profile::{Action, Architecture, Condition, Operator, Profile};

/// The profile in the OCI form: JSON, ending in a newline.
pub fn render(profile: &Profile) -> Result<String, DialectError> {
    let json = serde_json::to_string_pretty(&spec(profile)?).map_err(|source| DialectError::Write { source })?;
    Ok(json + "\n")
}

/// The profile as the runtime specification's own type.
pub fn spec(profile: &Profile) -> Result<LinuxSeccomp, DialectError> {
    check::renderable(profile)?;
    let mut seccomp = LinuxSeccomp::default();
    let (action, errno) = action_of(profile.default_action);
    seccomp.set_default_action(action);
    seccomp.set_default_errno_ret(errno);
    seccomp.set_architectures(Some(profile.architectures.iter().copied().map(architecture_of).collect()));
    if !profile.flags.is_empty() {
        seccomp.set_flags(Some(profile.flags.iter().map(|flag| flag_of(flag)).collect::<Result<_, _>>()?));
    }
    let groups = profile.by_effect().into_iter();
    let syscalls = groups.map(|((action, conditions), names)| group(action, &conditions, &names));
    seccomp.set_syscalls(Some(syscalls.collect::<Result<_, _>>()?));
    Ok(seccomp)
}

fn group(action: Action, conditions: &[Condition], names: &BTreeSet<&str>) -> Result<LinuxSyscall, DialectError> {
    let mut syscall = LinuxSyscall::default();
    let (action, errno) = action_of(action);
    syscall.set_names(names.iter().copied().map(str::to_owned).collect());
    syscall.set_action(action);
    syscall.set_errno_ret(errno);
    if !conditions.is_empty() {
        syscall.set_args(Some(conditions.iter().map(argument_of).collect::<Result<_, _>>()?));
    }
    Ok(syscall)
}

/// Reads the `linux.seccomp` object that a recording keeps of a container; `native` is the host's architecture.
/// `None` where the recording says `null`: no filter was in force.
pub fn parse_spec_seccomp(json: &str, native: Architecture) -> Result<Option<Parsed>, DialectError> {
    if json.trim() == "null" {
        return Ok(None);
    }
    parse(json, &ParseContext::of(native)).map(Some)
}

/// An action, and the number that goes with it. Only actions that return one may carry it: crun refuses others.
fn action_of(action: Action) -> (LinuxSeccompAction, Option<u32>) {
    let word = match action {
        Action::Allow => LinuxSeccompAction::ScmpActAllow,
        Action::Log => LinuxSeccompAction::ScmpActLog,
        Action::Errno(_) => LinuxSeccompAction::ScmpActErrno,
        Action::Trace(_) => LinuxSeccompAction::ScmpActTrace,
        Action::Trap => LinuxSeccompAction::ScmpActTrap,
        Action::Notify => LinuxSeccompAction::ScmpActNotify,
        Action::KillThread => LinuxSeccompAction::ScmpActKill,
        Action::KillProcess => LinuxSeccompAction::ScmpActKillProcess,
    };
    let (_, errno) = words::of_action(action);
    (word, errno.map(u32::from))
}

fn architecture_of(architecture: Architecture) -> Arch {
    match architecture {
        Architecture::X86_64 => Arch::ScmpArchX86_64,
        Architecture::X86 => Arch::ScmpArchX86,
        Architecture::X32 => Arch::ScmpArchX32,
        Architecture::Aarch64 => Arch::ScmpArchAarch64,
        Architecture::Arm => Arch::ScmpArchArm,
    }
}

fn flag_of(flag: &str) -> Result<LinuxSeccompFilterFlag, DialectError> {
    flag.parse().map_err(|_| words::unknown("flags", "flag", flag, words::FLAGS))
}

fn argument_of(condition: &Condition) -> Result<LinuxSeccompArg, DialectError> {
    // An index is at most 5 here.
    let argument = LinuxSeccompArgBuilder::default()
        .index(condition.index as usize)
        .value(condition.value)
        .op(operator_of(condition.operator));
    let argument = match condition.operator {
        Operator::MaskedEqual => argument.value_two(condition.value_two),
        Operator::NotEqual
        | Operator::LessThan
        | Operator::LessOrEqual
        | Operator::Equal
        | Operator::GreaterOrEqual
        | Operator::GreaterThan => argument,
    };
    argument.build().map_err(|source| DialectError::Spec { source })
}

fn operator_of(operator: Operator) -> LinuxSeccompOperator {
    match operator {
        Operator::NotEqual => LinuxSeccompOperator::ScmpCmpNe,
        Operator::LessThan => LinuxSeccompOperator::ScmpCmpLt,
        Operator::LessOrEqual => LinuxSeccompOperator::ScmpCmpLe,
        Operator::Equal => LinuxSeccompOperator::ScmpCmpEq,
        Operator::GreaterOrEqual => LinuxSeccompOperator::ScmpCmpGe,
        Operator::GreaterThan => LinuxSeccompOperator::ScmpCmpGt,
        Operator::MaskedEqual => LinuxSeccompOperator::ScmpCmpMaskedEq,
    }
}
