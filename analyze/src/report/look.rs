//! How a text form looks where it is read: columns, colours.
//!
//! Lives here: what each style is, and painting. Does not: finding out about a terminal, which is the caller's; nor
//! escaping: what is painted was made harmless before.

use anstyle::{AnsiColor, Style as Escapes};

use crate::text::{fold, shortened};

/// Widest prose: longer lines are hard to read.
const WIDEST_PROSE: usize = 100;
/// A terminal that says that it is narrower is not laid out for.
const NARROWEST: usize = 40;
/// Widest name or id where no terminal is. What engines take is shorter; what is longer was made to bury the rest.
const WHOLE: usize = 512;

/// How a text form is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns that a line should fit in.
    pub columns: usize,
    /// Tables are cut to the columns, since a person looks at them; else nothing in them is shortened for want of room.
    pub cut: bool,
    /// With colours.
    pub colour: bool,
}

/// What a piece of text is, and so how it is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A title.
    Title,
    /// As it should be.
    Good,
    /// To be looked at.
    Warning,
    /// Wrong, or missing.
    Bad,
    /// Less important than the rest.
    Dim,
}

impl Look {
    /// Where no terminal is: 80 columns, no colours, nothing cut.
    pub const PLAIN: Self = Self { columns: 80, cut: false, colour: false };

    /// On a terminal of so many columns.
    #[must_use]
    pub fn on_terminal(columns: usize) -> Self {
        Self { columns: columns.max(NARROWEST), cut: true, colour: false }
    }

    /// Columns for prose.
    pub fn prose(self) -> usize {
        self.columns.min(WIDEST_PROSE)
    }

    /// A name or an id, harmless: on a terminal in at most so many columns, elsewhere whole.
    pub fn name(self, text: &str, columns: usize) -> String {
        shortened(text, if self.cut { columns } else { WHOLE })
    }

    /// The text with no line that is too wide for a terminal.
    pub fn fitted(self, text: String) -> String {
        if self.cut { fold(&text, self.columns) } else { text }
    }

    /// The text in a style. It must be harmless already: escapes in it would not be told from those that paint.
    pub fn paint(self, style: Style, text: &str) -> String {
        if self.colour && !text.is_empty() {
            let escapes = style.escapes();
            format!("{}{text}{}", escapes.render(), escapes.render_reset())
        } else {
            text.to_owned()
        }
    }
}

impl Default for Look {
    fn default() -> Self {
        Self::PLAIN
    }
}

impl Style {
    /// The eight colours of every terminal, which people set so that they can read them.
    fn escapes(self) -> Escapes {
        match self {
            Self::Title => Escapes::new().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Dim => Escapes::new().dimmed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        assert_eq!(Look::PLAIN.paint(Style::Bad, "missing"), "missing");
        let painted = Look { colour: true, ..Look::PLAIN }.paint(Style::Bad, "missing");
        assert!(painted.starts_with('\u{1b}') && painted.ends_with("\u{1b}[0m"), "{painted:?}");
    }

    #[test]
    fn a_name_is_cut_on_a_terminal_alone() {
        let name = "n".repeat(317);
        assert_eq!(Look::on_terminal(80).name(&name, 40).chars().count(), 40);
        assert_eq!(Look::PLAIN.name(&name, 40), name);
        assert_eq!(Look::PLAIN.name(&"n".repeat(4096), 40).chars().count(), WHOLE);
    }

    #[test]
    fn no_terminal_is_too_narrow_and_no_prose_too_wide() {
        assert_eq!(Look::on_terminal(0).columns, NARROWEST);
        assert_eq!(Look::on_terminal(200).prose(), WIDEST_PROSE);
    }
}
