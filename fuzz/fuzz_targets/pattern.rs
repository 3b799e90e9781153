//! Patterns, and the containers that they are held against: a pattern, then a container a line (name, id, image, pod and
//! labels between tabs).

#![no_main]

use ctrec_analyze::select::{Pattern, pattern_for};
use ctrec_fuzz::assert_harmless;
use ctrec_recording::Container;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let pattern = lines.next().unwrap_or_default().parse::<Pattern>();
    let containers: Vec<Container> = lines.take(20).map(container).collect();
    let rows: Vec<&Container> = containers.iter().collect();
    match pattern {
        Ok(pattern) => {
            assert_harmless(&pattern.to_string());
            assert!(pattern.choose(&rows).len() <= rows.len());
            if let Err(error) = pattern.select(std::slice::from_ref(&containers)) {
                assert_harmless(&error.to_string());
            }
        }
        Err(error) => assert_harmless(&error.to_string()),
    }
    for row in rows.into_iter().filter(|row| !row.name.is_empty()) {
        let word = pattern_for(&row.name, &row.id);
        assert_harmless(&word);
        let suggested: Pattern = word.parse().expect("what is suggested is a pattern");
        assert_eq!(suggested.choose(&[row]).len(), 1, "{word:?} is suggested for {:?}, {:?}", row.name, row.id);
    }
});

fn container(line: &str) -> Container {
    let mut cells = line.split('\t').map(str::to_owned);
    let mut next = || cells.next().filter(|cell| !cell.is_empty());
    Container {
        container: 1,
        name: next().unwrap_or_default(),
        id: next().unwrap_or_default(),
        image: next(),
        pod: next(),
        labels_json: next().unwrap_or_else(|| "{}".to_owned()),
        engine: "docker".to_owned(),
        runtime: None,
        entrypoint_json: None,
        no_new_privs: None,
        capabilities_json: None,
        seccomp_json: None,
        sysctls_json: "{}".to_owned(),
        limits_json: "{}".to_owned(),
        network_json: None,
        cgroup_path: "/x".to_owned(),
        started_ns: 0,
        ended_ns: None,
        already_running: false,
        resolved: true,
    }
}
