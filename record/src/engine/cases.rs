//! Hosts as engines leave them, and what is to be found there: each a folder of `fixtures/engines`.
//!
//! `host` is the host's root, `newcomer.json` whoever enters a new cgroup (none where the case is about what runs), and
//! `expected.json` what comes out; `UPDATE_FIXTURES=1` writes that.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::question::{Ask, Question};
use super::{Host, Newcomer, Recognition, Scan, recognise};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/engines");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.is_dir());
    cases.sort();
    cases
}

fn newcomer(case: &Path) -> Option<Newcomer> {
    let json: Value = serde_json::from_slice(&fs::read(case.join("newcomer.json")).ok()?).unwrap();
    let text = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| json.get(key).and_then(Value::as_u64).map(|number| u32::try_from(number).unwrap());
    Some(Newcomer {
        cgroup_path: text("cgroup_path").unwrap(),
        pid: number("pid").unwrap_or(1_000_000),
        parent_pid: number("parent_pid").unwrap_or(1_000_001),
        program: text("program").unwrap_or_default(),
        arguments: text("arguments").map(|words| words.split(' ').map(str::to_owned).collect()),
        folder: text("folder"),
    })
}

/// What is known of a container, without what every case has or what the recorder enters.
fn shown(row: &ctrec_recording::Container, named: bool, question: Option<&Question>) -> Value {
    let ask = |ask: &Ask| match ask {
        Ask::Docker => "docker".to_owned(),
        Ask::Podman { user: None } => "podman".to_owned(),
        Ask::Podman { user: Some(user) } => format!("podman of {user}"),
        Ask::Containerd { namespace } => format!("containerd in {namespace}"),
        Ask::Cri => "cri".to_owned(),
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    json!({
        "engine": row.engine, "id": row.id, "name": row.name, "image": row.image, "pod": row.pod,
        "runtime": row.runtime, "labels": json(&row.labels_json), "no_new_privs": row.no_new_privs,
        "seccomp": row.seccomp_json.as_deref().map(json), "resolved": row.resolved, "named": named,
        "asks": question.map(|question| question.asks.iter().map(ask).collect::<Vec<_>>()),
    })
}

#[test]
fn every_case_gives_what_it_must() {
    let cases = cases();
    assert!(cases.len() >= 15, "the cases were found");
    for case in cases {
        let host = Host::at(case.join("host"));
        let recognised = newcomer(&case).map(|newcomer| match recognise(&host, &newcomer) {
            Recognition::Container(found) => shown(&found.row, found.named, found.question.as_ref()),
            Recognition::NotAContainer => json!("not a container"),
        });
        let live = Scan::new(host).find();
        let live = live.iter().map(|found| {
            let mut shown = shown(&found.row, found.named, found.question.as_ref());
            shown["pid"] = json!(found.pid);
            shown["cgroups"] = json!(found.cgroups);
            shown
        });
        let found = json!({ "newcomer": recognised, "running": live.collect::<Vec<_>>() });
        let found = format!("{}\n", serde_json::to_string_pretty(&found).unwrap());
        let expected = case.join("expected.json");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        assert_eq!(found, fs::read_to_string(&expected).unwrap_or_default(), "{}", case.display());
    }
}
