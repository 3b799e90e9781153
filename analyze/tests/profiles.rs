//! Every case of `fixtures/profiles/`: what reading a profile gives, and what it looks like rendered again.
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ctrec_analyze::dialect::{ParseContext, docker, oci, parse};
use ctrec_analyze::profile::Architecture;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    capabilities: BTreeSet<String>,
    architecture: Architecture,
    kernel: (u32, u32),
}

/// What a case gives: file names below `expected/` and their content.
type Outcome = Vec<(&'static str, String)>;

#[test]
fn profiles_read_as_their_fixtures_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/profiles");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.is_dir());
    cases.sort();
    assert!(cases.len() > 30, "the fixtures are there");
    let wrong: Vec<String> = cases.iter().flat_map(|case| differences(case)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn differences(case: &Path) -> Vec<String> {
    let expected = case.join("expected");
    let outcome = outcome(case);
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        if expected.exists() {
            fs::remove_dir_all(&expected).unwrap();
        }
        fs::create_dir_all(&expected).unwrap();
        for (file, text) in &outcome {
            fs::write(expected.join(file), text).unwrap();
        }
    }
    let there: BTreeSet<String> =
        fs::read_dir(&expected).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let given: BTreeSet<String> = outcome.iter().map(|(file, _)| (*file).to_owned()).collect();
    let mut wrong = Vec::new();
    if there != given {
        wrong.push(format!("{}: expected {there:?}, got {given:?}", case.display()));
    }
    for (file, text) in outcome {
        let path = expected.join(file);
        if there.contains(file) && fs::read_to_string(&path).unwrap() != text {
            wrong.push(format!("{} is to be:\n{text}", path.display()));
        }
    }
    wrong
}

fn outcome(case: &Path) -> Outcome {
    let context = case.join("context.json");
    let context = if context.exists() {
        let Context { capabilities, architecture, kernel } =
            serde_json::from_str(&fs::read_to_string(context).unwrap()).unwrap();
        ParseContext { capabilities, architecture, kernel }
    } else {
        ParseContext::of(Architecture::X86_64)
    };
    match parse(&fs::read_to_string(case.join("profile.json")).unwrap(), &context) {
        Err(error) => vec![("error.txt", format!("{error}\n"))],
        Ok(parsed) => {
            let mut files = vec![
                ("docker.json", docker::render(&parsed.profile).unwrap()),
                ("oci.json", oci::render(&parsed.profile).unwrap()),
            ];
            if !parsed.warnings.is_empty() {
                files.push(("warnings.txt", parsed.warnings.join("\n") + "\n"));
            }
            files
        }
    }
}
