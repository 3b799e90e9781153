//! Completions and man pages, as shells and man see them.
//!
//! A test whose program is not here says `SKIPPED` and passes; with `CTREC_REQUIRE` set it fails.

#![expect(clippy::unwrap_used, reason = "a test whose case cannot be prepared has failed")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const COMMANDS: [&str; 11] =
    ["record", "list", "recommend", "caps", "report", "verify", "run", "inspect", "doctor", "completions", "man"];

fn run(program: &str, words: &[&str]) -> Output {
    Command::new(program).args(words).output().unwrap()
}

fn ctrec(words: &[&str]) -> String {
    let output = run(env!("CARGO_BIN_EXE_ctrec"), words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a program prints, which ends well and complains of nothing.
#[track_caller]
fn quiet(program: &str, words: &[&str]) -> String {
    let output = run(program, words);
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && output.stderr.is_empty(), "{program} {words:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a program is here.
fn is_here(program: &str, test: &str) -> bool {
    let here = run("sh", &["-c", &format!("command -v {program}")]).status.success();
    assert!(here || std::env::var_os("CTREC_REQUIRE").is_none(), "{program} is not here");
    if !here {
        #[expect(clippy::print_stderr, reason = "whoever runs the tests is to see it")]
        {
            eprintln!("SKIPPED {test}: {program} is not here");
        }
    }
    here
}

fn completions(shell: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("_ctrec");
    fs::write(&file, ctrec(&["completions", shell])).unwrap();
    let file = file.to_str().unwrap().to_owned();
    (folder, file)
}

#[test]
fn bash_completes_commands_and_options() {
    let (_folder, file) = completions("bash");
    quiet("bash", &["-n", &file]);
    let ask = |words: &str, current: &str| {
        let previous = words.rsplit(' ').next().unwrap();
        let script = format!(
            "source {file}; COMP_WORDS=({words} {current}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _ctrec ctrec {current} {previous}; echo \"${{COMPREPLY[@]}}\""
        );
        quiet("bash", &["-c", &script])
    };
    assert_eq!(ask("ctrec", "rec").trim(), "record recommend");
    assert_eq!(ask("ctrec recommend", "--dia").trim(), "--dialect");
    assert_eq!(ask("ctrec recommend --dialect", "o").trim(), "oci");
}

#[test]
fn fish_completes_commands_and_options() {
    if !is_here("fish", "fish_completes_commands_and_options") {
        return;
    }
    let (folder, file) = completions("fish");
    let home = folder.path().to_str().unwrap();
    quiet("fish", &["-n", &file]);
    let ask = |line: &str| {
        let script = format!("set -x HOME {home}; source {file}; complete -C '{line}'");
        quiet("fish", &["--no-config", "-c", &script])
    };
    let commands = ask("ctrec rec");
    assert!(commands.contains("record\tRecord what") && commands.contains("recommend\tPrint"), "{commands}");
    assert!(ask("ctrec report --form").contains("--format"));
}

#[test]
fn zsh_takes_its_completions() {
    if !is_here("zsh", "zsh_takes_its_completions") {
        return;
    }
    let (folder, file) = completions("zsh");
    quiet("zsh", &["-n", &file]);
    let script = format!(
        "fpath=({} $fpath); autoload -Uz compinit; compinit -D -u; print -r -- $_comps[ctrec]; autoload +X _ctrec && \
         whence -w _ctrec",
        folder.path().display()
    );
    assert_eq!(quiet("zsh", &["-f", "-c", &script]), "_ctrec\n_ctrec: function\n");
}

fn pages() -> TempDir {
    let folder = TempDir::new().unwrap();
    ctrec(&["man", "--output", folder.path().join("made/man1").to_str().unwrap()]);
    folder
}

fn page(folder: &TempDir, name: &str) -> String {
    folder.path().join("made/man1").join(name).to_str().unwrap().to_owned()
}

#[test]
fn every_command_has_a_page_with_its_options_examples_and_exit_codes() {
    let folder = pages();
    let files = fs::read_dir(Path::new(&page(&folder, ""))).unwrap().count();
    assert_eq!(files, COMMANDS.len() + 1, "one a command, and one for all");
    for command in COMMANDS {
        let roff = fs::read_to_string(page(&folder, &format!("ctrec-{command}.1"))).unwrap();
        assert_eq!(roff, ctrec(&["man", command]), "the same page either way");
        for section in ["NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES", "\"EXIT STATUS\"", "\"SEE ALSO\""] {
            assert!(roff.contains(&format!(".SH {section}\n")), "{section} in {command}: {roff}");
        }
        let help = ctrec(&[command, "--help"]);
        let options = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2);
        let plain = roff.replace("\\-", "-");
        for option in options.map(|word| word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric())) {
            assert!(plain.contains(option), "{option} in {command}: {plain}");
        }
    }
}

#[test]
fn man_has_nothing_to_complain_of() {
    let folder = pages();
    let test = "man_has_nothing_to_complain_of";
    let (mandoc, man) = (is_here("mandoc", test), is_here("man", test));
    for command in [""].into_iter().chain(COMMANDS) {
        let name = if command.is_empty() { "ctrec.1".to_owned() } else { format!("ctrec-{command}.1") };
        let file = page(&folder, &name);
        if mandoc {
            // It warns of empty lines that the generator makes twice, and that a page has no date, which is meant: the
            // same sources give the same bytes.
            let output = run("mandoc", &["-T", "lint", "-W", "error", &file]);
            assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        }
        if man {
            let shown = quiet("man", &["--warnings", "--encoding=UTF-8", "--local-file", &file]);
            assert!(shown.contains("EXIT STATUS"), "{shown}");
        }
    }
}
