//! Text that a container chose, made harmless.

#![no_main]

use ctrec_analyze::text::{code, fold, json, markdown, shortened, visible, visible_lines, whole_code, wrap};
use ctrec_fuzz::assert_harmless;
use unicode_width::UnicodeWidthStr;

libfuzzer_sys::fuzz_target!(|input: (u8, &str)| {
    let (columns, text) = (usize::from(input.0).max(1), input.1);
    for shown in
        [visible(text), shortened(text, columns), markdown(text), code(text), whole_code(&text.replace('\n', ""))]
    {
        assert_harmless(&shown);
        assert!(!shown.contains('\n'), "one line: {shown:?}");
    }
    assert!(shortened(text, columns).width() <= columns, "{text:?} in {columns}");
    assert_eq!(visible(&visible(text)), visible(text), "what is harmless stays");
    assert!(!code(text).trim_matches('`').contains(['`', '|']), "a span has no end before its own");
    let lines = visible_lines(text);
    assert_harmless(&lines);
    let words = |text: &str| text.split_whitespace().collect::<String>();
    let folded = fold(&lines, columns);
    assert_eq!(words(&folded), words(&lines), "folding loses nothing");
    assert_eq!(words(&wrap(&lines, columns, 2)), words(&lines), "wrapping loses nothing");
    let written = json(&text).expect("it is text");
    assert_harmless(&written);
    assert_eq!(serde_json::from_str::<String>(&written).expect("it is JSON"), text);
});
