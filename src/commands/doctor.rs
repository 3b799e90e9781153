//! `ctrec doctor`.

use std::fmt::Write;
use std::process::ExitCode;

use ctrec_analyze::report::{Look, Style};
use ctrec_analyze::text::{counted, json, visible, visible_lines, wrap};
use ctrec_enforce::Library;
use ctrec_record::{Answer, State, Survey, survey};
use serde_json::Value;

use super::machine;
use crate::cli::{AnswerFormat, Doctor};
use crate::exit;
use crate::output::{look_of_stdout, print};

pub(super) fn run(options: &Doctor, verbose: bool) -> anyhow::Result<ExitCode> {
    let mut survey = survey()?;
    survey.answers.push(libseccomp(&Library::here()?));
    survey.answers.extend(machine::answers());
    print(&match options.format {
        AnswerFormat::Text if verbose => text(&survey, look_of_stdout()) + &verified(&survey),
        AnswerFormat::Text => text(&survey, look_of_stdout()),
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

/// The verdict, then a line for each answer, its text below itself where it is long; on a narrow terminal below its
/// subject.
fn text(survey: &Survey, look: Look) -> String {
    let (verdict, style) = if survey.can_record() {
        ("this machine can record", Style::Good)
    } else {
        ("no recording here until nothing is missing", Style::Bad)
    };
    let mut out =
        format!("Linux {}, {}\n{}\n", visible(&survey.kernel), visible(&survey.machine), look.paint(style, verdict));
    let subjects: Vec<String> = survey.answers.iter().map(|answer| visible(&answer.subject)).collect();
    let widest = subjects.iter().map(|subject| subject.chars().count()).max().unwrap_or_default();
    for (Answer { state, text, .. }, subject) in survey.answers.iter().zip(&subjects) {
        let style = match state {
            State::Ok => Style::Good,
            State::Limited => Style::Warning,
            State::Missing => Style::Bad,
            State::NotTried => Style::Dim,
        };
        let state = format!("{:<STATE$}", word(*state).replace('_', " "));
        let indent = STATE + widest + 2;
        let (gap, indent) = if look.columns < indent + NARROWEST_TEXT {
            (format!("\n{:STATE$}", ""), STATE)
        } else {
            (" ".repeat(widest + 2 - subject.chars().count()), indent)
        };
        let text = wrap(&visible_lines(text).replace('\n', " "), look.prose(), indent);
        let state = look.paint(style, &state);
        writeln!(out, "{state}{subject}{gap}{text}").expect("a string takes any text");
    }
    out
}

/// What each program cost the kernel's verifier.
fn verified(survey: &Survey) -> String {
    let widest = survey.verified.iter().map(|(program, _)| program.len()).max().unwrap_or_default();
    let line = |(program, count): &(String, u64)| format!("{program:<widest$}  {count:>9}\n");
    let lines: String = survey.verified.iter().map(line).collect();
    format!("\nprograms, and the instructions that the kernel's verifier looked at in each:\n{lines}")
}

/// Columns of a state.
const STATE: usize = 11;
/// A column of text that is narrower is hard to read.
const NARROWEST_TEXT: usize = 30;

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
        .map(|Answer { subject, state, text }| serde_json::json!({ "subject": subject, "state": word(*state), "text": text }))
        .collect();
    let value = serde_json::json!({
        "kernel": survey.kernel,
        "machine": survey.machine,
        "can_record": survey.can_record(),
        "answers": answers,
        "verified_instructions": survey.verified.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
    });
    json(&value).expect("a value of JSON is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_an_answer_and_nothing_that_a_terminal_obeys() {
        let answer = |state, text: &str| Answer { subject: "cgroups".to_owned(), state, text: text.to_owned() };
        let answers = vec![answer(State::NotTried, "a\u{1b}[2J\nb"), answer(State::Missing, "mount one")];
        let survey = Survey { kernel: "6.1.0".to_owned(), machine: "x86_64".to_owned(), answers, verified: Vec::new() };
        let shown = text(&survey, Look::PLAIN);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 4, "{shown}");
        assert!(!shown.contains('\u{1b}') && lines[2].starts_with("not tried  cgroups"), "{shown}");
        assert!(lines[1].starts_with("no recording"), "{shown}");
        let json: Value = serde_json::from_str(&json_of(&survey)).unwrap();
        assert_eq!((&json["can_record"], &json["answers"][1]["state"]), (&Value::from(false), &Value::from("missing")));
    }

    #[test]
    fn answers_fit_the_columns_that_there_are() {
        let text = |columns| {
            let answers = ["cgroups", "tracepoint sched_process_exec"].map(|subject| Answer {
                subject: subject.to_owned(),
                state: State::Ok,
                text: "a word ".repeat(30),
            });
            let survey = Survey {
                kernel: "6.1.0".to_owned(),
                machine: "x86_64".to_owned(),
                answers: answers.into(),
                verified: Vec::new(),
            };
            super::text(&survey, Look::on_terminal(columns))
        };
        for columns in [40, 60, 80, 200] {
            let shown = text(columns);
            assert!(shown.lines().all(|line| line.chars().count() <= columns), "{shown}");
        }
    }

    #[test]
    fn calls_that_libseccomp_cannot_name_limit_it() {
        let library = |unknown_names| Library { version: "2.5.4".to_owned(), unknown_names };
        assert_eq!(libseccomp(&library(Vec::new())).state, State::Ok);
        let limited = libseccomp(&library(vec!["cachestat"]));
        assert!(limited.state == State::Limited && limited.text.contains("1 newer call,"), "{limited:?}");
    }
}
