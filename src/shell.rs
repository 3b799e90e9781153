//! Words of a command line that is shown to be pasted.
//!
//! Lives here: quoting. Does not: which commands are worth pasting.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use ctrec_analyze::text::visible_lines;

/// A word that a shell reads back as it was. What a terminal would obey, or is no text, is written in escapes, which
/// need bash, zsh or ksh.
pub(crate) fn word(word: &OsStr) -> String {
    let harmless = word.to_str().filter(|text| !text.contains('\n') && visible_lines(text) == **text);
    harmless.and_then(|text| shlex::try_quote(text).ok()).map_or_else(|| escaped(word.as_bytes()), Into::into)
}

fn escaped(bytes: &[u8]) -> String {
    let mut quoted = "$'".to_owned();
    for byte in bytes {
        match byte {
            b' '..=b'~' if !b"'\\".contains(byte) => quoted.push(char::from(*byte)),
            _ => write!(quoted, "\\{byte:03o}").expect("a string takes any text"),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const WORDS: [&[u8]; 12] = [
        b"web",
        b"",
        b"web app",
        b"$(x)",
        b"it's",
        b"a\\b",
        b"`x`!",
        b"*?[",
        b"a\nb",
        b"\x1b[31mred'\\",
        b"\xff\xfe 1",
        "größe\u{202e}".as_bytes(),
    ];

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        for bytes in WORDS {
            let quoted = word(OsStr::from_bytes(bytes));
            assert!(!quoted.chars().any(char::is_control), "{quoted}");
            let output = Command::new("bash").args(["-c", &format!("printf %s {quoted}")]).output().unwrap();
            assert_eq!(output.stdout, bytes, "{quoted}");
        }
    }

    #[test]
    fn a_plain_word_stays_plain() {
        assert_eq!(word(OsStr::new("./ctrec.data-1")), "./ctrec.data-1");
        assert_eq!(word(OsStr::new("größe")), "'größe'");
    }
}
