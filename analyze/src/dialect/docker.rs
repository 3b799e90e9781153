//! The Docker engine's dialect: what `docker run --security-opt seccomp=FILE` reads.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{DialectError, check, words};
use crate::profile::{Action, Condition, Operator, Profile, Reason};

/// Shown beside the rules that the errno rule adds, so that nobody takes a block of refusals for what was recorded.
const ABSENT: &str = "not needed: reported as absent, so that programs fall back to older calls";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    default_action: &'static str,
    /// Engines before 23.0 drop it without a word and use EPERM; it costs nothing there.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_errno_ret: Option<u16>,
    /// Flat, never `archMap`: an engine expands the map by the host, and other readers ignore it.
    architectures: Vec<&'static str>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    flags: &'a BTreeSet<String>,
    syscalls: Vec<Group<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group<'a> {
    names: BTreeSet<&'a str>,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno_ret: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<Argument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u32,
    value: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_two: Option<u64>,
    op: &'static str,
}

/// The profile in the Docker engine's form: JSON, ending in a newline.
pub fn render(profile: &Profile) -> Result<String, DialectError> {
    check::renderable(profile)?;
    let (default_action, default_errno_ret) = words::of_action(profile.default_action);
    let groups = profile.by_effect().into_iter();
    let file = File {
        default_action,
        default_errno_ret,
        architectures: profile.architectures.iter().copied().map(words::of_architecture).collect(),
        flags: &profile.flags,
        syscalls: groups.map(|((action, conditions), names)| group(profile, action, &conditions, names)).collect(),
    };
    let json = serde_json::to_string_pretty(&file).map_err(|source| DialectError::Write { source })?;
    Ok(json + "\n")
}

fn group<'a>(profile: &Profile, action: Action, conditions: &[Condition], names: BTreeSet<&'a str>) -> Group<'a> {
    let only_errno_rule = profile
        .rules
        .iter()
        .filter(|rule| rule.action == action && rule.conditions == conditions)
        .all(|rule| rule.reasons.iter().all(|reason| *reason == Reason::ErrnoRule) && !rule.reasons.is_empty());
    let comment = (only_errno_rule && action == Action::Errno(38)).then_some(ABSENT);
    let (action, errno_ret) = words::of_action(action);
    Group { names, action, errno_ret, args: conditions.iter().map(argument).collect(), comment }
}

fn argument(condition: &Condition) -> Argument {
    Argument {
        index: condition.index,
        value: condition.value,
        value_two: (condition.operator == Operator::MaskedEqual).then_some(condition.value_two),
        op: words::of_operator(condition.operator),
    }
}
