//! The terminal that the live line is drawn on.
//!
//! Lives here: how one line is drawn, so that nothing of it is left when the terminal changes its size. Does not: what
//! the line says (see `line`).
//!
//! A terminal that becomes narrower breaks a line in two, and a cursor behind the line is then a row lower than whoever
//! drew it knows. So the cursor goes back to where the line begins, which stays the same place: what is from there on is
//! the line, in however many rows, and is cleared as a whole.

use std::io::{self, Write};
use std::mem;
use std::sync::{Mutex, PoisonError};

use indicatif::TermLike;

use crate::output::columns_of_stderr;

/// Draws a line on stderr.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// What is to be drawn next.
    line: Mutex<String>,
}

/// What draws a line over the one before, and leaves the cursor where it begins.
fn drawn(line: &str) -> String {
    format!("\r\u{1b}[J{}\r", line.trim())
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        u16::try_from(columns_of_stderr()).unwrap_or(u16::MAX)
    }

    // The cursor never leaves the line's beginning, so there is no way back.
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let line = mem::take(&mut *self.line.lock().unwrap_or_else(PoisonError::into_inner));
        io::stderr().write_all(drawn(&line).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_where_the_line_begins() {
        assert_eq!(drawn("\rhow far it is     "), "\r\u{1b}[Jhow far it is\r");
        assert_eq!(drawn(""), "\r\u{1b}[J\r");
    }
}
