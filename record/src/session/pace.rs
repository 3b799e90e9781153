//! When there is something to do although nothing happens.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Options;

/// What counts as new is not older than this.
const RECENT: Duration = Duration::from_secs(60);

/// The moments that a session waits for.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) started: Instant,
    pub(super) deadline: Option<Instant>,
    window: Duration,
    tick: Option<Duration>,
    pub(super) next_window: Instant,
    pub(super) next_tick: Option<Instant>,
}

impl Pace {
    pub(super) fn start(options: &Options) -> Self {
        let started = Instant::now();
        Self {
            started,
            deadline: options.duration.map(|duration| started + duration),
            window: options.window,
            tick: options.tick,
            next_window: started + options.window,
            next_tick: options.tick.map(|tick| started + tick),
        }
    }

    /// Whether a window is over. If so, the next one begins when it is sealed: see [`Pace::begin_window`].
    pub(super) fn is_window_over(&self) -> bool {
        Instant::now() >= self.next_window
    }

    pub(super) fn begin_window(&mut self) {
        self.next_window = Instant::now() + self.window;
    }

    /// Whether a watcher wants to hear again; if so, the next time is set.
    pub(super) fn take_tick(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.next_tick.is_some_and(|tick| now >= tick);
        if is_due {
            self.next_tick = self.tick.map(|tick| now + tick);
        }
        is_due
    }

    /// Whether the duration is over.
    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// How long the window goes on.
    pub(super) fn window_left(&self) -> Duration {
        self.next_window.saturating_duration_since(Instant::now())
    }

    /// How long it will go on; `None`: until something ends it.
    pub(super) fn left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

/// How many calls were known when, over the last minute.
#[derive(Debug, Default)]
pub(super) struct Novelty {
    known: VecDeque<(Instant, usize)>,
}

impl Novelty {
    /// So many are known at this moment.
    pub(super) fn note(&mut self, now: Instant, calls: usize) {
        self.known.push_back((now, calls));
    }

    /// How many of those known now were not known a minute before.
    pub(super) fn recent(&mut self, now: Instant) -> usize {
        // The last one that is old enough stays: it says what was known then.
        let is_old =
            |known: Option<&(Instant, usize)>| known.is_some_and(|(when, _)| now.duration_since(*when) >= RECENT);
        while is_old(self.known.get(1)) {
            self.known.pop_front();
        }
        let then = self.known.front().filter(|known| is_old(Some(known))).map_or(0, |(_, calls)| *calls);
        self.known.back().map_or(0, |(_, calls)| calls.saturating_sub(then))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_known_a_minute_ago_is_not_new() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut novelty = Novelty::default();
        assert_eq!(novelty.recent(at(0)), 0);
        novelty.note(at(10), 40);
        assert_eq!(novelty.recent(at(11)), 40);
        novelty.note(at(20), 50);
        assert_eq!(novelty.recent(at(69)), 50);
        assert_eq!(novelty.recent(at(71)), 10);
        assert_eq!(novelty.recent(at(200)), 0);
        novelty.note(at(210), 51);
        assert_eq!(novelty.recent(at(211)), 1);
        assert_eq!(novelty.known.len(), 2);
    }
}
