//! Text that a container chose, made harmless to look at; and times in words.
//!
//! Lives here: escaping, shortening and wrapping of single strings. Does not: any layout (see `report`).

use std::time::Duration;

use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Longest piece of hostile text that is shown; a path of 4 KiB would bury the rest of a report.
const LONGEST: usize = 200;
/// Most marks on top of one letter: enough for any writing, too few to cover the lines above it.
const MOST_MARKS: usize = 2;

/// The text on one line, with every character that could move a cursor, hide, reorder or break a line written as an
/// escape, and cut where it is too long.
pub fn visible(text: &str) -> String {
    shortened(text, LONGEST)
}

/// The same in at most so many columns, one at least: what does not fit ends in an ellipsis.
pub fn shortened(text: &str, columns: usize) -> String {
    let (mut shown, mut used, mut fits) = (String::new(), 0, 0);
    for piece in pieces(text, |_| false) {
        let width = piece.width();
        if used + width > columns {
            shown.truncate(fits);
            shown.push('…');
            return shown;
        }
        shown.push_str(&piece);
        used += width;
        if used < columns {
            fits = shown.len(); /* an ellipsis has room behind this */
        }
    }
    shown
}

/// A whole message: like [`visible`], but its lines stay lines, and it is not cut. For text of ours that quotes others'.
pub fn visible_lines(text: &str) -> String {
    pieces(text, |character| character == '\n').collect()
}

/// Each character as it is shown.
fn pieces(text: &str, keep: impl Fn(char) -> bool) -> impl Iterator<Item = String> {
    let mut marks = MOST_MARKS; /* there is no letter yet that a mark could belong to */
    text.chars().map(move |character| {
        let is_mark = character.width() == Some(0);
        marks = if is_mark { marks + 1 } else { 0 };
        if keep(character) || is_harmless(character) && marks <= MOST_MARKS {
            character.to_string()
        } else {
            character.escape_default().to_string()
        }
    })
}

/// Printable, to be seen, and in reading order. A backslash stays itself, so that paths stay readable.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A value as JSON, on several lines. What [`visible`] escapes is escaped here too, as JSON does it: JSON may hold such
/// characters as they are, and somebody will look at it on a terminal.
pub fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut escaped = String::new();
    for character in serde_json::to_string_pretty(value)?.chars() {
        if character == '\n' || is_harmless(character) {
            escaped.push(character);
        } else {
            // Outside of strings JSON has nothing but ASCII.
            let mut units = [0; 2];
            escaped.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    escaped.push('\n');
    Ok(escaped)
}

/// The text as Markdown prose: nothing in it is markup. A colon before a slash would make a link of an address.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::new();
    let shown = visible(text);
    let mut characters = shown.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '@' | '$' => escaped.extend(['\\', character]),
            ':' if characters.peek() == Some(&'/') => escaped.push_str("\\:"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// The text as a Markdown code span, also inside a table. Backticks and bars are escaped as control characters are,
/// since no fence and no backslash works both inside and outside of a table.
pub fn code(text: &str) -> String {
    span(&visible(text))
}

/// The same, however long.
pub fn whole_code(text: &str) -> String {
    span(&visible_lines(text))
}

fn span(shown: &str) -> String {
    let shown = shown.replace('`', "\\u{60}").replace('|', "\\u{7c}");
    if shown.trim().is_empty() { format!("`'{shown}'`") } else { format!("`{shown}`") }
}

/// The text cut into lines of at most `width` columns, broken at spaces; a longer word gets a line of its own. Every
/// line but the first starts with `indent` spaces, and the first is taken to start there too.
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let room = width.saturating_sub(indent);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

/// The text with no line wider than so many columns: what is wider goes on below, indented further, from a space on where
/// there is one, else from within a word. It may hold colours.
pub fn fold(text: &str, columns: usize) -> String {
    let mut folded = String::new();
    for line in text.split_inclusive('\n') {
        let (mut rest, indent) = (line, deeper(line, columns));
        let mut room = columns;
        while let Some(at) = overflow(rest.trim_end(), room) {
            folded.push_str(rest[..at].trim_end_matches(' '));
            folded.push('\n');
            folded.push_str(&" ".repeat(indent));
            rest = rest[at..].trim_start_matches(' ');
            room = columns - indent;
        }
        folded.push_str(rest.trim_end_matches(['\n', ' ']));
        folded.push_str(if rest.ends_with('\n') { "\n" } else { "" });
    }
    folded
}

/// How far the continuation of a line is indented; at least half of the columns are left.
fn deeper(line: &str, columns: usize) -> usize {
    const DEEPER: usize = 2;
    let spaces = visible_indices(line).take_while(|(_, character)| *character == ' ').count();
    (spaces + DEEPER).min(columns / 2)
}

/// Where a line of so many columns is to be broken; `None`: it fits.
fn overflow(line: &str, columns: usize) -> Option<usize> {
    let (mut used, mut space, mut first) = (0, None, None);
    for (at, character) in visible_indices(line) {
        if character == ' ' && first.is_some() {
            space = Some(at);
        }
        used += character.width().unwrap_or_default();
        match first {
            // One character is shown, however wide.
            Some(first) if used > columns => return Some(space.unwrap_or(at).max(first)),
            None if character != ' ' => first = Some(at + character.len_utf8()),
            _ => {}
        }
    }
    None
}

/// The characters of a line that are shown, and where they are: colours begin with an escape, end with an m, and take no
/// room.
fn visible_indices(line: &str) -> impl Iterator<Item = (usize, char)> {
    let mut in_escape = false;
    line.char_indices().filter(move |(_, character)| {
        in_escape |= *character == '\u{1b}';
        let is_shown = !in_escape;
        in_escape &= *character != 'm';
        is_shown
    })
}

/// A moment, ns since the epoch, in UTC as RFC 3339 writes it, to the second.
pub fn time(ns: i64) -> String {
    match u64::try_from(ns) {
        Ok(ns) => humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + Duration::from_nanos(ns)).to_string(),
        Err(_) => "before 1970".to_owned(),
    }
}

/// A length of time in words: `1h 2m 3s`; to the millisecond below a second, else to the second.
pub fn duration(ns: u64) -> String {
    let exact = Duration::from_nanos(ns);
    let rounded =
        if exact.as_secs() > 0 { Duration::from_secs(exact.as_secs()) } else { Duration::from_millis(ns / 1_000_000) };
    humantime::format_duration(rounded).to_string()
}

/// A count with its noun: `1 run`, `2 runs`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The name of an errno, or its number where it has none.
pub fn errno(number: i32) -> String {
    syscalls::Errno::new(number).name().map_or_else(|| format!("errno {number}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_gets_through() {
        assert_eq!(visible("/bin/\u{1b}[31mred\n"), "/bin/\\u{1b}[31mred\\n");
        assert_eq!(visible("a\u{202e}b\u{9b}c"), "a\\u{202e}b\\u{9b}c");
        assert_eq!(visible("/usr/bin/größe"), "/usr/bin/größe");
        assert!(visible(&"x".repeat(4096)).chars().count() == LONGEST);
    }

    #[test]
    fn what_is_too_long_ends_in_an_ellipsis_within_its_columns() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
        assert_eq!(shortened("漢字漢字", 6), "漢字…");
        assert_eq!(shortened("ab\u{1b}cd", 6), "ab…", "an escape is not cut through");
        assert_eq!(shortened("", 6), "");
        for hostile in ["\u{202e}".repeat(4096), "漢".repeat(4096), "a\u{301}".repeat(4096)] {
            assert!(shortened(&hostile, 40).width() <= 40 && shortened(&hostile, 40).ends_with('…'));
        }
    }

    #[test]
    fn marks_stay_on_their_letter_and_do_not_pile_up() {
        assert_eq!(visible("e\u{301}"), "e\u{301}");
        assert_eq!(visible("\u{301}a"), "\\u{301}a");
        assert_eq!(visible(&format!("a{}", "\u{301}".repeat(3))), "a\u{301}\u{301}\\u{301}");
    }

    #[test]
    fn json_shows_in_escapes_what_a_terminal_would_obey() {
        let hostile = "\u{202e}\u{9b}31m\u{7f}\u{e0041}\n\"ü";
        let text = json(&[hostile]).unwrap();
        assert_eq!(text, "[\n  \"\\u202e\\u009b31m\\u007f\\udb40\\udc41\\n\\\"ü\"\n]\n");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), [hostile]);
    }

    #[test]
    fn a_message_keeps_its_lines_and_its_length() {
        let message = format!("no {}:\n  a\u{1b}[2J\r\u{202e}b", "x".repeat(400));
        assert_eq!(visible_lines(&message), format!("no {}:\n  a\\u{{1b}}[2J\\r\\u{{202e}}b", "x".repeat(400)));
    }

    #[test]
    fn markdown_shows_markup_instead_of_obeying_it() {
        assert_eq!(markdown("<script>*a*|b"), "&lt;script&gt;\\*a\\*\\|b");
        assert_eq!(markdown("[x](http://y)"), "\\[x\\](http\\://y)");
        assert_eq!(code("a`b|c"), "`a\\u{60}b\\u{7c}c`");
        assert_eq!(code(""), "`''`");
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("aa bb cc dd", 7, 2), "aa bb\n  cc dd");
        assert_eq!(wrap("averylongword b", 5, 1), "averylongword\n b");
        let text = "word ".repeat(60);
        assert!(wrap(&text, 80, 4).lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn what_is_too_wide_goes_on_below() {
        assert_eq!(fold("abc def\n", 7), "abc def\n");
        assert_eq!(fold("abc def ghi\n  x\n", 8), "abc def\n  ghi\n  x\n");
        assert_eq!(fold("  abcdefghij", 8), "  abcdef\n    ghij");
        assert_eq!(fold("漢字漢字", 5), "漢字\n  漢\n  字");
        assert_eq!(fold("\u{1b}[2m  abcdefghij\u{1b}[0m", 8), "\u{1b}[2m  abcdef\n    ghij\u{1b}[0m");
        assert_eq!(fold("\u{1b}[1m! \u{1b}[0mabc def", 5), "\u{1b}[1m! \u{1b}[0mabc\n  def");
        for columns in [1, 2, 3, 40, 60] {
            for text in ["x".repeat(300), "a b ".repeat(100), "漢".repeat(90)] {
                let folded = fold(&text, columns);
                let words = |text: &str| text.split_whitespace().collect::<String>();
                assert_eq!(words(&folded), words(&text));
                assert!(folded.lines().all(|line| line.width() <= columns.max(3)), "{folded}");
            }
        }
    }

    #[test]
    fn times_need_no_clock() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(1_790_000_000_123_456_789), "2026-09-21T14:13:20Z");
        assert_eq!(time(i64::MAX), "2262-04-11T23:47:16Z");
        assert_eq!(time(-1), "before 1970");
        assert_eq!(duration(3_723_900_000_000), "1h 2m 3s");
        assert_eq!(duration(12_345_678), "12ms");
    }

    #[test]
    fn errnos_have_names() {
        assert_eq!(errno(11), "EAGAIN");
        assert_eq!(errno(38), "ENOSYS");
        assert_eq!(errno(4000), "errno 4000");
    }
}
