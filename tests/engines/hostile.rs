//! A container that says what it can to trick whoever looks at its recording.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::docker::Dockerd;
use crate::gate;
use crate::image::{Image, text};
use crate::recorder::{Recorded, Recorder, ctrec};

/// Words for labels, arguments and names of programs: what a terminal, a shell, a page, a path or a table would obey.
const WORDS: [&str; 9] = [
    "../../../../tmp/x",
    "a\"b'c`d$(e)",
    "one\ntwo\rthree",
    "\u{1b}[31m\u{1b}]0;title\u{7}",
    "<script>alert(1)</script>",
    "| a | b |\n|---|",
    "\u{202e}txt.exe",
    "\u{9b}31m",
    "{{ name }}{% for x in y %}",
];

#[test]
fn whatever_a_container_is_called_its_recording_can_be_looked_at() {
    if !gate::open("whatever_a_container_is_called_its_recording_can_be_looked_at", &["dockerd", "docker", "gcc"]) {
        return;
    }
    let dockerd = Dockerd::start();
    dockerd.import(Image::Tiny);
    let (long, name) = ("x".repeat(4096), "a".repeat(200));
    let words: Vec<&str> = WORDS.into_iter().chain([long.as_str()]).collect();
    // The docker command takes no white space in a label's name.
    let is_key = |word: &str| !word.contains(char::is_whitespace);
    let as_values = words.iter().enumerate().map(|(index, word)| format!("{index}={word}"));
    let as_keys =
        words.iter().enumerate().filter(|(_, word)| is_key(word)).map(|(index, word)| format!("{word}={index}"));
    let labels: Vec<String> = as_values.chain(as_keys).collect();
    let labels = labels.iter().flat_map(|label| ["--label", label.as_str()]);
    // Each argument is the name of a program too, if a file can have it; one name is not even text.
    let script = r#"
        for name; do
            cp /programs/counts "/data/${name##*/}" 2> /dev/null && "/data/${name##*/}" 1 0 1
        done
        bytes=$(printf '\377\376x')
        cp /programs/counts "/data/$bytes" && exec "/data/$bytes" 1 0 5"#;
    let recorder = Recorder::start();
    let run = ["run", "--name", &name, "--network=none", "--tmpfs=/data:exec"];
    let run: Vec<&str> =
        run.into_iter().chain(labels).chain(["tiny", "sh", "-c", script, "sh"]).chain(words.iter().copied()).collect();
    dockerd.docker(&run);
    let store = recorder.stop();

    let recorded = Recorded::read(store.path(), &name);
    let kept: Value = serde_json::from_str(&recorded.container().labels_json).unwrap();
    for (index, word) in words.iter().enumerate() {
        assert_eq!(kept[index.to_string()], *word, "a label is kept as it is");
        assert!(!is_key(word) || kept[*word].as_str().and_then(|it| it.parse().ok()) == Some(index), "{word:?}");
    }
    assert_eq!(recorded.recording().losses, []);
    for command in [
        ["list"].as_slice(),
        &["list", "--format", "json"],
        &["report"],
        &["report", "--format", "markdown"],
        &["report", "--format", "json"],
        &["recommend", "--container", &name],
        &["caps", "--container", &name, "--format", "text"],
        &["caps", "--container", &name, "--format", "json"],
        &["recommend", "--container", "label=3=*31m*"],
    ] {
        let outcome = ctrec(&[command, &[text(store.path())]].concat());
        assert_eq!(outcome.code, 0, "{command:?}: {}", outcome.stderr);
        for shown in [&outcome.stdout, &outcome.stderr] {
            let obeyed =
                shown.chars().find(|it| it.is_control() && *it != '\n' || ('\u{202a}'..='\u{202e}').contains(it));
            assert_eq!(obeyed, None, "{command:?} prints what a terminal obeys");
        }
    }
    assert_plain_below(store.path());
}

/// No name of a container's is a name in the store.
fn assert_plain_below(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().expect("names in a store are text");
        assert!(name.chars().all(|it| it.is_ascii_alphanumeric() || "=-._".contains(it)), "{name:?}");
        if entry.file_type().unwrap().is_dir() {
            assert_plain_below(&entry.path());
        }
    }
}
