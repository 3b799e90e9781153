//! The words that every JSON dialect shares, and their meaning: actions, operators, architectures, flags, errnos.

use syscalls::Errno;

use super::DialectError;
use crate::profile::{Action, Architecture, Operator};

/// The largest errno that a call can return.
pub(super) const ERRNO_LIMIT: u16 = 4095;

/// Filter flags that runtimes know.
pub(super) const FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

/// Words for actions as one reads them, each with the number that it takes unless the profile gives another.
const ACTIONS: [(&str, Action); 9] = [
    ("SCMP_ACT_ALLOW", Action::Allow),
    ("SCMP_ACT_ERRNO", Action::Errno(1)),
    ("SCMP_ACT_KILL", Action::KillThread),
    ("SCMP_ACT_KILL_PROCESS", Action::KillProcess),
    ("SCMP_ACT_KILL_THREAD", Action::KillThread),
    ("SCMP_ACT_LOG", Action::Log),
    ("SCMP_ACT_NOTIFY", Action::Notify),
    ("SCMP_ACT_TRACE", Action::Trace(1)),
    ("SCMP_ACT_TRAP", Action::Trap),
];

const OPERATORS: [(&str, Operator); 7] = [
    ("SCMP_CMP_EQ", Operator::Equal),
    ("SCMP_CMP_GE", Operator::GreaterOrEqual),
    ("SCMP_CMP_GT", Operator::GreaterThan),
    ("SCMP_CMP_LE", Operator::LessOrEqual),
    ("SCMP_CMP_LT", Operator::LessThan),
    ("SCMP_CMP_MASKED_EQ", Operator::MaskedEqual),
    ("SCMP_CMP_NE", Operator::NotEqual),
];

/// Architectures with call tables, by the engines' words and by the names that `arches` of a condition uses.
const ARCHITECTURES: [(&str, &str, Architecture); 5] = [
    ("SCMP_ARCH_AARCH64", "arm64", Architecture::Aarch64),
    ("SCMP_ARCH_ARM", "arm", Architecture::Arm),
    ("SCMP_ARCH_X32", "x32", Architecture::X32),
    ("SCMP_ARCH_X86", "x86", Architecture::X86),
    ("SCMP_ARCH_X86_64", "amd64", Architecture::X86_64),
];

/// Architectures that runtimes know and ctrec has no call tables for.
const OTHER_ARCHITECTURES: [&str; 18] = [
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB",
];

/// What an architecture's word means.
pub(super) enum Arch {
    /// One with call tables.
    Known(Architecture),
    /// Whatever the host is.
    Native,
    /// One that runtimes know and ctrec does not.
    Other,
}

/// The action of a word. The number in it is the default one.
pub(super) fn action(place: &str, word: &str) -> Result<Action, DialectError> {
    let found = ACTIONS.iter().find(|(known, _)| *known == word).map(|(_, action)| *action);
    found.ok_or_else(|| unknown(place, "action", word, ACTIONS.iter().map(|(known, _)| *known)))
}

/// The word of an action, and the number that goes with it. `SCMP_ACT_KILL` is what every runtime calls the thread's
/// end; the newer word for it is not known to all.
pub(super) fn of_action(action: Action) -> (&'static str, Option<u16>) {
    match action {
        Action::Allow => ("SCMP_ACT_ALLOW", None),
        Action::Log => ("SCMP_ACT_LOG", None),
        Action::Errno(errno) => ("SCMP_ACT_ERRNO", Some(errno)),
        Action::Trace(message) => ("SCMP_ACT_TRACE", Some(message)),
        Action::Trap => ("SCMP_ACT_TRAP", None),
        Action::Notify => ("SCMP_ACT_NOTIFY", None),
        Action::KillThread => ("SCMP_ACT_KILL", None),
        Action::KillProcess => ("SCMP_ACT_KILL_PROCESS", None),
    }
}

/// The operator of a word.
pub(super) fn operator(place: &str, word: &str) -> Result<Operator, DialectError> {
    let found = OPERATORS.iter().find(|(known, _)| *known == word).map(|(_, operator)| *operator);
    found.ok_or_else(|| unknown(place, "operator", word, OPERATORS.iter().map(|(known, _)| *known)))
}

/// The word of an operator.
pub(super) fn of_operator(operator: Operator) -> &'static str {
    match operator {
        Operator::NotEqual => "SCMP_CMP_NE",
        Operator::LessThan => "SCMP_CMP_LT",
        Operator::LessOrEqual => "SCMP_CMP_LE",
        Operator::Equal => "SCMP_CMP_EQ",
        Operator::GreaterOrEqual => "SCMP_CMP_GE",
        Operator::GreaterThan => "SCMP_CMP_GT",
        Operator::MaskedEqual => "SCMP_CMP_MASKED_EQ",
    }
}

/// The architecture of a word.
pub(super) fn architecture(place: &str, word: &str) -> Result<Arch, DialectError> {
    if word == "SCMP_ARCH_NATIVE" {
        return Ok(Arch::Native);
    }
    if OTHER_ARCHITECTURES.contains(&word) {
        return Ok(Arch::Other);
    }
    let found = ARCHITECTURES.iter().find(|(known, ..)| *known == word).map(|(.., architecture)| *architecture);
    let valid = ARCHITECTURES.iter().map(|(known, ..)| *known).chain(OTHER_ARCHITECTURES);
    found.map(Arch::Known).ok_or_else(|| unknown(place, "architecture", word, valid))
}

/// The word of an architecture.
pub(super) fn of_architecture(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "SCMP_ARCH_X86_64",
        Architecture::X86 => "SCMP_ARCH_X86",
        Architecture::X32 => "SCMP_ARCH_X32",
        Architecture::Aarch64 => "SCMP_ARCH_AARCH64",
        Architecture::Arm => "SCMP_ARCH_ARM",
    }
}

/// The architecture that a condition calls by its Go name; `None` for one without call tables, or a typing error:
/// either way it matches no host that ctrec can be asked about.
pub(super) fn go_architecture(word: &str) -> Option<Architecture> {
    ARCHITECTURES.iter().find(|(_, go, _)| *go == word).map(|(.., architecture)| *architecture)
}

/// The number of an errno's name.
pub(super) fn errno(name: &str) -> Option<u16> {
    (1..=ERRNO_LIMIT).find(|number| Errno::new(i32::from(*number)).name() == Some(name))
}

/// Text from a profile as it may be shown: quoted, escaped, cut.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    let cut: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let dots = if text.chars().nth(SHOWN).is_some() { "..." } else { "" };
    format!("\"{cut}{dots}\"")
}

/// The error for a word that is not among those there are.
pub(super) fn unknown<'a>(
    place: &str,
    kind: &'static str,
    word: &str,
    valid: impl IntoIterator<Item = &'a str>,
) -> DialectError {
    let valid = valid.into_iter().collect::<Vec<_>>().join(", ");
    DialectError::UnknownWord { place: place.to_owned(), kind, word: quoted(word), valid }
}

/// Whether runtimes could know a call of this name.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
