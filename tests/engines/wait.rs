//! Waiting for a condition. Lives here: the only place of the harness that pauses, and it never pauses a fixed time.

use std::thread;
use std::time::{Duration, Instant};

/// Longest that anything short may take: long enough for a machine under load.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long to leave the machine alone between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks until there is an answer, and gives it. Fails with `what` when [`PATIENCE`] is over.
pub(crate) fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, look).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// Looks until there is an answer or `limit` is over.
pub(crate) fn wait_at_most<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = look() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(LOOK_EVERY);
    }
}
