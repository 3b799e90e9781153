//! `ctrec doctor`.

use std::fmt::Write;
use std::process::ExitCode;

use ctrec_analyze::text::{counted, visible};
use ctrec_enforce::Library;
use ctrec_record::{Answer, State, Survey, survey};
use serde_json::{Value, json};

use crate::cli::{AnswerFormat, Doctor};
use crate::exit;
use crate::output::print;

pub(super) fn run(options: &Doctor) -> anyhow::Result<ExitCode> {
    let mut survey = survey()?;
    survey.answers.push(libseccomp(&Library::here()?));
    print(&match options.format {
        AnswerFormat::Text => text(&survey),
        AnswerFormat::Json => json_of(&survey),
    })?;
    Ok(if survey.can_record() { ExitCode::SUCCESS } else { ExitCode::from(exit::ENVIRONMENT) })
}

/// The library that `run` and `verify` compile with, as the runtimes of this machine do.
fn libseccomp(library: &Library) -> Answer {
    let version = &library.version;
    let (state, text) = match library.unknown_names.len() {
        0 => (State::Ok, format!("{version}, which run and verify compile with")),
        unknown => {
            let calls = counted(unknown, "newer call");
            let text = format!(
                "{version}, which run and verify compile with, cannot name {calls}, so rules for them come to nothing; a newer one can"
            );
            (State::Limited, text)
        }
    };
    Answer { subject: "libseccomp".to_owned(), state, text }
}

fn text(survey: &Survey) -> String {
    let mut out = format!("Linux {}, {}\n", visible(&survey.kernel), visible(&survey.machine));
    for Answer { subject, state, text } in &survey.answers {
        writeln!(out, "{:<9}  {:<31}  {}", word(*state).replace('_', " "), visible(subject), visible(text))
            .expect("a string takes any text");
    }
    out + if survey.can_record() { "this machine can record\n" } else { "no recording here until nothing is missing\n" }
}

fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Limited => "limited",
        State::Missing => "missing",
        State::NotTried => "not_tried",
    }
}

fn json_of(survey: &Survey) -> String {
    let answers = survey.answers.iter();
    let answers: Vec<Value> = answers
        .map(|Answer { subject, state, text }| json!({ "subject": subject, "state": word(*state), "text": text }))
        .collect();
    let value = json!({
        "kernel": survey.kernel,
        "machine": survey.machine,
        "can_record": survey.can_record(),
        "answers": answers,
    });
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_an_answer_and_nothing_that_a_terminal_obeys() {
        let answer = |state, text: &str| Answer { subject: "cgroups".to_owned(), state, text: text.to_owned() };
        let answers = vec![answer(State::NotTried, "a\u{1b}[2J\nb"), answer(State::Missing, "mount one")];
        let survey = Survey { kernel: "6.1.0".to_owned(), machine: "x86_64".to_owned(), answers };
        let shown = text(&survey);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 4, "{shown}");
        assert!(!shown.contains('\u{1b}') && lines[1].starts_with("not tried  cgroups"), "{shown}");
        assert!(lines[3].starts_with("no recording"), "{shown}");
        let json: Value = serde_json::from_str(&json_of(&survey)).unwrap();
        assert_eq!((&json["can_record"], &json["answers"][1]["state"]), (&json!(false), &json!("missing")));
    }

    #[test]
    fn calls_that_libseccomp_cannot_name_limit_it() {
        let library = |unknown_names| Library { version: "2.5.4".to_owned(), unknown_names };
        assert_eq!(libseccomp(&library(Vec::new())).state, State::Ok);
        let limited = libseccomp(&library(vec!["cachestat"]));
        assert!(limited.state == State::Limited && limited.text.contains("1 newer call,"), "{limited:?}");
    }
}
