//! What renders, reads back the same; what cannot be rendered or read, says why; no text makes the reader panic.
//! Broken profiles, one each, are cases of `fixtures/profiles/`.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::profile::{Action, Architecture, Condition, Operator, Profile, Reason, Rule};

const OPERATORS: [Operator; 7] = [
    Operator::NotEqual,
    Operator::LessThan,
    Operator::LessOrEqual,
    Operator::Equal,
    Operator::GreaterOrEqual,
    Operator::GreaterThan,
    Operator::MaskedEqual,
];

const ARCHITECTURES: [Architecture; 5] =
    [Architecture::X86_64, Architecture::X86, Architecture::X32, Architecture::Aarch64, Architecture::Arm];

fn rule(name: &str, action: Action, conditions: Vec<Condition>) -> Rule {
    Rule { name: name.to_owned(), action, conditions, reasons: BTreeSet::from([Reason::Given]) }
}

fn profile(rules: Vec<Rule>) -> Profile {
    Profile {
        default_action: Action::Errno(1),
        architectures: BTreeSet::from([Architecture::X86_64]),
        flags: BTreeSet::new(),
        rules,
    }
}

/// The profile with its rules in the order of those that ctrec makes.
fn sorted(mut profile: Profile) -> Profile {
    profile.rules.sort_by(|a, b| (&a.name, &a.conditions, a.action).cmp(&(&b.name, &b.conditions, b.action)));
    profile.rules.dedup();
    profile
}

fn condition(index: u32, operator: Operator, value: u64, value_two: u64) -> Condition {
    Condition { index, value, value_two, operator }
}

fn read(text: &str) -> Result<Parsed, DialectError> {
    parse(text, &ParseContext::of(Architecture::X86_64))
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Allow),
        Just(Action::Log),
        (0..=4095_u16).prop_map(Action::Errno),
        any::<u16>().prop_map(Action::Trace),
        Just(Action::Trap),
        Just(Action::KillThread),
        Just(Action::KillProcess),
    ]
}

fn any_condition(index: u32) -> impl Strategy<Value = Condition> {
    (select(&OPERATORS[..]), any::<u64>(), any::<u64>()).prop_map(move |(operator, value, second)| {
        condition(index, operator, value, if operator == Operator::MaskedEqual { second } else { 0 })
    })
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let conditions = subsequence((0..6_u32).collect::<Vec<_>>(), 0..=6)
        .prop_flat_map(|indexes| indexes.into_iter().map(any_condition).collect::<Vec<_>>());
    ("[a-z_][a-z0-9_]{0,12}", any_action(), conditions)
        .prop_map(|(name, action, conditions)| rule(&name, action, conditions))
}

prop_compose! {
    /// A profile that a runtime would load, in the order that profiles keep: x86_64 is the host.
    fn any_profile()(
        default_action in any_action(),
        others in subsequence(ARCHITECTURES.to_vec(), 0..=5),
        flags in subsequence(words::FLAGS.to_vec(), 0..=4),
        rules in prop::collection::vec(any_rule(), 0..20),
    ) -> Profile {
        sorted(Profile {
            default_action,
            architectures: others.into_iter().chain([Architecture::X86_64]).collect(),
            flags: flags.into_iter().map(str::to_owned).collect(),
            rules,
        })
    }
}

proptest! {
    #[test]
    fn a_rendered_profile_reads_back_the_same(profile in any_profile()) {
        for text in [docker::render(&profile).unwrap(), oci::render(&profile).unwrap()] {
            let parsed = read(&text).unwrap();
            prop_assert_eq!(&parsed.warnings, &Vec::<String>::new());
            prop_assert_eq!(&sorted(parsed.profile), &profile);
        }
    }

    #[test]
    fn the_oci_form_is_the_specifications_type(profile in any_profile()) {
        let text = oci::render(&profile).unwrap();
        let spec: oci_spec::runtime::LinuxSeccomp = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(spec, oci::spec(&profile).unwrap());
        let stored = oci::parse_spec_seccomp(&text, Architecture::X86_64).unwrap().unwrap();
        prop_assert_eq!(sorted(stored.profile), profile);
    }

    #[test]
    fn an_errno_stands_only_where_one_is_returned(profile in any_profile()) {
        // crun refuses a profile that has one elsewhere.
        for text in [docker::render(&profile).unwrap(), oci::render(&profile).unwrap()] {
            let file: serde_json::Value = serde_json::from_str(&text).unwrap();
            let returns = |action: &serde_json::Value| action == "SCMP_ACT_ERRNO" || action == "SCMP_ACT_TRACE";
            prop_assert_eq!(file.get("defaultErrnoRet").is_some(), returns(&file["defaultAction"]));
            for group in file["syscalls"].as_array().unwrap() {
                prop_assert_eq!(group.get("errnoRet").is_some(), returns(&group["action"]));
                prop_assert!(group.get("args").is_none_or(|args| !args.as_array().unwrap().is_empty()));
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        if let Err(error) = read(&text) {
            prop_assert!(!error.to_string().contains(['\n', '\u{1b}']), "{error:?}");
        }
    }

    #[test]
    fn no_damage_makes_the_reader_panic(profile in any_profile(), at in any::<prop::sample::Index>(), with in any::<char>()) {
        let mut text: Vec<char> = docker::render(&profile).unwrap().chars().collect();
        let at = at.index(text.len());
        text[at] = with;
        let text: String = text.into_iter().collect();
        if let Err(error) = read(&text) {
            prop_assert!(!error.to_string().contains(['\n', '\u{1b}']), "{error:?}");
        }
    }

    #[test]
    fn no_value_in_any_place_makes_the_reader_panic(key in select(vec![
        "defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags", "syscalls",
        "listenerPath", "names", "name", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes",
        "index", "value", "valueTwo", "op", "caps", "arches", "minKernel", "architecture", "subArchitectures",
    ]), value in select(vec![
        "null", "true", "-1", "0", "1.5", "1e999", "18446744073709551615", "\"\"", "\"x\"", "\"\\u0000\\u001b[0m\"",
        "[]", "[null]", "[[]]", "[{}]", "{}", "{\"a\":{}}", "[\"SCMP_ARCH_X86_64\"]", "\"SCMP_ACT_ERRNO\"",
    ])) {
        let text = include_str!("../../../fixtures/profiles/podman-form/profile.json");
        // The first one of that key is renamed, so that the value counts.
        let damaged = match text.find(&format!("\"{key}\":")) {
            Some(start) => format!("{}\"{key}\": {value}, \"was {}", &text[..start], &text[start + 1..]),
            None => format!("{{\"{key}\": {value}, {}", &text[1..]),
        };
        if let Err(error) = read(&damaged) {
            prop_assert!(!error.to_string().contains(['\n', '\u{1b}']), "{error:?}");
        }
    }
}

#[test]
fn rules_are_grouped_by_what_they_do_and_what_is_allowed_comes_first() {
    let masked = condition(0, Operator::MaskedEqual, 0x7E02_0000, 0);
    let text = docker::render(&profile(vec![
        rule("acct", Action::Errno(1), vec![]),
        rule("clone", Action::Allow, vec![masked]),
        rule("read", Action::Allow, vec![]),
        rule("write", Action::Allow, vec![]),
    ]))
    .unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let names: Vec<&serde_json::Value> =
        file["syscalls"].as_array().unwrap().iter().map(|group| &group["names"]).collect();
    assert_eq!(serde_json::json!(names), serde_json::json!([["read", "write"], ["clone"], ["acct"]]));
    assert_eq!(file["syscalls"][1]["args"][0]["valueTwo"], 0);
    assert!(text.ends_with("}\n"));
}

#[test]
fn docker_says_why_a_block_of_calls_is_absent() {
    let absent = |name| Rule { reasons: BTreeSet::from([Reason::ErrnoRule]), ..rule(name, Action::Errno(38), vec![]) };
    let text = docker::render(&profile(vec![absent("clone3"), absent("openat2"), rule("read", Action::Allow, vec![])]))
        .unwrap();
    assert_eq!(text.matches("comment").count(), 1);
    assert!(!oci::render(&profile(vec![absent("clone3")])).unwrap().contains("comment"));
    // A user's own rule with the same effect is not explained away.
    let mixed = docker::render(&profile(vec![absent("clone3"), rule("openat2", Action::Errno(38), vec![])])).unwrap();
    assert!(!mixed.contains("comment"));
}

#[test]
fn what_no_runtime_would_load_is_not_rendered() {
    let twice = vec![condition(0, Operator::Equal, 1, 0), condition(0, Operator::Equal, 2, 0)];
    let far = vec![condition(6, Operator::Equal, 1, 0)];
    let flag = Profile { flags: BTreeSet::from(["TSYNC".to_owned()]), ..profile(vec![]) };
    let notify = Profile { default_action: Action::Notify, ..profile(vec![]) };
    let cases = [
        (profile(vec![rule("read", Action::Allow, twice)]), "two conditions on argument 0"),
        (profile(vec![rule("read", Action::Allow, far)]), "argument 6 does not exist"),
        (profile(vec![rule("read", Action::Errno(4096), vec![])]), "errno 4096 is out of range"),
        (profile(vec![rule("read", Action::Notify, vec![])]), "read notifies a listener"),
        (profile(vec![rule("", Action::Allow, vec![])]), "no name of a call"),
        (profile(vec![rule("a\u{1b}[2J\nb", Action::Allow, vec![])]), "\"a\\u{1b}[2J\\nb\" is no name of a call"),
        (flag, "\"TSYNC\" is no flag"),
        (notify, "the default action notifies a listener"),
    ];
    for (profile, expected) in cases {
        for result in [docker::render(&profile), oci::render(&profile)] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

#[test]
fn nothing_but_null_is_no_filter() {
    assert_eq!(oci::parse_spec_seccomp("null", Architecture::X86_64).unwrap(), None);
    assert!(matches!(oci::parse_spec_seccomp("{}", Architecture::X86_64), Err(DialectError::NoDefaultAction)));
    assert!(matches!(oci::parse_spec_seccomp("", Architecture::X86_64), Err(DialectError::NotJson { .. })));
}

#[test]
fn a_deep_or_huge_file_is_an_error() {
    let deep = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
    assert!(matches!(read(&deep), Err(DialectError::NotJson { .. })));
    let long = " ".repeat(2 << 20);
    assert!(matches!(read(&long), Err(DialectError::TooLarge { .. })));
    // A short text can ask for more rules than memory holds: many names, each with many alternatives.
    let names = vec!["\"read\""; 10_000].join(",");
    let args: Vec<String> =
        (0..10_000).map(|value| format!("{{\"index\":0,\"value\":{value},\"op\":\"SCMP_CMP_EQ\"}}")).collect();
    let wide = format!(
        "{{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{{\"names\":[{names}],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{}]}}]}}",
        args.join(",")
    );
    assert!(matches!(read(&wide), Err(DialectError::TooManyRules { .. })));
}

#[test]
fn not_json_says_where() {
    let error = read("{\n  \"defaultAction\" \"x\"\n}").unwrap_err();
    assert!(matches!(error, DialectError::NotJson { line: 2, column: 19, .. }), "{error:?}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn arch_map_is_expanded_for_the_host_alone() {
    let text = include_str!("../../../fixtures/profiles/docker-default/profile.json");
    let of = |architecture| parse(text, &ParseContext::of(architecture)).unwrap().profile.architectures;
    assert_eq!(of(Architecture::X86_64), BTreeSet::from([Architecture::X86_64, Architecture::X86, Architecture::X32]));
    assert_eq!(of(Architecture::Aarch64), BTreeSet::from([Architecture::Aarch64, Architecture::Arm]));
}

#[test]
fn an_architecture_that_is_not_listed_is_not_added() {
    for text in [
        r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#,
        r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":[],"archMap":null}"#,
    ] {
        assert_eq!(read(text).unwrap().profile.architectures, BTreeSet::new());
    }
    let foreign = read(r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"]}"#).unwrap();
    assert_eq!(foreign.profile.architectures, BTreeSet::from([Architecture::X86]));
    let native = read(r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_NATIVE"]}"#).unwrap();
    assert_eq!(native.profile.architectures, BTreeSet::from([Architecture::X86_64]));
}

#[test]
fn rules_keep_the_order_of_the_file() {
    let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["write"],"action":"SCMP_ACT_KILL_PROCESS"},
        {"names":["write","read"],"action":"SCMP_ACT_ALLOW"}]}"#;
    let rules = read(text).unwrap().profile.rules;
    let rules: Vec<_> = rules.iter().map(|rule| (rule.name.as_str(), rule.action)).collect();
    assert_eq!(rules, [("write", Action::KillProcess), ("write", Action::Allow), ("read", Action::Allow)]);
}

#[test]
fn errnos_have_names() {
    assert_eq!(words::errno("EPERM"), Some(1));
    assert_eq!(words::errno("ENOSYS"), Some(38));
    assert_eq!(words::errno("enosys"), None);
}
