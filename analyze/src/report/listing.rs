//! A listing, for a terminal and for programs.
//!
//! Lives here: its lines and tables. Does not: what is in it (see `listing`).

use std::collections::BTreeSet;
use std::fmt::Write;

use ctrec_recording::LossKind;

use super::contents::LossReport;
use super::look::{Look, Style};
use super::render::RenderError;
use super::table::{Column, table};
use crate::listing::{Ending, ListedContainer, ListedRun, Listing, Total};
use crate::select::short_id;
use crate::text::{counted, duration, json, visible, wrap};

/// What a cell says where there is nothing to say.
const NOTHING: &str = "-";
/// Widest name and pod in a table, however much room there is.
const WIDEST_CELL: usize = 64;
/// Widest image there: one with a registry and a digest fits.
const WIDEST_IMAGE: usize = 120;
/// Widest id, which is that of a command; the cgroup that stands for a container without an id may be longer.
const WIDEST_ID: usize = 28;
/// Widest name of a host, a pattern or a command in a line of prose.
const WIDEST_NAME: usize = 40;

impl Listing {
    /// For a terminal: names over all runs, then run by run.
    pub fn text(&self, look: Look) -> String {
        let mut text = names(&self.names, look);
        text.push_str(&absent(self, look));
        for run in &self.runs {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&block(run, look));
        }
        look.fitted(text)
    }

    /// JSON, with everything that the other form shows.
    pub fn json(&self) -> Result<String, RenderError> {
        Ok(json(self)?)
    }
}

/// What is not there: a line a store or a run.
fn absent(listing: &Listing, look: Look) -> String {
    let removed = listing.removed.iter().map(|of| {
        let runs = counted(usize::try_from(of.runs).unwrap_or(usize::MAX), "run");
        let store = visible(&of.store);
        let text =
            format!("{runs} of {store} removed to keep it within its size, recorded from {} to {}", of.first, of.last);
        (Style::Warning, text)
    });
    let missing = listing.missing.iter().map(|of| (Style::Bad, visible(&of.text)));
    let mut text = String::new();
    for (style, line) in removed.chain(missing) {
        for line in wrap(&line, look.prose(), 2).lines() {
            writeln!(text, "{}", look.paint(style, line)).expect("a string takes any text");
        }
    }
    text
}

/// One line a name and image.
fn names(all: &[Total], look: Look) -> String {
    if all.is_empty() {
        return String::new();
    }
    let columns = [
        Column::text("NAME"),
        Column::text("IMAGE"),
        Column::number("RUNS"),
        Column::number("STARTS"),
        Column::number("RECORDED"),
        Column::number("CALLS"),
        Column::number("NOTHING NEW"),
        Column::number("LOSSES"),
    ];
    let row = |of: &Total| {
        let cells = vec![
            look.name(&of.name, WIDEST_CELL),
            or_nothing(look, of.image.as_deref(), WIDEST_IMAGE),
            of.runs.to_string(),
            (of.containers - of.already_running).to_string(),
            duration(of.recorded_ns),
            of.call_kinds.to_string(),
            match of.windows_since_new {
                None | Some(0) => NOTHING.to_owned(),
                Some(windows) => counted(windows, "window"),
            },
            losses(of.losses),
        ];
        (style(of.losses), cells)
    };
    table(look, &columns, &all.iter().map(row).collect::<Vec<_>>())
}

/// A run, and its containers.
fn block(run: &ListedRun, look: Look) -> String {
    let mut text = String::new();
    let mut line = |style: Option<Style>, line: &str| {
        for line in wrap(line, look.prose(), 2).lines() {
            let line = style.map_or_else(|| line.to_owned(), |style| look.paint(style, line));
            writeln!(text, "{line}").expect("a string takes any text");
        }
    };
    let name = |name: &str| look.name(name, WIDEST_NAME);
    line(Some(Style::Title), &format!("Run {} on {}", name(&run.run), name(&run.host)));
    let lasted = format!("{} for {}, {}", run.started, duration(run.lasted_ns), counted(run.windows, "window"));
    line(ending_style(&run.ending), &format!("{lasted}, {}", ending(&run.ending)));
    let checks = run.checks.as_deref().map_or("not counted".to_owned(), |hook| format!("by {}", name(hook)));
    let refusals = if run.exact_refusals { "; refused calls counted" } else { "" };
    line(None, &format!("Linux {}, {}; capability checks {checks}{refusals}", name(&run.kernel), name(&run.machine)));
    line(Some(Style::Dim), &format!("in {}", visible(&run.store)));
    // Said already where that it was cut off is how it ended. Where a recorder failed, it is a loss beside that.
    let is_said = |loss: &&LossReport| loss.kind == LossKind::CutOff && run.ending == Ending::CutOff;
    for of in run.losses.iter().filter(|loss| !is_said(loss)) {
        let detail = visible(&of.detail);
        let place = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
        line(Some(Style::Warning), &format!("loss of the run as a whole: {} {}{place}", word(of.kind), of.count));
    }
    if run.containers.is_empty() {
        line(None, "no container was recorded");
        return text;
    }
    let same = said_once(run);
    if !same.is_empty() {
        line(None, &same.join(", "));
    }
    text + &containers(&run.containers, look)
}

/// What is the same for all containers of a run.
fn said_once(run: &ListedRun) -> Vec<String> {
    let (all, mut same) = (&run.containers, Vec::new());
    if let Some(engine) = only(all, |of| &of.engine) {
        same.push(format!("engine {}", visible(engine)));
    }
    if all.iter().all(|of| of.already_running) {
        let who = if all.len() == 1 { "ran" } else { "all ran" };
        same.push(match &run.continues {
            None => format!("{who} before recording began"),
            Some(before) => format!("{who} before this run, which goes on from run {}", visible(before)),
        });
    }
    same
}

/// The value that all of them have.
fn only<'a>(all: &'a [ListedContainer], value: fn(&'a ListedContainer) -> &'a String) -> Option<&'a String> {
    let values: BTreeSet<&String> = all.iter().map(value).collect();
    values.first().copied().filter(|_| values.len() == 1)
}

/// One line a container. Columns that say the same of all are left out.
fn containers(all: &[ListedContainer], look: Look) -> String {
    type Cell = fn(Look, &ListedContainer) -> String;
    let mut cells: Vec<(Column, Cell)> = vec![
        (Column::text("NAME"), |look, of| look.name(&of.name, WIDEST_CELL)),
        (Column::word("ID"), |look, of| look.name(if look.cut { short_id(&of.id) } else { &of.id }, WIDEST_ID)),
        (Column::text("IMAGE"), |look, of| or_nothing(look, of.image.as_deref(), WIDEST_IMAGE)),
    ];
    if all.iter().any(|of| of.pod.is_some()) {
        cells.push((Column::text("POD"), |look, of| or_nothing(look, of.pod.as_deref(), WIDEST_CELL)));
    }
    if only(all, |of| &of.engine).is_none() {
        cells.push((Column::word("ENGINE"), |_, of| visible(&of.engine)));
    }
    let late = all.iter().filter(|of| of.already_running).count();
    if 0 < late && late < all.len() {
        cells.push((Column::word("START"), |_, of| if of.already_running { "before" } else { "seen" }.to_owned()));
    }
    cells.push((Column::number("RECORDED"), |_, of| duration(of.recorded_ns)));
    cells.push((Column::number("CALLS"), |_, of| of.call_kinds.to_string()));
    cells.push((Column::number("LOSSES"), |_, of| losses(of.losses)));
    let columns: Vec<Column> = cells.iter().map(|(column, _)| *column).collect();
    let row = |of: &ListedContainer| (style(of.losses), cells.iter().map(|(_, cell)| cell(look, of)).collect());
    table(look, &columns, &all.iter().map(row).collect::<Vec<_>>())
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Duration => "ended when its time was over".to_owned(),
        Ending::Signal => "ended by Ctrl-C or another signal".to_owned(),
        Ending::Command { code } => format!("its command ended with code {code}"),
        Ending::Failure { message } => format!("failed: {}", visible(message)),
        Ending::Continued => "continued by another run, as this one had its share of the store".to_owned(),
        Ending::CutOff => "CUT OFF: what came after its last window is lost (1 loss of the run as a whole)".to_owned(),
        Ending::StillRecording => "still recording".to_owned(),
    }
}

fn ending_style(ending: &Ending) -> Option<Style> {
    match ending {
        Ending::Duration | Ending::Signal | Ending::Command { .. } | Ending::Continued => None,
        Ending::StillRecording => Some(Style::Good),
        Ending::Failure { .. } | Ending::CutOff => Some(Style::Bad),
    }
}

fn losses(count: u64) -> String {
    if count == 0 { NOTHING.to_owned() } else { count.to_string() }
}

fn style(losses: u64) -> Option<Style> {
    (losses > 0).then_some(Style::Warning)
}

fn or_nothing(look: Look, text: Option<&str>, columns: usize) -> String {
    text.map_or_else(|| NOTHING.to_owned(), |text| look.name(text, columns))
}

/// The name of a kind of loss, as tables and JSON have it.
fn word(kind: LossKind) -> String {
    serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
