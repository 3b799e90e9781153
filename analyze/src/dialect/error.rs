//! What can be wrong with a profile, in words that say what to do.

/// Why a profile could not be read or rendered. Text from the profile is escaped and cut before it gets here.
#[derive(Debug, thiserror::Error)]
pub enum DialectError {
    /// Larger than any profile that a kernel would load.
    #[error("the profile is {bytes} bytes long: ctrec reads up to {limit}, a seccomp profile is a few thousand")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The longest that is read.
        limit: usize,
    },
    /// More rules than any kernel would load.
    #[error("the profile has more than {limit} rules: no kernel would load them")]
    TooManyRules {
        /// The most that are read.
        limit: usize,
    },
    /// Not JSON.
    #[error("the profile is not JSON (line {line}, column {column})")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1; 0 at the end of the text.
        column: usize,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// A key that an object has twice.
    #[error(
        "the profile has one key twice (line {line}, column {column}), of which dockerd and runc take the last and crun \
         the first: keep one"
    )]
    KeyTwice {
        /// Line of the second, from 1.
        line: usize,
        /// Column of its end, from 1.
        column: usize,
        /// Which key.
        #[source]
        source: serde_json::Error,
    },
    /// The profile is one level down, where engines do not look.
    #[error(
        "the profile is inside \"{inside}\", and an engine given this file would run the container without any \
         filter: take the inner object (jq .{inside} FILE)"
    )]
    Wrapped {
        /// Where it is: `seccomp` or `linux.seccomp`.
        inside: &'static str,
    },
    /// A value of the wrong type.
    #[error("{place} is {found}, not {expected}")]
    WrongType {
        /// Where: `syscalls[3].names`.
        place: String,
        /// What it is to be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A value that must be there and is not.
    #[error("{place} has no \"{field}\": add it")]
    Missing {
        /// Where.
        place: String,
        /// Which field.
        field: &'static str,
    },
    /// No default action. Docker starts the container unconfined where there are no rules either.
    #[error(
        "the profile has no \"defaultAction\": an engine fails on it or, worse, runs the container without any filter; \
         add \"defaultAction\": \"SCMP_ACT_ERRNO\""
    )]
    NoDefaultAction,
    /// Both ways to give architectures.
    #[error("the profile has both \"architectures\" and \"archMap\", which engines refuse: keep one of them")]
    ArchitecturesTwice,
    /// Both ways to give names.
    #[error("{place} has both \"name\" and \"names\", which engines refuse: keep one of them")]
    NamesTwice {
        /// Which rule.
        place: String,
    },
    /// A rule about no call.
    #[error("{place} names no call: give it \"names\", or remove the rule")]
    NoNames {
        /// Which rule.
        place: String,
    },
    /// A key in other capitals.
    #[error("{place}: the key {key} is {field} to dockerd and runc, and unknown to crun: write \"{field}\"")]
    OtherCase {
        /// Where.
        place: String,
        /// The key, escaped and quoted.
        key: String,
        /// The key that it may be taken for.
        field: &'static str,
    },
    /// A word that no runtime knows.
    #[error("{place}: {word} is no {kind}; one of {valid}")]
    UnknownWord {
        /// Where.
        place: String,
        /// What it was to be: action, operator, architecture, flag.
        kind: &'static str,
        /// The word, escaped and quoted.
        word: String,
        /// The words there are.
        valid: String,
    },
    /// An argument that no call has.
    #[error("{place}: argument {index} does not exist; calls have arguments 0 to 5")]
    ArgumentIndex {
        /// Where.
        place: String,
        /// The index.
        index: u64,
    },
    /// An errno where nothing returns it.
    #[error("{place}: {action} returns no errno, and crun refuses to start with one: remove it")]
    ErrnoWithoutEffect {
        /// Where.
        place: String,
        /// The action.
        action: &'static str,
    },
    /// An errno that the kernel cannot return.
    #[error("{place}: errno {errno} is out of range; it can be 0 to {limit}")]
    ErrnoRange {
        /// Where.
        place: String,
        /// The number.
        errno: u64,
        /// The largest one.
        limit: u16,
    },
    /// An errno by a name that Linux does not know.
    #[error("{place}: {word} is no errno; write a name such as \"ENOSYS\", or a number")]
    UnknownErrno {
        /// Where.
        place: String,
        /// The word, escaped and quoted.
        word: String,
    },
    /// A kernel version that engines do not read.
    #[error("{place}: {word} is no kernel version; write it as \"4.8\"")]
    KernelVersion {
        /// Where.
        place: String,
        /// The word, escaped and quoted.
        word: String,
    },
    /// A profile that asks a listener, to be rendered.
    #[error("{place} notifies a listener, and the profile names none: use another action")]
    Notify {
        /// Which rule, or the default action.
        place: String,
    },
    /// Two conditions on one argument, to be rendered.
    #[error("the rule of {name} has two conditions on argument {index}, which runtimes take as alternatives: split it")]
    ArgumentTwice {
        /// The rule's call.
        name: String,
        /// The argument.
        index: u32,
    },
    /// A name that is no name, to be rendered.
    #[error("{name} is no name of a call: use letters, digits and underscores")]
    InvalidName {
        /// The name, escaped and quoted.
        name: String,
    },
    /// The runtime specification's own type refused a condition.
    #[error("a condition has no form in the runtime specification")]
    Spec {
        /// What it says.
        #[source]
        source: oci_spec::OciSpecError,
    },
    /// The serializer failed.
    #[error("the profile could not be written as JSON")]
    Write {
        /// What the serializer says.
        #[source]
        source: serde_json::Error,
    },
}
