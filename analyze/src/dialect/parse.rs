//! Reads a profile in the Docker, OCI or podman form. They differ by fields that the others ignore, so one reader
//! takes all of them, and evaluates what an engine would evaluate when it starts a container.

use std::collections::BTreeSet;

use super::DialectError;
use super::fields::Fields;
use super::unique::Unique;
use super::words::{self, Arch};
use crate::known::{Gate, Host};
use crate::profile::{Action, Architecture, Condition, Operator, Profile, Reason, Rule};

/// Longest text that is read, bytes. Real profiles have 10 to 40 thousand.
const TEXT_LIMIT: usize = 1 << 20;

/// Most rules that are read, a rule being one name with one set of conditions. A kernel filter has at most 4096
/// instructions.
const RULE_LIMIT: usize = 1 << 16;

/// The host and the container that a profile is read for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseContext {
    /// Bounding set of the container, `CAP_*`.
    pub capabilities: BTreeSet<String>,
    /// Native architecture of the host.
    pub architecture: Architecture,
    /// Kernel of the host, major and minor version.
    pub kernel: (u32, u32),
}

impl ParseContext {
    /// A container without capabilities, on a present-day kernel.
    pub fn of(architecture: Architecture) -> Self {
        Self { capabilities: BTreeSet::new(), architecture, kernel: (u32::MAX, u32::MAX) }
    }

    fn host(&self) -> Host<'_> {
        Host { architecture: self.architecture, capabilities: &self.capabilities, kernel: self.kernel }
    }
}

/// A profile that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The profile, every rule with [`Reason::Given`].
    pub profile: Profile,
    /// What was left out or ignored, one line each.
    pub warnings: Vec<String>,
}

/// Reads a profile as an engine would for such a host and container.
pub fn parse(text: &str, context: &ParseContext) -> Result<Parsed, DialectError> {
    if text.len() > TEXT_LIMIT {
        return Err(DialectError::TooLarge { bytes: text.len(), limit: TEXT_LIMIT });
    }
    let Unique(value) = serde_json::from_str(text).map_err(unreadable)?;
    let mut top = Fields::of(String::new(), &value)?;
    let mut warnings = Vec::new();
    let default_action = default_action(&mut top)?;
    let architectures = architectures(&mut top, context, &mut warnings)?;
    let flags = flags(&mut top)?;
    let rules = rules(&mut top, context, &mut warnings)?;
    if top.text("listenerPath")?.is_some() || top.text("listenerMetadata")?.is_some() {
        warnings
            .push("listenerPath, listenerMetadata: not kept, they belong to the host that the profile is from".into());
    }
    top.warn_of_unknown(&mut warnings)?;
    Ok(Parsed { profile: Profile { default_action, architectures, flags, rules }, warnings })
}

fn unreadable(source: serde_json::Error) -> DialectError {
    let (line, column) = (source.line(), source.column());
    // Any JSON is data that fits, but for a key that stands twice.
    if source.is_data() {
        DialectError::KeyTwice { line, column, source }
    } else {
        DialectError::NotJson { line, column, source }
    }
}

fn default_action(top: &mut Fields<'_>) -> Result<Action, DialectError> {
    match top.text("defaultAction")? {
        None | Some("") => Err(wrapped(top)?.unwrap_or(DialectError::NoDefaultAction)),
        Some(word) => {
            let place = top.place_of("defaultAction");
            action(top, words::action(&place, word)?, ["defaultErrnoRet", "defaultErrno"])
        }
    }
}

/// The error for a file that has the profile further inside; `None` for one that has none.
fn wrapped(top: &mut Fields<'_>) -> Result<Option<DialectError>, DialectError> {
    if top.inner("seccomp")?.is_some() {
        return Ok(Some(DialectError::Wrapped { inside: "seccomp" }));
    }
    let linux = top.inner("linux")?;
    let inside = linux.map(|mut linux| linux.inner("seccomp")).transpose()?.flatten();
    Ok(inside.map(|_| DialectError::Wrapped { inside: "linux.seccomp" }))
}

/// Puts the number that the profile gives into an action: as a number, or by podman's names for errnos, which win.
fn action(
    fields: &mut Fields<'_>,
    action: Action,
    [number_key, name_key]: [&'static str; 2],
) -> Result<Action, DialectError> {
    let number = fields.number(number_key)?;
    let name = fields.text(name_key)?.filter(|name| !name.is_empty());
    let place = fields.place_of(if name.is_some() { name_key } else { number_key });
    let given = match name {
        Some(name) => Some(errno_of(&place, name)?),
        None => number,
    };
    let Some(given) = given else { return Ok(action) };
    let in_range = |limit: u16| match u16::try_from(given) {
        Ok(number) if number <= limit => Ok(number),
        _ => Err(DialectError::ErrnoRange { place: place.clone(), errno: given, limit }),
    };
    match action {
        Action::Errno(_) => in_range(words::ERRNO_LIMIT).map(Action::Errno),
        Action::Trace(_) => in_range(u16::MAX).map(Action::Trace),
        Action::Allow | Action::Log | Action::Trap | Action::Notify | Action::KillThread | Action::KillProcess => {
            let (word, _) = words::of_action(action);
            Err(DialectError::ErrnoWithoutEffect { place, action: word })
        }
    }
}

fn errno_of(place: &str, name: &str) -> Result<u64, DialectError> {
    let number = name.parse().ok().or_else(|| words::errno(name).map(u64::from));
    number.ok_or_else(|| DialectError::UnknownErrno { place: place.to_owned(), word: words::quoted(name) })
}

fn architectures(
    top: &mut Fields<'_>,
    context: &ParseContext,
    warnings: &mut Vec<String>,
) -> Result<BTreeSet<Architecture>, DialectError> {
    let mut flat: Vec<(String, &str)> = Vec::new();
    for (index, word) in top.texts("architectures")?.into_iter().enumerate() {
        flat.push((format!("architectures[{index}]"), word));
    }
    let map = top.objects("archMap")?;
    if !flat.is_empty() && !map.is_empty() {
        return Err(DialectError::ArchitecturesTwice);
    }
    for mut entry in map {
        flat.extend(mapped(&mut entry, context, warnings)?);
    }
    let mut architectures = BTreeSet::new();
    for (place, word) in flat {
        match words::architecture(&place, word)? {
            Arch::Known(architecture) => drop(architectures.insert(architecture)),
            Arch::Native => drop(architectures.insert(context.architecture)),
            Arch::Other => warnings.push(format!("{place}: ctrec has no call table of {word}, left out")),
        }
    }
    Ok(architectures)
}

/// The architectures of one entry of `archMap`, the native one first; none where it is about another host.
fn mapped<'a>(
    entry: &mut Fields<'a>,
    context: &ParseContext,
    warnings: &mut Vec<String>,
) -> Result<Vec<(String, &'a str)>, DialectError> {
    let place = entry.place_of("architecture");
    let word = entry.text("architecture")?.ok_or_else(|| entry.missing("architecture"))?;
    let below = entry.texts("subArchitectures")?;
    entry.warn_of_unknown(warnings)?;
    let native = matches!(words::architecture(&place, word)?, Arch::Known(known) if known == context.architecture);
    if !native {
        return Ok(Vec::new());
    }
    let place_below = entry.place_of("subArchitectures");
    let below = below.into_iter().map(|word| (place_below.clone(), word));
    Ok([(place, word)].into_iter().chain(below).collect())
}

fn flags(top: &mut Fields<'_>) -> Result<BTreeSet<String>, DialectError> {
    let place = top.place_of("flags");
    let known = |flag: &str| match words::FLAGS.iter().find(|known| **known == flag) {
        Some(known) => Ok((*known).to_owned()),
        None => Err(words::unknown(&place, "flag", flag, words::FLAGS)),
    };
    top.texts("flags")?.into_iter().map(known).collect()
}

/// The rules in the file's order: of two that contradict each other, the order decides.
fn rules(top: &mut Fields<'_>, context: &ParseContext, warnings: &mut Vec<String>) -> Result<Vec<Rule>, DialectError> {
    let mut rules = Vec::new();
    for mut entry in top.objects("syscalls")? {
        let names = names(&mut entry, warnings)?;
        let action = rule_action(&mut entry)?;
        let alternatives = alternatives(&mut entry, warnings)?;
        let applies = applies(&mut entry, context, warnings)?;
        entry.text("comment")?;
        entry.warn_of_unknown(warnings)?;
        if !applies {
            continue;
        }
        if names.len().saturating_mul(alternatives.len()) > RULE_LIMIT - rules.len() {
            return Err(DialectError::TooManyRules { limit: RULE_LIMIT });
        }
        for name in names {
            rules.extend(alternatives.iter().map(|conditions| Rule {
                name: name.to_owned(),
                action,
                conditions: conditions.clone(),
                reasons: BTreeSet::from([Reason::Given]),
            }));
        }
    }
    Ok(rules)
}

fn names<'a>(entry: &mut Fields<'a>, warnings: &mut Vec<String>) -> Result<Vec<&'a str>, DialectError> {
    let one = entry.text("name")?.filter(|name| !name.is_empty());
    let many = entry.texts("names")?;
    let names = match (one, many.is_empty()) {
        (Some(_), false) => return Err(DialectError::NamesTwice { place: entry.place() }),
        (None, true) => return Err(DialectError::NoNames { place: entry.place() }),
        (Some(name), true) => vec![name],
        (None, false) => many,
    };
    let (good, bad): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| words::is_name(name));
    let place = entry.place();
    let warning = |name| format!("{place}: {} is no name of a call; runtimes ignore it", words::quoted(name));
    warnings.extend(bad.into_iter().map(warning));
    Ok(good)
}

fn rule_action(entry: &mut Fields<'_>) -> Result<Action, DialectError> {
    let place = entry.place_of("action");
    let word = entry.text("action")?.ok_or_else(|| entry.missing("action"))?;
    action(entry, words::action(&place, word)?, ["errnoRet", "errno"])
}

/// The sets of conditions of a rule, of which one must hold. Several conditions on one argument are alternatives to
/// all runtimes, and make all other conditions of the rule alternatives too.
fn alternatives(entry: &mut Fields<'_>, warnings: &mut Vec<String>) -> Result<Vec<Vec<Condition>>, DialectError> {
    let mut conditions = Vec::new();
    for mut argument in entry.objects("args")? {
        conditions.push(condition(&mut argument)?);
        argument.warn_of_unknown(warnings)?;
    }
    conditions.sort();
    conditions.dedup();
    let distinct: BTreeSet<u32> = conditions.iter().map(|condition| condition.index).collect();
    if distinct.len() == conditions.len() {
        return Ok(vec![conditions]);
    }
    let place = entry.place_of("args");
    warnings.push(format!("{place}: several conditions on one argument; runtimes let each of them alone decide"));
    Ok(conditions.into_iter().map(|condition| vec![condition]).collect())
}

fn condition(argument: &mut Fields<'_>) -> Result<Condition, DialectError> {
    let place = argument.place();
    let index = argument.number("index")?.ok_or_else(|| argument.missing("index"))?;
    let value = argument.number("value")?.ok_or_else(|| argument.missing("value"))?;
    let value_two = argument.number("valueTwo")?.unwrap_or_default();
    let word = argument.text("op")?.ok_or_else(|| argument.missing("op"))?;
    let operator = words::operator(&argument.place_of("op"), word)?;
    let value_two = if operator == Operator::MaskedEqual { value_two } else { 0 };
    match u32::try_from(index) {
        Ok(index) if index <= 5 => Ok(Condition { index, value, value_two, operator }),
        _ => Err(DialectError::ArgumentIndex { place, index }),
    }
}

/// Whether an engine would take the rule for this host and container.
fn applies(entry: &mut Fields<'_>, context: &ParseContext, warnings: &mut Vec<String>) -> Result<bool, DialectError> {
    let only_with = gate(entry.inner("includes")?, warnings)?;
    let not_with = gate(entry.inner("excludes")?, warnings)?;
    Ok(only_with.lets_in(context.host()) && !not_with.keeps_out(context.host()))
}

fn gate(fields: Option<Fields<'_>>, warnings: &mut Vec<String>) -> Result<Gate, DialectError> {
    let Some(mut fields) = fields else { return Ok(Gate::default()) };
    let place = fields.place_of("minKernel");
    let kernel = fields.text("minKernel")?.map(|word| kernel_version(&place, word)).transpose()?;
    let capabilities = fields.texts("caps")?.into_iter().map(str::to_owned).collect();
    let arches = fields.texts("arches")?;
    // A name without call tables matches no host that can be asked about, so it is left out; the list stays.
    let architectures = (!arches.is_empty()).then(|| arches.into_iter().filter_map(words::go_architecture).collect());
    fields.warn_of_unknown(warnings)?;
    Ok(Gate { capabilities, architectures, kernel })
}

fn kernel_version(place: &str, word: &str) -> Result<(u32, u32), DialectError> {
    let version = word.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    version.ok_or_else(|| DialectError::KernelVersion { place: place.to_owned(), word: words::quoted(word) })
}
