//! What the fuzz targets share. Each target reads bytes as one kind of input, and asserts what must be true of whatever
//! comes out: it panics where that is not so.
//!
//! Lives here: several files in one input, and harmless text. Does not: parsers of crates that nobody else may call
//! (their own `fuzzing` modules, which only a fuzzer's build has).

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use ctrec_analyze::behaviour::Behaviour;
use ctrec_analyze::listing::Lister;
use ctrec_analyze::report::Look;
use ctrec_recording::{
    Argument, Asker, Call, CgroupLayout, Check, Container, Errno, Header, Identity, Loss, Program, Recording,
    SchemaVersion, Settings, Start, Values, Window,
};

/// The files of an input: a line `== NAME`, and the lines that follow it.
pub fn files(text: &str) -> Vec<(&str, &str)> {
    let starts = text.match_indices("== ").map(|(at, _)| at).filter(|at| *at == 0 || text.as_bytes()[at - 1] == b'\n');
    let starts: Vec<usize> = starts.chain([text.len()]).collect();
    let parts = starts.windows(2).map(|ends| &text[ends[0]..ends[1]]);
    parts.map(|part| part["== ".len()..].split_once('\n').unwrap_or((&part["== ".len()..], ""))).collect()
}

/// Writes files below a folder. A name that leads out of it, or is none that a file can have, is left out.
pub fn write_below(root: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let relative = name.trim_start_matches('/');
        let is_plain = relative.split('/').all(|part| !matches!(part, "" | "." | "..") && part.len() < 200);
        if !is_plain || relative.len() > 1000 || relative.contains('\0') {
            continue;
        }
        let path = root.join(relative);
        let written = std::fs::create_dir_all(path.parent().expect("it is below the folder"))
            .and_then(|()| std::fs::write(&path, content));
        match written {
            Ok(()) => {}
            // One name is a file and a folder.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::IsADirectory
                ) => {}
            Err(error) => panic!("{path:?}: {error}"),
        }
    }
}

/// Text on its way to a terminal: of all that could move a cursor, it has ends of lines.
pub fn assert_harmless(text: &str) {
    let bad = text.chars().find(|character| *character != '\n' && character.is_control());
    assert!(bad.is_none(), "{bad:?} in {text:?}");
}

/// A recording with nothing in it.
pub fn recording() -> Recording {
    Recording {
        header: Header {
            schema: SchemaVersion::CURRENT,
            run: "r".to_owned(),
            ctrec_version: "0.1.0".to_owned(),
            host: "node".to_owned(),
            kernel: "6.1.0".to_owned(),
            arch: "x86_64".to_owned(),
            cgroups: CgroupLayout::V2,
            hooks: Vec::new(),
            sysctls: BTreeMap::new(),
            settings: Settings { window_ns: 10_000_000_000, containers: Vec::new(), command: None },
            started_ns: 0,
            ended_ns: None,
            end: None,
            continues: None,
            cost: None,
        },
        windows: Vec::new(),
        containers: Vec::new(),
        programs: Vec::new(),
        calls: Vec::new(),
        errnos: Vec::new(),
        arguments: Vec::new(),
        values: Vec::new(),
        starts: Vec::new(),
        checks: Vec::new(),
        askers: Vec::new(),
        identities: Vec::new(),
        losses: Vec::new(),
    }
}

/// A recording of an input's files, as a reader would give it: a header, and tables by their names, one row a line.
/// `None` where a file is none of these, or is not what a reader takes.
pub fn recording_of(text: &str) -> Option<Recording> {
    let mut recording = recording();
    for (name, content) in files(text) {
        match name {
            "run.json" => recording.header = serde_json::from_str(content).ok()?,
            "windows" => recording.windows = rows(content)?,
            "containers" => recording.containers = rows::<Container>(content)?,
            "programs" => recording.programs = rows::<Program>(content)?,
            "calls" => recording.calls = rows::<Call>(content)?,
            "errnos" => recording.errnos = rows::<Errno>(content)?,
            "arguments" => recording.arguments = rows::<Argument>(content)?,
            "values" => recording.values = rows::<Values>(content)?,
            "starts" => recording.starts = rows::<Start>(content)?,
            "checks" => recording.checks = rows::<Check>(content)?,
            "askers" => recording.askers = rows::<Asker>(content)?,
            "identities" => recording.identities = rows::<Identity>(content)?,
            "losses" => recording.losses = rows::<Loss>(content)?,
            _ => return None,
        }
    }
    let windows: BTreeSet<u32> = recording.windows.iter().map(|window: &Window| window.window).collect();
    (windows.len() == recording.windows.len()).then(|| sealed(recording, &windows))
}

/// What a reader leaves of it: rows of windows that are there.
fn sealed(mut recording: Recording, windows: &BTreeSet<u32>) -> Recording {
    recording.windows.sort_by_key(|window| window.window);
    recording.calls.retain(|row| windows.contains(&row.window));
    recording.errnos.retain(|row| windows.contains(&row.window));
    recording.arguments.retain(|row| windows.contains(&row.window));
    recording.values.retain(|row| windows.contains(&row.window));
    recording.starts.retain(|row| windows.contains(&row.window));
    recording.checks.retain(|row| windows.contains(&row.window));
    recording.askers.retain(|row| windows.contains(&row.window));
    recording.identities.retain(|row| windows.contains(&row.window));
    recording.losses.retain(|row| windows.contains(&row.window));
    recording
}

fn rows<T: serde::de::DeserializeOwned>(text: &str) -> Option<Vec<T>> {
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).ok()).collect()
}

/// A row that a recorder made: whatever the container's maker wrote, judging it must be possible, and harmless.
pub fn assert_judged(row: Container) {
    let mut recording = recording();
    let number = row.container;
    recording.containers.push(row);
    let behaviour = Behaviour::of_all(&recording, &BTreeSet::from([number])).expect("the recorder made it readable");
    let mut lister = Lister::default();
    lister.add("store", &recording, &|_| true);
    assert_harmless(&lister.finish(&BTreeSet::new()).text(Look::PLAIN));
    assert!(!behaviour.containers().is_empty());
}
