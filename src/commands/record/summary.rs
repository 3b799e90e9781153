//! The end of a recording: what was recorded of whom, most important first, and what to do next.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ctrec_analyze::select::pattern_for;
use ctrec_analyze::text::{duration, visible};
use ctrec_record::{Host, Outcome, Progress, RunsRemoved, Summary, live_containers};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::line;
use crate::cli::{Record, STORE};
use crate::shell;

/// What became of processes that outlived their recording, and how to have none.
const UNRECORDED: &str = "no longer recorded; run servers in the foreground";
/// Most containers that are shown.
const MOST: usize = 20;
/// Columns of a name and of how long it was recorded, together: a row has 80.
const NAME_AND_TIME: usize = 45;

/// The lines to say.
pub(super) fn of(outcome: &Outcome, options: &Record) -> Vec<String> {
    let progress = &outcome.progress;
    let place = match (outcome.runs, outcome.is_gone) {
        (1, false) => format!(" in {:?}", outcome.path),
        (1, true) => ", and nothing of it is kept".to_owned(),
        (runs, false) => format!(" in {runs} runs, the last in {:?}", outcome.path),
        (runs, true) => format!(" in {runs} runs, and nothing of the last is kept"),
    };
    let recorded = format!("recorded {}{place}{}", line::totals(progress), refused(progress));
    let mut lines = vec![recorded];
    lines.extend(removed(outcome.removed));
    lines.push(line::cost(progress));
    lines.extend(clock_moved(outcome.clock_moved_ns));
    let Some(busiest) = outcome.containers.iter().max_by_key(|container| container.calls) else {
        lines.extend(advice(&options.container));
        return lines;
    };
    if outcome.is_gone {
        return lines; /* there is no store, or not all that is in the numbers is in it */
    }
    lines.extend(table(&outcome.containers, progress.containers));
    lines.push(format!("next: {}", next(&busiest.name, &busiest.id, &options.output)));
    lines
}

/// A warning where processes of the command outlived it.
pub(super) fn left_running(processes: usize) -> Option<String> {
    match processes {
        0 => None,
        1 => Some(format!("warning: 1 process of the command still runs, {UNRECORDED}")),
        left => Some(format!("warning: {left} processes of the command still run, {UNRECORDED}")),
    }
}

/// A warning where something was missed, for whoever wants to know nothing else.
pub(super) fn incomplete(progress: &Progress, store: &Path) -> Option<String> {
    let losses = line::losses(progress.losses);
    (progress.losses > 0).then(|| format!("warning: incomplete: {losses} in {store:?}; ctrec list shows them"))
}

/// A note where the wall clock was set meanwhile. By fractions of a second clocks are kept right.
fn clock_moved(by_ns: i64) -> Option<String> {
    let way = if by_ns < 0 { "back" } else { "ahead" };
    let seconds = (by_ns.unsigned_abs() + 500_000_000) / 1_000_000_000;
    let by = duration(seconds * 1_000_000_000);
    (seconds > 0)
        .then(|| format!("the clock went {way} by {by} meanwhile; the store's times are by the clock as it was before"))
}

/// What the store lacks of these numbers, and of others.
fn removed(RunsRemoved { all, own }: RunsRemoved) -> Option<String> {
    let runs = match all {
        0 => return None,
        1 => "1 run was removed".to_owned(),
        all => format!("{all} runs were removed"),
    };
    let own = if own == 0 { String::new() } else { format!(", {own} of this recording") };
    Some(format!("{runs} to keep the store within its size{own}: what only they saw is not in it any more"))
}

/// A line a container, in the words and numbers of `ctrec list`: those with losses first, then those whose start was not seen, then by how much they did.
fn table(containers: &[Summary], all: usize) -> Vec<String> {
    let mut sorted: Vec<&Summary> = containers.iter().collect();
    sorted.sort_by(|a, b| {
        let weight = |one: &Summary| (one.losses, !one.start_seen, one.calls);
        weight(b).cmp(&weight(a)).then_with(|| a.name.cmp(&b.name))
    });
    let mut rows = vec![["NAME", "RECORDED", "CALLS", "CAPS", "LOSSES", "START"].map(str::to_owned)];
    rows.extend(sorted.iter().take(MOST).map(|one| {
        let recorded = duration(u64::try_from(one.recorded.as_nanos()).unwrap_or(u64::MAX));
        let losses = if one.losses == 0 { "-".to_owned() } else { one.losses.to_string() };
        let start = if one.start_seen { "seen" } else { "not seen" };
        let (calls, capabilities) = (one.calls.to_string(), one.capabilities.to_string());
        [visible(&one.name), recorded, calls, capabilities, losses, start.to_owned()]
    }));
    let widest = rows.iter().map(|[_, recorded, ..]| recorded.len()).max().unwrap_or_default();
    let mut lines: Vec<String> = rows.iter().map(|cells| row(cells, widest)).collect();
    if let Some(more @ 1..) = all.checked_sub(sorted.len().min(MOST)) {
        lines.push(format!("  and {more} more: ctrec list shows them all"));
    }
    lines
}

fn row([name, recorded, calls, capabilities, losses, start]: &[String; 6], widest: usize) -> String {
    let columns = NAME_AND_TIME.saturating_sub(widest);
    let name = fitting(name, columns);
    let gap = " ".repeat(columns.saturating_sub(name.width()));
    format!("  {name}{gap}  {recorded:>widest$} {calls:>6} {capabilities:>5} {losses:>7}  {start}")
}

/// The text, cut to so many columns of a terminal.
fn fitting(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    for character in text.chars() {
        if cut.width() + character.width().unwrap_or_default() >= columns {
            break;
        }
        cut.push(character);
    }
    cut + "…"
}

/// Nothing was recorded. A pattern that matched nothing may be a slip of the pen.
fn advice(patterns: &[String]) -> Vec<String> {
    let running = running();
    if patterns.is_empty() || running.is_empty() {
        let text = "no container was seen; start one while recording, or record a command: ctrec record -- COMMAND";
        return vec![text.to_owned()];
    }
    let patterns: Vec<String> = patterns.iter().map(|pattern| format!("{pattern:?}")).collect();
    let text = format!("no container matched {}; running now, to be recorded by name:", patterns.join(" or "));
    [vec![text], running].concat()
}

/// Containers that run and were not meant.
fn running() -> Vec<String> {
    live_containers(&Host::default()).iter().map(|live| format!("  {}  {}", visible(&live.name), live.engine)).collect()
}

/// The command that makes a profile of what was recorded, to be pasted.
fn next(name: &str, id: &str, store: &Path) -> String {
    let container = pattern_for(name, id);
    // A word that begins with a dash would be taken for an option.
    let container = match shell::word(OsStr::new(&container)) {
        dashed if container.starts_with('-') => format!("--container={dashed}"),
        plain => format!("--container {plain}"),
    };
    let store = match store.as_os_str() {
        usual if usual == STORE => String::new(),
        dashed if dashed.as_bytes().starts_with(b"-") => {
            format!(" {}", shell::word(Path::new(".").join(store).as_os_str()))
        }
        other => format!(" {}", shell::word(other)),
    };
    format!("ctrec recommend {container}{store} > seccomp.json")
}

/// What filters answered, where that was counted.
fn refused(progress: &Progress) -> String {
    match progress.refused {
        None => String::new(),
        Some(0) => "; no call was answered by a filter".to_owned(),
        Some(1) => "; 1 call was answered by a filter".to_owned(),
        Some(calls) => format!("; {calls} calls were answered by a filter"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;
    use ctrec_analyze::select::Pattern;

    use super::*;

    #[test]
    fn a_clock_that_was_set_is_named_with_how_far() {
        for by_ns in [-3_600_400_000_000, -3_599_600_000_000] {
            let line = clock_moved(by_ns).unwrap();
            assert!(line.starts_with("the clock went back by 1h meanwhile"), "{line}");
        }
        assert!(clock_moved(5_000_000_000).unwrap().contains("ahead by 5s"));
        assert_eq!(clock_moved(-499_999_999), None);
    }
    use crate::cli::{self, Arguments};

    #[test]
    fn what_filters_answered_is_said_where_it_was_counted() {
        let end = |refused| super::refused(&Progress { refused, ..Progress::default() });
        assert_eq!(end(None), "");
        assert_eq!(end(Some(0)), "; no call was answered by a filter");
        assert_eq!(end(Some(1)), "; 1 call was answered by a filter");
        assert_eq!(end(Some(2000)), "; 2000 calls were answered by a filter");
    }

    #[test]
    fn what_was_missed_is_worth_a_warning() {
        let end = |losses| incomplete(&Progress { losses, ..Progress::default() }, Path::new("s"));
        assert_eq!(end(0), None);
        assert_eq!(end(3).unwrap(), "warning: incomplete: 3 LOSSES in \"s\"; ctrec list shows them");
    }

    #[test]
    fn the_next_command_can_be_pasted() {
        let next = |name, store| next(name, &"8e8c".repeat(16), Path::new(store));
        assert_eq!(next("web", STORE), "ctrec recommend --container web > seccomp.json");
        assert_eq!(next("web app", "a b"), "ctrec recommend --container 'web app' 'a b' > seccomp.json");
        assert_eq!(next("$(x)", "it's"), "ctrec recommend --container '$(x)' \"it's\" > seccomp.json");
        assert_eq!(next("-x", "-y"), "ctrec recommend --container=-x ./-y > seccomp.json");
        for name in ["a\u{1b}", "[", "image=foo", "*", "it's"] {
            assert_eq!(next(name, STORE), "ctrec recommend --container 8e8c8e8c8e8c > seccomp.json");
        }
    }

    #[test]
    fn a_shell_and_ctrec_read_the_next_command_as_it_was_meant() {
        let id = "8e8c".repeat(16);
        for name in ["web", "web app", "$(x)", "-x", "`x`!", "größe", "it's", "[", "image=foo", "*", "a\u{1b}", ""] {
            let next = next(name, &id, Path::new("-y"));
            let command = next.strip_suffix(" > seccomp.json").unwrap();
            let script = format!("ctrec() {{ printf '%s\\n' ctrec \"$@\"; }}; {command}");
            let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            let words = String::from_utf8(output.stdout).unwrap();
            let parsed = Arguments::try_parse_from(words.lines()).unwrap();
            let cli::Command::Recommend(options) = parsed.command else { panic!("{words}") };
            let pattern: Pattern = options.container.unwrap().parse().unwrap();
            assert_eq!(options.stores, [Path::new("./-y")]);
            assert!([name, &id[..12]].contains(&pattern.to_string().as_str()), "{name:?}: {pattern}");
        }
    }

    fn container(name: &str, calls: usize) -> Summary {
        Summary {
            name: name.to_owned(),
            id: "8e8c".repeat(16),
            image: None,
            recorded: Duration::from_secs(133),
            calls,
            capabilities: 2,
            losses: 0,
            start_seen: true,
        }
    }

    #[test]
    fn the_table_has_the_gravest_first_and_fits() {
        let broken = Summary { losses: 3, ..container("broken", 1) };
        let late = Summary { start_seen: false, ..container("late", 2) };
        let shown = table(&[container("idle", 5), container("web", 112), late, broken], 4);
        assert_eq!(shown[0], "  NAME                                   RECORDED  CALLS  CAPS  LOSSES  START");
        assert_eq!(shown[1], "  broken                                   2m 13s      1     2       3  seen");
        let names: Vec<&str> = shown[1..].iter().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, ["broken", "late", "web", "idle"]);
        assert!(shown[2].ends_with("-  not seen"), "{shown:?}");
    }

    #[test]
    fn a_name_moves_no_column() {
        for name in ["x\n\u{1b}[2J", &"漢".repeat(300), &"a".repeat(4096), "e\u{301}"] {
            let shown = table(&[container(name, 5)], 1);
            assert!(shown.iter().all(|line| line.width() <= 80 && !line.contains(char::is_control)), "{shown:?}");
            let [header, row] = shown.as_slice() else { panic!("{shown:?}") };
            assert_eq!(header.width() - "START".len(), row.width() - "seen".len(), "{shown:?}");
        }
    }

    #[test]
    fn many_containers_are_cut_short() {
        let many: Vec<Summary> = (0..25).map(|number| container(&format!("c{number}"), number)).collect();
        let shown = table(&many, 26);
        assert_eq!(shown.len(), 1 + MOST + 1);
        assert_eq!(shown.last().map(String::as_str), Some("  and 6 more: ctrec list shows them all"));
    }

    #[test]
    fn what_was_removed_meanwhile_is_said() {
        let removed = |all, own| removed(RunsRemoved { all, own });
        assert_eq!(removed(0, 0), None);
        let shown = removed(1, 0).unwrap();
        assert!(shown.starts_with("1 run was removed to keep the store within its size: "), "{shown}");
        let shown = removed(12, 3).unwrap();
        assert!(shown.starts_with("12 runs were removed ") && shown.contains(", 3 of this recording: "), "{shown}");
    }

    #[test]
    fn a_long_time_fits() {
        let recorded = Duration::from_secs(86_400 * 27 - 1);
        let long = Summary { recorded, start_seen: false, ..container(&"a".repeat(50), 5) };
        let shown = table(&[long, container("web", 5)], 2);
        assert!(shown.iter().all(|line| line.width() <= 80), "{shown:#?}");
        assert!(shown[1].contains("…  26days 23h 59m 59s") && shown[1].ends_with("not seen"), "{shown:#?}");
        assert_eq!(shown[1].width() - "not seen".len(), shown[2].width() - "seen".len(), "{shown:#?}");
    }
}
