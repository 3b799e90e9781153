//! Whether a profile can be rendered at all: what no runtime would load, or would load as something else.

use std::collections::BTreeSet;

use super::{DialectError, words};
use crate::profile::{Action, Profile, Rule};

/// Fails on the first thing that the JSON dialects cannot say.
pub(super) fn renderable(profile: &Profile) -> Result<(), DialectError> {
    action("the default action", profile.default_action)?;
    if let Some(flag) = profile.flags.iter().find(|flag| !words::FLAGS.contains(&flag.as_str())) {
        return Err(words::unknown("flags", "flag", flag, words::FLAGS));
    }
    profile.rules.iter().try_for_each(rule)
}

fn rule(rule: &Rule) -> Result<(), DialectError> {
    if !words::is_name(&rule.name) {
        return Err(DialectError::InvalidName { name: words::quoted(&rule.name) });
    }
    action(&rule.name, rule.action)?;
    let mut seen = BTreeSet::new();
    for condition in &rule.conditions {
        if condition.index > 5 {
            return Err(DialectError::ArgumentIndex { place: rule.name.clone(), index: condition.index.into() });
        }
        if !seen.insert(condition.index) {
            return Err(DialectError::ArgumentTwice { name: rule.name.clone(), index: condition.index });
        }
    }
    Ok(())
}

fn action(place: &str, action: Action) -> Result<(), DialectError> {
    let place = place.to_owned();
    match action {
        Action::Notify => Err(DialectError::Notify { place }),
        Action::Errno(errno) if errno > words::ERRNO_LIMIT => {
            Err(DialectError::ErrnoRange { place, errno: errno.into(), limit: words::ERRNO_LIMIT })
        }
        Action::Allow
        | Action::Log
        | Action::Errno(_)
        | Action::Trace(_)
        | Action::Trap
        | Action::KillThread
        | Action::KillProcess => Ok(()),
    }
}
