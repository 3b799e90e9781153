//! Lists that a container alone can make as long as it likes, cut to what somebody reads: programs are files that it
//! writes, and every number is a call that it can make.
//!
//! Nothing is lost by that: judgement is made before, the store has it all, and each list says what it leaves out.
//!
//! Lives here: the bounds, and cutting. Does not: how a cut list looks (see `report`).

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::behaviour::CallId;

/// Numbers without a name that are told one by one; the others are told together.
const NUMBERS: usize = 32;
/// Pieces of evidence of a finding.
pub(crate) const EVIDENCE: usize = 256;
/// Programs in one piece of evidence.
pub(crate) const PROGRAMS: usize = 8;
/// Rows of programs, over all calls of a container: most have some ten calls for each of some ten programs.
const SOURCES: usize = 8192;
/// Values of the arguments of one call from one place: those of a few recordings.
pub(crate) const VALUES: usize = 64;
/// Errnos of one call.
pub(crate) const ERRNOS: usize = 16;
/// Containers: one that ends at once, and is started again each time, becomes many.
pub(crate) const CONTAINERS: usize = 512;
/// Who started what.
pub(crate) const STARTS: usize = 512;
/// Reasons of one capability, and checks of one class.
pub(crate) const CHECKS: usize = 256;

/// What a list leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Rows.
    pub rows: usize,
    /// How often, over all of them.
    pub count: u64,
}

/// Programs of each of so many calls.
pub fn sources(calls: usize) -> usize {
    (SOURCES / calls.max(1)).clamp(PROGRAMS, EVIDENCE)
}

/// The rows with the greatest counts, in the order in which all of them were, and what is left out.
pub fn cut<T>(rows: Vec<T>, most: usize, count: impl Fn(&T) -> u64) -> (Vec<T>, Option<LeftOut>) {
    if rows.len() <= most {
        return (rows, None);
    }
    let mut ranked: Vec<usize> = (0..rows.len()).collect();
    ranked.sort_by_key(|at| Reverse(count(&rows[*at])));
    let kept: BTreeSet<usize> = ranked.into_iter().take(most).collect();
    let mut left_out = LeftOut { rows: rows.len() - kept.len(), count: 0 };
    let mut shown = Vec::with_capacity(kept.len());
    for (at, row) in rows.into_iter().enumerate() {
        if kept.contains(&at) {
            shown.push(row);
        } else {
            left_out.count = left_out.count.saturating_add(count(&row));
        }
    }
    (shown, Some(left_out))
}

/// Of some calls, each with whether every one was answered ENOSYS, the numbers without a name that are told together.
/// What was answered otherwise is told first: it may be a call that is newer than the tables.
pub(crate) fn told_together(calls: impl Iterator<Item = (CallId, bool)>) -> BTreeSet<CallId> {
    let nameless = calls.filter(|(call, _)| call.name().is_none()).map(|(call, is_absent)| (is_absent, call));
    let nameless: BTreeSet<(bool, CallId)> = nameless.collect();
    nameless.into_iter().skip(NUMBERS).map(|(_, call)| call).collect()
}

/// Words with commas between, and how many more there are.
pub(crate) fn listed(words: &[String], most: usize) -> String {
    let shown = words[..words.len().min(most)].join(", ");
    match words.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use ctrec_recording::Abi;

    use super::*;

    fn numbers(numbers: impl Iterator<Item = i64>) -> Vec<(CallId, bool)> {
        numbers.map(|number| (CallId { abi: Abi::X86_64, number }, true)).collect()
    }

    #[test]
    fn the_greatest_counts_stay_in_their_order() {
        let rows = vec![("a", 1), ("b", 5), ("c", 2), ("d", 5), ("e", u64::MAX)];
        let (shown, left_out) = cut(rows.clone(), 3, |row| row.1);
        assert_eq!(shown, [("b", 5), ("d", 5), ("e", u64::MAX)]);
        assert_eq!(left_out, Some(LeftOut { rows: 2, count: 3 }));
        assert_eq!(cut(rows.clone(), 5, |row| row.1), (rows, None));
    }

    #[test]
    fn a_few_numbers_are_told_one_by_one() {
        assert!(told_together(numbers([-1, 9999].into_iter()).into_iter()).is_empty());
        assert!(told_together(numbers(1000..1032).into_iter()).is_empty());
        let together = told_together(numbers((0..10).chain(1000..1040)).into_iter());
        assert_eq!(together.iter().map(|call| call.number).collect::<Vec<_>>(), (1032..1040).collect::<Vec<_>>());
    }

    #[test]
    fn a_number_that_is_not_always_absent_is_told_first() {
        let mut all = numbers(1000..2000);
        all[999].1 = false;
        let together = told_together(all.into_iter());
        assert_eq!((together.len(), together.last().unwrap().number), (968, 1998));
    }

    #[test]
    fn a_list_of_words_says_how_many_it_leaves_out() {
        let words = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(
            [1, 2, 3, 4].map(|most| listed(&words, most)),
            ["a and 2 more", "a, b and 1 more", "a, b, c", "a, b, c"]
        );
    }

    #[test]
    fn many_calls_have_few_programs_each() {
        assert_eq!([0, 1, 100, 1300].map(sources), [256, 256, 81, 8]);
    }
}
