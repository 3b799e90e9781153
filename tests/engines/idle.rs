//! What a recorder costs on a host on which nothing happens.

use std::fs;
use std::time::Duration;

use ctrec_recording::Store;

use crate::bundle::{Bundle, Runtime, Spec};
use crate::gate;
use crate::image::Image;
use crate::process::run;
use crate::recorder::{Recorder, only_run};
use crate::wait::wait_for;

/// Idle containers.
const CONTAINERS: usize = 50;
/// Windows that are measured.
const WINDOWS: u32 = 20;
/// A window costs less than asking the runtime once for the state of each container, which is what a tool would do that
/// looks at them by polling, by this much and more: about where a window of 10 seconds takes 1 % of a CPU.
const TIMES_LESS: u32 = 4;

#[test]
fn a_window_in_which_nothing_happens_costs_next_to_nothing() {
    if !gate::open("a_window_in_which_nothing_happens_costs_next_to_nothing", &["runc", "gcc"]) {
        return;
    }
    let root = Image::Tiny.unpack();
    let spec = Spec::of(root.path(), ["/programs/blocked", "pause"]);
    let mut bundles: Vec<Bundle> = (0..CONTAINERS).map(|_| Bundle::new(Runtime::Runc, &spec)).collect();
    for bundle in &mut bundles {
        bundle.start();
    }
    for bundle in &mut bundles {
        bundle.pid();
    }
    let own = format!("ctrec-test-{}-*", std::process::id());
    let recorder = Recorder::start_with(&["--window", "1s", "--container", &own]);
    // The first windows read what every later one knows.
    let (from, before) = recorder.at_window(3);
    let (to, after) = recorder.at_window(from + WINDOWS);
    let of_window = after.saturating_sub(before) / (to - from);
    let of_polling = polling(&bundles);
    let store = recorder.stop();
    let recording = only_run(store.path());
    assert!(recording.containers.len() >= CONTAINERS, "they were recorded");
    assert!(of_window * TIMES_LESS < of_polling, "a window costs {of_window:?}, polling once {of_polling:?}");
    println!("a window costs {of_window:?}, polling once {of_polling:?}");
}

/// CPU time of asking the runtime for the state of each, once.
fn polling(bundles: &[Bundle]) -> Duration {
    let ask: Vec<String> = bundles.iter().map(|bundle| format!("runc state {}", bundle.id())).collect();
    let script = format!("{{ {}; }} > /dev/null; times", ask.join("; "));
    let times = run(&["sh", "-c", &script]).success();
    // The second line has user and system time of the children: `0m0.540000s 0m0.270000s`.
    let of_children = times.lines().nth(1).unwrap().split_whitespace();
    let seconds = of_children.map(|time| {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    });
    Duration::from_secs_f64(seconds.sum())
}

impl Recorder {
    /// Waits until so many windows are sealed. Gives how many there are, and the recorder's CPU time.
    fn at_window(&self, windows: u32) -> (u32, Duration) {
        let sealed = wait_for("a window", || {
            let recording = Store::open(self.store()).and_then(|store| store.read_all()).ok()?.pop()?;
            recording.windows.last().map(|last| last.window).filter(|sealed| *sealed >= windows)
        });
        (sealed, self.cpu())
    }

    /// CPU time of all its threads.
    fn cpu(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process().id())).unwrap();
        let times = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap());
        times.map(|times| Duration::from_nanos(times.split_whitespace().next().unwrap().parse().unwrap())).sum()
    }
}
