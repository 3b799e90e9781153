//! The capability list: what goes where, and recordings that have none.

use crate::ctrec::{BAD_INPUT, assert_refused, ctrec};
use crate::sample::{store, text, without_checks};

#[test]
fn the_options_go_to_stdout_and_the_rest_to_stderr() {
    let store = store();
    let words = ["caps", "--container", "web", text(store.path())];
    let output = ctrec(&words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(output.stdout, b"--cap-drop=ALL --cap-add=NET_BIND_SERVICE\n");
    assert!(said.contains("web: 1 capability is needed") && said.contains("/bin/server, bind, 2 times"), "{said}");
    assert!(said.contains("Losses: none"), "{said}");
    let quiet = ctrec(&[&words[..], &["--quiet"]].concat());
    assert_eq!((quiet.stdout, String::from_utf8_lossy(&quiet.stderr).as_ref()), (output.stdout, ""));
}

#[test]
fn each_form_is_data_alone() {
    let store = store();
    for (format, needle) in [("text", "CAP_NET_BIND_SERVICE"), ("json", "\"capability\": \"CAP_NET_BIND_SERVICE\"")] {
        let output = ctrec(&["caps", "--container", "web", "--format", format, text(store.path())]);
        let shown = String::from_utf8_lossy(&output.stdout);
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
        assert!(shown.contains(needle) && shown.contains("fexit/cap_capable"), "{shown}");
    }
}

#[test]
fn a_recording_without_checks_is_to_be_made_again() {
    let store = without_checks();
    for format in ["flags", "text", "json"] {
        let words = ["caps", "--container", "web", "--format", format, text(store.path())];
        assert_refused(&words, BAD_INPUT, &["20260101T000000Z-1", "capability checks", "record again"]);
    }
}
