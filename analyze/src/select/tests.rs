use ctrec_recording::{Container, Recording};

use super::{Pattern, SelectError, Selection, short_id};
use crate::behaviour::Behaviour;
use crate::testing::Run;

/// Run `a` has web of nginx:1.25 and db of postgres, run `b` another web, and a container of plain runc.
fn recordings() -> Vec<Recording> {
    let a = Run::new("a").that(|c| {
        c.image = Some("nginx:1.25".to_owned());
        c.labels_json = r#"{"tier": "front", "team": "x"}"#.to_owned();
        c.id = format!("abcd{:060}", 1);
    });
    let a = a.made("read", 1).container(2, "db").program("/bin/db").made("write", 1).that(|c| {
        c.image = Some("docker.io/library/postgres:16".to_owned());
        c.pod = Some("prod/db-0".to_owned());
        c.id = format!("beef{:060}", 1);
    });
    let b = Run::new("b").made("close", 1).that(|c| {
        c.image = Some("nginx:1.25".to_owned());
        c.name = "web-2".to_owned();
        c.id = format!("abce{:060}", 2);
    });
    let b = b.container(2, "plain").program("/bin/sh").that(|c| {
        c.image = None;
        c.id = "plain".to_owned();
    });
    vec![a.recording, b.recording]
}

fn containers(recordings: &[Recording]) -> Vec<Vec<Container>> {
    recordings.iter().map(|recording| recording.containers.clone()).collect()
}

/// What a pattern means in recordings, and what that did.
fn select(pattern: &str, recordings: &[Recording]) -> Result<Behaviour, SelectError> {
    fold(&pattern.parse::<Pattern>()?.select(&containers(recordings))?, recordings)
}

fn fold(selection: &Selection, recordings: &[Recording]) -> Result<Behaviour, SelectError> {
    let mut behaviour = Behaviour::default();
    for (run, recording) in recordings.iter().enumerate() {
        behaviour = behaviour.merge(selection.behaviour(run, recording)?);
    }
    Ok(behaviour)
}

fn names(pattern: &str) -> Result<Vec<String>, SelectError> {
    let behaviour = select(pattern, &recordings())?;
    Ok(behaviour.containers().values().map(|facts| facts.name.clone()).collect())
}

#[test]
fn containers_are_chosen_by_what_people_know_of_them() {
    for (pattern, expected) in [
        ("web", vec!["web"]),
        ("web*", vec!["web", "web-2"]),
        ("d?", vec!["db"]),
        ("abcd", vec!["web"]),
        ("beef0000", vec!["db"]),
        ("image=nginx", vec!["web", "web-2"]),
        ("image=nginx:1.25", vec!["web", "web-2"]),
        ("image=postgres", vec!["db"]),
        ("image=*gres:16", vec!["db"]),
        ("label=tier=front", vec!["web"]),
        ("label=tier=*", vec!["web"]),
        ("pod=*/db-0", vec!["db"]),
        ("pod=prod/db-*", vec!["db"]),
        ("plain", vec!["plain"]),
    ] {
        assert_eq!(names(pattern).unwrap(), expected, "{pattern}");
    }
}

#[test]
fn what_matches_nothing_lists_what_there_is() {
    for pattern in ["abc", "nothing", "image=nginx:1.26", "label=tier=back", "pod=prod/db", "WEB"] {
        let error = names(pattern).unwrap_err();
        assert!(matches!(error, SelectError::NoMatch { .. }), "{pattern}: {error}");
        let listed =
            "\n  db  beef00000000  docker.io/library/postgres:16\n  plain  plain\n  web  abcd00000000  nginx:1.25";
        assert!(error.to_string().contains(listed), "{error}");
    }
}

#[test]
fn what_is_no_pattern_is_told_which_there_are() {
    for text in
        ["", "[", "web[12]", "label=a", "label=", "label==x", "pod=x", "pod=", "pod=/x", "pod=x/", "image=", "name=web"]
    {
        let error = text.parse::<Pattern>().unwrap_err();
        assert!(matches!(error, SelectError::NotAPattern(_)), "{text}: {error}");
        assert!(error.to_string().contains("is no pattern: write a name, an id, a glob"), "{error}");
    }
    for text in ["image=[::1]:5000/nginx", "label=a=", "label=a=b=c", "pod=*/*"] {
        assert!(text.parse::<Pattern>().is_ok(), "{text}");
    }
}

#[test]
fn an_equal_name_wins_over_an_id_and_a_glob() {
    let run = Run::new("r").container(2, "abcd").program("/x").that(|c| c.image = Some("other".to_owned()));
    let mut recordings = recordings();
    recordings.push(run.recording);
    let behaviour = select("abcd", &recordings).unwrap();
    assert_eq!(behaviour.containers().values().map(|facts| facts.name.as_str()).collect::<Vec<_>>(), ["abcd"]);
}

#[test]
fn replicas_are_folded_and_different_images_refused() {
    let folded = select("image=nginx", &recordings()).unwrap();
    let calls: Vec<String> = folded.calls().keys().map(|call| call.label()).collect();
    assert_eq!((calls, folded.runs().len()), (vec!["read".to_owned(), "close".to_owned()], 2));
    let error = names("*").unwrap_err();
    assert!(matches!(&error, SelectError::DifferentImages { matching, .. } if matching.len() == 4), "{error}");
}

#[test]
fn without_images_one_name_or_one_entrypoint_will_do() {
    let plain = |name: &str, entrypoint: &str| {
        Run::new(name).that(|c| {
            c.image = None;
            c.name = name.to_owned();
            c.entrypoint_json = Some(entrypoint.to_owned());
        })
    };
    let alike = [plain("a1", r#"["x"]"#).recording, plain("a2", r#"["x"]"#).recording];
    assert!(select("a*", &alike).is_ok());
    let different = [plain("a1", r#"["x"]"#).recording, plain("a2", r#"["y"]"#).recording];
    assert!(select("a*", &different).is_err());
}

#[test]
fn every_identity_is_reported_once() {
    let recordings = recordings();
    let every = Selection::every(&containers(&recordings));
    let mut names: Vec<Vec<String>> = Vec::new();
    for selection in &every {
        let behaviour = fold(selection, &recordings).unwrap();
        names.push(behaviour.containers().values().map(|facts| facts.name.clone()).collect());
    }
    assert_eq!(names, [vec!["db"], vec!["web", "web-2"], vec!["plain"]]);
}

#[test]
fn errors_show_no_control_characters() {
    let mut recordings = recordings();
    recordings[0].containers[0].name = "\u{1b}[2J".to_owned();
    let error = select("\u{1b}x", &recordings).unwrap_err().to_string();
    assert!(error.chars().all(|character| character == '\n' || !character.is_control()), "{error:?}");
    assert!(matches!(select("x", &[]), Err(SelectError::NothingRecorded)));
}

#[test]
fn ids_are_short_where_they_are_long() {
    assert_eq!(short_id(&"ab".repeat(32)), "abababababab");
    assert_eq!(short_id("command-1234567890"), "command-1234567890");
}
