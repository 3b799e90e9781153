//! Names that a container, an image, a pod or a host chose to do harm: shown harmlessly by every command in every form.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

use crate::ctrec::{BAD_INPUT, ctrec};
use crate::sample::{named, text, write};

/// A name that does no harm, to compare with.
const PLAIN: &str = "web";
/// Start of the id of the sample's container.
const ID: &str = "ffffffff";
/// Widest line: a word is never broken, and one is cut at 200 columns.
const WIDEST: usize = 400;
/// Widest row of names: where no terminal is, each of them is cut at 512 columns.
const WIDEST_ROW: usize = 2400;

fn hostile() -> Vec<String> {
    let short = [
        "../../../etc/passwd",
        "a'b\"c`d$(e);f",
        "a\nb\r\tc",
        "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m",
        "<script>alert(1)</script><!-- &amp; <b>",
        "</summary></details></table>",
        "\u{fffd}\u{fffd}was not UTF-8\u{fffd}",
        "\u{202e}gpj.exe\u{2066}\u{200f}\u{200b}\u{feff}",
        "| a | b |\n|---|---|\n# h\n- l\n\n    code",
        "[a](http://b) ![i](http://c) http://d <http://e> @user #1",
        "```\ncode\n``` ``x`` `",
        "***bold*** ~~gone~~ _x_ \\ \\| \\`",
        "{{ 7 * 7 }}{% raw %}{# x #}",
        "-- --help -x",
        " ",
        "",
        "\u{3164}\u{a0}\u{e0041}",
        "%s%n%x\0",
    ];
    let mut all: Vec<String> = short.iter().map(|&name| name.to_owned()).collect();
    all.extend(
        ["x", "漢", "a\u{301}\u{301}\u{301}\u{301}", "\u{1b}", "|", "`", "a "]
            .map(|piece| piece.repeat(4096 / piece.len())),
    );
    all
}

/// Every command's every form that reads a store.
const FORMS: [(&[&str], Form); 12] = [
    (&["list"], Form::Rows),
    (&["list", "--format", "json"], Form::Json),
    (&["recommend"], Form::Json),
    (&["recommend", "--dialect", "oci"], Form::Json),
    (&["recommend", "--verbose"], Form::Json),
    (&["caps"], Form::Text),
    (&["caps", "--format", "text"], Form::Rows),
    (&["caps", "--format", "json"], Form::Json),
    (&["report"], Form::Rows),
    (&["report", "--format", "markdown"], Form::Markdown),
    (&["report", "--format", "json"], Form::Json),
    (&["verify"], Form::Text),
];

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Text,
    /// Text with names that are whole.
    Rows,
    Markdown,
    Json,
}

/// Nothing that a terminal obeys, hides or reorders.
#[track_caller]
fn assert_harmless(shown: &str, form: Form) {
    let is_bad = |character: char| {
        character.is_control() && character != '\n' && !(form == Form::Text && character == '\t')
            || ('\u{200b}'..='\u{200f}').contains(&character)
            || ('\u{202a}'..='\u{202e}').contains(&character)
            || ('\u{2060}'..='\u{206f}').contains(&character)
            || ('\u{e0000}'..='\u{e0fff}').contains(&character)
    };
    assert!(!shown.contains(is_bad), "{shown:?}");
    let limit = match form {
        Form::Text => WIDEST,
        Form::Rows => WIDEST_ROW,
        Form::Markdown | Form::Json => return,
    };
    let widest = shown.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    assert!(widest <= limit, "{widest} columns: {shown}");
}

#[test]
fn hostile_names_are_shown_harmlessly_by_every_command_in_every_form() {
    let plain = named(PLAIN);
    for name in hostile() {
        let store = named(&name);
        let profile = write(&store, "profile.json", r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}"#);
        for (words, form) in FORMS {
            let words = |store: &str| {
                let mut words = [words, &["--container", ID, store]].concat();
                if words[0] == "verify" {
                    words.extend(["--profile", &profile]);
                }
                words.into_iter().map(str::to_owned).collect::<Vec<String>>()
            };
            let run = |words: Vec<String>| ctrec(&words.iter().map(String::as_str).collect::<Vec<_>>());
            let (shown, expected) = (run(words(text(store.path()))), run(words(text(plain.path()))));
            let (out, said) = (String::from_utf8(shown.stdout).unwrap(), String::from_utf8(shown.stderr).unwrap());
            assert_eq!(shown.status.code(), expected.status.code(), "{name:?} {words:?}: {said}", words = words(""));
            assert!(!said.contains("panicked"), "{said}");
            assert_harmless(&out, form);
            assert_harmless(&said, Form::Text);
            match form {
                Form::Json => drop(serde_json::from_str::<Value>(&out).unwrap()),
                Form::Markdown if name.is_empty() => {} /* what is empty is left out */
                Form::Markdown => {
                    assert_eq!(structure(&out), structure(&String::from_utf8(expected.stdout).unwrap()), "{out}");
                }
                Form::Text | Form::Rows => {}
            }
        }
    }
}

#[test]
fn hostile_names_are_listed_harmlessly_by_an_error() {
    for name in hostile() {
        let output = ctrec(&["recommend", "--container", "nobody", text(named(&name).path())]);
        assert_eq!(output.status.code(), Some(BAD_INPUT));
        assert_harmless(&String::from_utf8(output.stderr).unwrap(), Form::Text);
    }
}

/// Programs get the names whole.
#[test]
fn json_keeps_names_as_they_are() {
    for name in hostile() {
        let store = named(&name);
        let output = ctrec(&["list", "--format", "json", text(store.path())]);
        let listing: Value = serde_json::from_slice(&output.stdout).unwrap();
        let container = &listing["runs"][0]["containers"][0];
        assert_eq!((&container["name"], &container["image"]), (&name.clone().into(), &name.clone().into()));
        assert_eq!(listing["runs"][0]["host"], name);
    }
}

/// What Markdown is made of, without its words: headings, lists, tables and their cells, HTML.
fn structure(markdown: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
            Event::Start(tag) => seen.push(format!("{tag:?}")),
            Event::End(tag) => seen.push(format!("end {tag:?}")),
            Event::Html(html) | Event::InlineHtml(html) => seen.push(html.into_string()),
            Event::Code(_) => seen.push("code".to_owned()),
            Event::Text(_) | Event::SoftBreak => {}
            other => seen.push(format!("{other:?}")),
        }
    }
    seen
}

#[test]
fn every_table_of_a_markdown_report_has_rows_as_long_as_its_head() {
    for name in hostile() {
        let output = ctrec(&["report", "--format", "markdown", text(named(&name).path())]);
        let markdown = String::from_utf8(output.stdout).unwrap();
        // The parser fills up short rows and cuts long ones, so bars are counted where it sees the rows.
        let (mut columns, mut tables, mut level) = (0, 0, 0);
        for (event, range) in Parser::new_ext(&markdown, Options::ENABLE_TABLES).into_offset_iter() {
            let bars =
                markdown[range.clone()].trim().matches('|').count() - markdown[range.clone()].matches("\\|").count();
            match event {
                Event::Start(Tag::TableHead) => (columns, tables) = (bars, tables + 1),
                Event::Start(Tag::TableRow) => assert_eq!(bars, columns, "{markdown}"),
                Event::Start(Tag::Heading { level: found, .. }) => {
                    let found = found as usize;
                    assert!(found <= level + 1, "headings nest: {markdown}");
                    level = found;
                }
                _ => {}
            }
        }
        assert!(tables >= 5, "{markdown}");
        let details = markdown.matches("\n<details><summary>").count();
        assert!(details >= 3 && markdown.matches("\n\n</details>\n").count() == details, "{markdown}");
    }
}
