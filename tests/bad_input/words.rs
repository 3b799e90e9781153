//! Words that hold more than letters: whoever chose them must not reach the terminal through an error.

use crate::ctrec::{BAD_INPUT, ENVIRONMENT, OWN_FAILURE, USAGE, assert_refused, ctrec};
use crate::sample::{store, text};

/// Colours, a title, a forged line, an order of letters that reads backwards.
const HOSTILE: &str = "\u{1b}[31mred\u{1b}]0;title\u{7}\r\nerror: forged\u{202e}gnp.exe";

#[test]
fn no_error_passes_on_what_a_terminal_would_obey() {
    let store = store();
    let store = text(store.path());
    for (code, words) in [
        (USAGE, &["recommend", "--container", HOSTILE, store][..]),
        (BAD_INPUT, &["recommend", "--container", &HOSTILE.replace(['[', ']'], ""), store]),
        (BAD_INPUT, &["recommend", "--container", "web", "--include", HOSTILE, store]),
        (BAD_INPUT, &["report", HOSTILE]),
        (USAGE, &["report", "--container", HOSTILE, store]),
        (BAD_INPUT, &["verify", "--profile", HOSTILE, "--container", "web", store]),
        (BAD_INPUT, &["inspect", "--container", HOSTILE]),
        (ENVIRONMENT, &["report", "--output", &format!("/proc/{HOSTILE}"), store]),
        (127, &["run", "--", HOSTILE]),
        (OWN_FAILURE, &["run", "--profile", HOSTILE, "--", "true"]),
        (OWN_FAILURE, &["run", "--cap-drop", HOSTILE, "--", "true"]),
    ] {
        assert_refused(words, code, &[]);
        let stderr = String::from_utf8(ctrec(words).stderr).unwrap();
        assert!(!stderr.contains('\u{202e}'), "{stderr}");
    }
}

#[test]
fn the_parser_is_no_way_around_it() {
    for words in [&[HOSTILE][..], &["report", "--format", HOSTILE], &["record", "--duration", HOSTILE]] {
        let output = ctrec(words);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        let obeyed = |character: char| character != '\n' && (character.is_control() || character == '\u{202e}');
        assert!(!stderr.contains(obeyed), "{stderr:?}");
    }
}
