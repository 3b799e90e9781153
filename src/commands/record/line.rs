//! How far a recording has come, on one line.

use std::time::Duration;

use ctrec_analyze::text::counted;
use ctrec_record::Progress;
use ctrec_recording::Cost;

/// The live line: the widest form that fits a terminal of so many columns. What is missing is said in every form, and
/// where even that is cut, it is cut last.
pub(super) fn live(progress: &Progress, columns: usize) -> String {
    let elapsed = clock(progress.elapsed);
    let time = progress.left.map_or_else(|| elapsed.clone(), |left| format!("{elapsed}, {} left", clock(left)));
    let containers = counted(progress.containers, "container");
    let [long, plain, short] = seen(progress);
    let losses = losses(progress.losses);
    let cost = share(recorder(&progress.cost, progress.elapsed) + programs(&progress.cost).unwrap_or_default());
    let forms = [
        format!("{time}  {losses}  {containers}  {long}  cost {cost} CPU"),
        format!("{time}  {losses}  {containers}  {plain}  cost {cost}"),
        format!("{time}  {losses}  {containers}  {short}  {cost}"),
        format!("{time}  {losses}  {short}"),
        format!("{elapsed}  {losses}  {short}"),
        format!("{losses}  {elapsed}"),
        losses,
    ];
    let [.., shortest] = &forms;
    // The last column stays free: some terminals begin a row when it is written.
    forms.iter().find(|form| form.chars().count() < columns).unwrap_or(shortest).clone()
}

/// The calls so far, in three lengths. Before anything was counted it says when that will be.
fn seen(progress: &Progress) -> [String; 3] {
    if let Some(left) = progress.first_window {
        let seconds = left.as_millis().div_ceil(1000);
        let text = format!("first window in {seconds}s");
        return [text.clone(), text.clone(), text];
    }
    let (kinds, calls) = (counted(progress.calls, "call kind"), counted(progress.calls, "call"));
    let new = progress.new_calls;
    [format!("{kinds}, {new} new in 1m"), format!("{kinds}, {new} new"), format!("{calls}, {new} new")]
}

/// The same for a log.
pub(super) fn so_far(progress: &Progress) -> String {
    format!("{}, {} new in the last minute; {}", totals(progress), progress.new_calls, cost(progress))
}

/// Containers, calls and losses.
pub(super) fn totals(progress: &Progress) -> String {
    let (containers, calls) = (counted(progress.containers, "container"), counted(progress.calls, "call kind"));
    format!("{containers}, {calls}, {}", losses(progress.losses))
}

/// What it cost, in words.
pub(super) fn cost(progress: &Progress) -> String {
    let Cost { recorder_bytes, kernel_bytes, .. } = progress.cost;
    let memory = |bytes: Option<u64>| bytes.map(|bytes| format!(" and {} MiB", bytes >> 20)).unwrap_or_default();
    let own = format!("{} of a CPU{}", share(recorder(&progress.cost, progress.elapsed)), memory(recorder_bytes));
    let programs = match programs(&progress.cost) {
        Some(part) => format!("{} (sampled){}", share(part), memory(kernel_bytes)),
        None => format!("not measured here{}", memory(kernel_bytes)),
    };
    format!("own cost {own}, in the kernel {programs}")
}

/// Part of one CPU that the recorder took.
#[expect(clippy::cast_precision_loss, reason = "a percentage to one digit")]
fn recorder(cost: &Cost, elapsed: Duration) -> f64 {
    cost.recorder_ns as f64 / (elapsed.as_nanos() as f64).max(1.0)
}

/// Part of one CPU that its programs took, while that was measured.
#[expect(clippy::cast_precision_loss, reason = "a percentage to one digit")]
fn programs(cost: &Cost) -> Option<f64> {
    let programs = cost.programs.filter(|programs| programs.sampled_ns != 0)?;
    Some(programs.run_ns as f64 / programs.sampled_ns as f64)
}

fn share(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

pub(super) fn losses(losses: u64) -> String {
    match losses {
        0 => "no losses".to_owned(),
        1 => "1 LOSS".to_owned(),
        losses => format!("{losses} LOSSES"),
    }
}

/// `12:03`, `1:12:03`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use ctrec_recording::ProgramsCost;

    use super::*;

    fn progress(factor: usize) -> Progress {
        let programs = ProgramsCost { sampled_ns: 1_000_000_000, run_ns: 12_000_000, runs: 1 };
        Progress {
            elapsed: Duration::from_secs(723 * factor as u64),
            left: Some(Duration::from_secs(3600 * factor as u64)),
            containers: 5 * factor,
            calls: 412 * factor,
            new_calls: 7 * factor,
            losses: 0,
            cost: Cost { recorder_ns: 2_892_000_000 * factor as u64, programs: Some(programs), ..Cost::default() },
            ..Progress::default()
        }
    }

    #[test]
    fn the_live_line_says_all_and_fits() {
        let shown = live(&progress(1), 80);
        assert_eq!(shown, "12:03, 1:00:00 left  no losses  5 containers  412 call kinds, 7 new  cost 1.6 %");
        let shown = live(&Progress { left: None, ..progress(1) }, 80);
        assert_eq!(shown, "12:03  no losses  5 containers  412 call kinds, 7 new in 1m  cost 1.6 % CPU");
        for factor in [1, 10, 1000, 100_000] {
            for columns in [20, 30, 40, 60, 80, 200] {
                let shown = live(&Progress { losses: factor as u64, ..progress(factor) }, columns);
                assert!(shown.len() < columns && shown.contains("LOSS"), "{columns}: {shown}");
            }
        }
        assert_eq!(live(&progress(1), 40), "12:03  no losses  412 calls, 7 new");
        assert_eq!(live(&progress(1), 3), "no losses", "cut by the terminal, and by nobody else");
    }

    #[test]
    fn before_the_first_window_nothing_is_said_of_calls() {
        let progress = Progress { first_window: Some(Duration::from_millis(6_100)), calls: 0, ..progress(1) };
        let shown = live(&progress, 80);
        assert_eq!(shown, "12:03, 1:00:00 left  no losses  5 containers  first window in 7s  cost 1.6 %");
        for columns in [20, 40, 60, 80] {
            assert!(!live(&progress, columns).contains("0 call"), "{columns}");
        }
    }

    #[test]
    fn what_is_not_measured_is_not_nothing() {
        let progress = Progress { cost: Cost { programs: None, ..progress(1).cost }, ..progress(1) };
        assert_eq!(cost(&progress), "own cost 0.4 % of a CPU, in the kernel not measured here");
        let bytes = Some(31 << 20);
        let cost_of = Cost { recorder_bytes: bytes, kernel_bytes: bytes, ..self::progress(1).cost };
        let shown = cost(&Progress { cost: cost_of, ..progress });
        assert_eq!(shown, "own cost 0.4 % of a CPU and 31 MiB, in the kernel 1.2 % (sampled) and 31 MiB");
    }
}
