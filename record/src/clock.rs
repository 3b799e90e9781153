//! Kernel times to times since the epoch.
//!
//! The kernel stamps with its monotonic clock, with that clock's upper bits, or with jiffies, whichever is cheapest
//! where the stamp is made. All become nanoseconds since the epoch by one offset taken at the start, so a wall clock
//! that is set back does not reorder a run.

use nix::time::{ClockId, clock_gettime};

/// Lengths of a tick that kernels are built with, ns: `CONFIG_HZ` of 1000, 300, 250 and 100.
const TICKS_NS: [u64; 4] = [1_000_000, 3_333_333, 4_000_000, 10_000_000];

/// Both kernel clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Monotonic time, ns.
    pub(crate) time_ns: u64,
    /// Jiffies.
    pub(crate) jiffies: u64,
}

/// Turns kernel stamps into times since the epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    offset_ns: i64,
    tick_ns: u64,
}

impl Clock {
    /// Takes the offset now; the tick is the usual length nearest to what `sample` shows over a few ticks.
    pub(crate) fn start<E: From<nix::Error>>(mut sample: impl FnMut() -> Result<Moment, E>) -> Result<Self, E> {
        let first = next_tick(&mut sample)?;
        let mut last = first;
        for _ in 0..3 {
            last = next_tick(&mut sample)?;
        }
        let measured = (last.time_ns - first.time_ns) / (last.jiffies - first.jiffies).max(1);
        let tick_ns = TICKS_NS.into_iter().min_by_key(|tick| tick.abs_diff(measured)).expect("the list is not empty");
        Ok(Self { offset_ns: nanoseconds(ClockId::CLOCK_REALTIME)? - nanoseconds(ClockId::CLOCK_MONOTONIC)?, tick_ns })
    }

    /// Now, ns since the epoch, by the monotonic clock.
    pub(crate) fn now_ns(&self) -> nix::Result<i64> {
        Ok(nanoseconds(ClockId::CLOCK_MONOTONIC)? + self.offset_ns)
    }

    /// How much further the wall clock has gone since the start than this one, ns: it was set, or the machine slept.
    pub(crate) fn wall_moved_ns(&self) -> nix::Result<i64> {
        Ok(nanoseconds(ClockId::CLOCK_REALTIME)? - self.now_ns()?)
    }

    /// A full monotonic stamp.
    pub(crate) fn time_ns(&self, monotonic_ns: u64) -> i64 {
        i64::try_from(monotonic_ns).unwrap_or(i64::MAX).saturating_add(self.offset_ns)
    }

    /// A cell's first time: monotonic ns >> 20, plus 1, low 32 bits (they wrap after 52 days; it lies before `now`).
    #[expect(clippy::cast_possible_truncation, reason = "differences modulo 2^32")]
    pub(crate) fn first_ns(&self, stamp: u32, now: Moment) -> i64 {
        let now_units = now.time_ns >> 20;
        let age_units = (now_units as u32).wrapping_sub(stamp.wrapping_sub(1));
        // A stamp made after `now` was read looks like an age of nearly 2^32.
        let units = if age_units > u32::MAX / 2 { now_units } else { now_units - u64::from(age_units) };
        self.time_ns(units << 20)
    }

    /// A cell's last time: the low 32 bits of jiffies, at or before `now`.
    #[expect(clippy::cast_possible_truncation, reason = "differences modulo 2^32")]
    pub(crate) fn last_ns(&self, stamp: u32, now: Moment) -> i64 {
        let age = (now.jiffies as u32).wrapping_sub(stamp);
        let age = if age > u32::MAX / 2 { 0 } else { age };
        self.time_ns(now.time_ns.saturating_sub(u64::from(age) * self.tick_ns))
    }
}

/// The moment at which jiffies change next.
fn next_tick<E>(sample: &mut impl FnMut() -> Result<Moment, E>) -> Result<Moment, E> {
    let start = sample()?;
    loop {
        let moment = sample()?;
        if moment.jiffies != start.jiffies {
            return Ok(moment);
        }
    }
}

fn nanoseconds(clock: ClockId) -> nix::Result<i64> {
    let time = clock_gettime(clock)?;
    Ok(time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Clock = Clock { offset_ns: 1_000, tick_ns: 4_000_000 };

    #[test]
    fn the_tick_is_the_usual_length_nearest_to_the_measured_one() {
        let mut time = 0;
        let clock = Clock::start(|| {
            time += 100_000;
            Ok::<_, nix::Error>(Moment { time_ns: time, jiffies: time / 4_010_000 })
        });
        assert_eq!(clock.unwrap().tick_ns, 4_000_000);
    }

    #[test]
    fn a_wall_clock_that_is_set_back_moves_nothing() {
        // As if the wall clock, an hour ahead when the recording began, had been set right since.
        let offset_ns = nanoseconds(ClockId::CLOCK_REALTIME).unwrap() - nanoseconds(ClockId::CLOCK_MONOTONIC).unwrap();
        let clock = Clock { offset_ns: offset_ns + 3_600_000_000_000, tick_ns: 4_000_000 };
        let (before, stamp) = (clock.now_ns().unwrap(), nanoseconds(ClockId::CLOCK_MONOTONIC).unwrap());
        let of_stamp = clock.time_ns(stamp.unsigned_abs());
        let after = clock.now_ns().unwrap();
        assert!(before <= of_stamp && of_stamp <= after, "{before} {of_stamp} {after}");
        assert!(before > nanoseconds(ClockId::CLOCK_REALTIME).unwrap() + 3_500_000_000_000, "as the recording began");
        let moved_ns = clock.wall_moved_ns().unwrap();
        assert!((-3_601_000_000_000..=-3_600_000_000_000 + 1_000_000_000).contains(&moved_ns), "{moved_ns}");
    }

    #[test]
    fn a_last_time_counts_back_in_ticks_also_over_the_wrap() {
        let now = Moment { time_ns: 100_000_000, jiffies: (1 << 32) + 2 };
        assert_eq!(CLOCK.last_ns(u32::MAX - 1, now), 100_000_000 - 4 * 4_000_000 + 1_000);
        assert_eq!(CLOCK.last_ns(2, now), 100_001_000);
    }

    #[test]
    fn a_stamp_made_after_the_reading_is_now() {
        let now = Moment { time_ns: 5 << 20, jiffies: 7 };
        assert_eq!(CLOCK.first_ns(8, now), (5 << 20) + 1_000);
        assert_eq!(CLOCK.last_ns(9, now), (5 << 20) + 1_000);
    }

    #[test]
    fn a_first_time_before_the_wrap_is_found_after_it() {
        let now = Moment { time_ns: ((1 << 32) + 3) << 20, jiffies: 0 };
        assert_eq!(CLOCK.first_ns(u32::MAX, now), (i64::from(u32::MAX - 1) << 20) + 1_000);
    }
}
