//! How text looks where it goes: a terminal's columns, and colours.

use std::env;
use std::io::{self, IsTerminal};

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use ctrec_analyze::report::Look;
use terminal_size::{Width, terminal_size_of};

use crate::cli::Color;

/// For what is shown before the command line is known: help, and what is wrong with it.
pub(crate) fn heed_environment() {
    choice(&io::stdout()).write_global();
}

/// Settles when colours are used, from here on.
pub(crate) fn colour(when: Color) {
    let choice = match when {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    choice.write_global();
}

/// How text is to look on stdout. About colours the environment decides, `NO_COLOR` and its like.
pub(crate) fn look_of_stdout() -> Look {
    let out = io::stdout();
    look(out.is_terminal(), terminal_size_of(&out).map(|(width, _)| width), choice(&out))
}

/// How wide the terminal on stderr is now; where nobody says it, as terminals usually are.
pub(crate) fn columns_of_stderr() -> usize {
    terminal_size_of(io::stderr()).map_or(Look::PLAIN.columns, |(Width(columns), _)| usize::from(columns))
}

/// How text is to look on stderr.
pub(crate) fn look_of_stderr() -> Look {
    let out = io::stderr();
    look(out.is_terminal(), terminal_size_of(&out).map(|(width, _)| width), choice(&out))
}

fn look(is_terminal: bool, width: Option<Width>, choice: ColorChoice) -> Look {
    let columns = width.map_or(Look::PLAIN.columns, |Width(columns)| usize::from(columns));
    let look = if is_terminal { Look::on_terminal(columns) } else { Look::PLAIN };
    Look { colour: choice != ColorChoice::Never, ..look }
}

/// As `anstream` chooses, less that it takes `CLICOLOR_FORCE=0` for a wish for colours, and by the convention that 0 is
/// none.
fn choice<Stream: RawStream>(out: &Stream) -> ColorChoice {
    let chosen = AutoStream::choice(out);
    let is_zero = |name: &str| env::var_os(name).is_some_and(|value| value == "0");
    if ColorChoice::global() != ColorChoice::Auto || chosen == ColorChoice::Never || !is_zero("CLICOLOR_FORCE") {
        return chosen;
    }
    let is_able = env::var_os("TERM").is_some_and(|terminal| terminal != "dumb");
    let is_wanted = is_able || ["CLICOLOR", "CI"].iter().any(|name| env::var_os(name).is_some());
    if out.is_terminal() && is_wanted && !is_zero("CLICOLOR") { ColorChoice::Always } else { ColorChoice::Never }
}
