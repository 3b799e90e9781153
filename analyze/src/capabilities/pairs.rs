//! Two capabilities of which the kernel takes either: which one to recommend.
//!
//! Lives here: pairs, and the two that open files in spite of their mode. Does not: the class of a row (see `class`).

use std::collections::BTreeSet;

use super::rows::{Row, Rows};
use crate::known::{self, Pair};

impl<'a> Rows<'a> {
    /// What to recommend for a row that makes a need: the capability itself, or the narrow one that would have done.
    pub(super) fn needed(&self, row: &Row<'a>) -> Vec<(String, Option<String>)> {
        if row.capability == known::read_search() && normalised(row) {
            let note = format!("to read or search only: {} alone would do as well", known::read_search());
            return vec![(known::dac_override().to_owned(), Some(note))];
        }
        if row.capability == known::dac_override() {
            let note = || format!("to read or search only: {} would do as well", known::read_search());
            return vec![(row.capability.clone(), self.only_reads(row).then(note))];
        }
        self.narrowed(row)
    }

    /// Why a denied row is one of two questions of which the other was granted.
    pub(super) fn fallback(&self, row: &Row<'a>) -> Option<String> {
        let of_dac = row.capability == known::read_search() && normalised(row);
        let partner = if of_dac { Some(known::dac_override()) } else { None };
        let partners = known::pairs().iter().filter(|pair| holds(pair, row)).filter_map(|pair| other(pair, row));
        let granted = |capability: &&str| !self.partners(row, capability, true).is_empty();
        let instead = partner.into_iter().chain(partners).find(granted)?;
        Some(format!("denied, and {instead} was granted in its place"))
    }

    /// What to speak of where a row was refused: the narrow one of two that were.
    pub(super) fn wanted(&self, row: &Row<'a>) -> String {
        if row.capability == known::read_search() && normalised(row) {
            return known::dac_override().to_owned();
        }
        let narrow = known::pairs().iter().find(|pair| {
            pair.broad == row.capability && holds(pair, row) && !self.partners(row, &pair.narrow, false).is_empty()
        });
        narrow.map_or_else(|| row.capability.clone(), |pair| pair.narrow.clone())
    }

    /// The narrow ones of the pairs of which this is the broad one, and itself where a function asked for it that asked
    /// for no narrow one.
    fn narrowed(&self, row: &Row<'a>) -> Vec<(String, Option<String>)> {
        let mut needed = Vec::new();
        let mut left: BTreeSet<&str> = row.asked.serious();
        for pair in known::pairs().iter().filter(|pair| pair.broad == row.capability && holds(pair, row)) {
            let denied = self.partners(row, &pair.narrow, false);
            let stands = || pair.broad_first && (left.is_empty() || left.iter().all(|name| in_pair(pair, row, name)));
            if denied.is_empty() && !stands() {
                continue;
            }
            let asked: BTreeSet<&str> = denied.iter().flat_map(|other| other.asked.serious()).collect();
            // A narrow row without samples may be of any function.
            let unsampled = denied.iter().any(|other| other.asked.serious().is_empty());
            left.retain(|name| !unsampled && !asked.contains(name) && !in_pair(pair, row, name));
            let note = format!(
                "{} was granted; by the kernel's rule {} does, though it was not seen granted: {}",
                pair.broad, pair.narrow, pair.why
            );
            needed.push((pair.narrow.clone(), Some(note)));
        }
        if needed.is_empty() {
            needed.push((row.capability.clone(), None));
        } else if !left.is_empty() {
            let functions: Vec<&str> = left.into_iter().collect();
            needed.push((row.capability.clone(), Some(format!("asked for alone by {}", functions.join(", ")))));
        }
        needed
    }

    /// Whether every check of its calls was for reading or searching: the kernel asks for `CAP_DAC_READ_SEARCH` first
    /// then, and for writing it does not.
    fn only_reads(&self, row: &Row<'a>) -> bool {
        let count = |capability: &str, denied_only: bool| {
            let rows = self.beside(row).filter(|other| other.capability == capability);
            let counted = rows.filter(|other| !(denied_only && other.kind.granted));
            counted.map(|other| other.count).fold(0, u64::saturating_add)
        };
        count(known::dac_override(), false) <= count(known::read_search(), true)
    }
}

/// Whether `CAP_DAC_READ_SEARCH` was asked for by functions that take `CAP_DAC_OVERRIDE` as well.
fn normalised(row: &Row<'_>) -> bool {
    let functions = row.asked.serious();
    if functions.is_empty() {
        return !row.kind.call.name().is_some_and(known::needs_read_search);
    }
    functions.into_iter().all(known::asks_for_both_dac)
}

/// Whether the kernel's rule about a pair holds where a row was asked.
fn holds(pair: &Pair, row: &Row<'_>) -> bool {
    let of_function = || row.asked.serious().into_iter().any(|function| pair.is_of_function(function));
    !pair.is_special() || row.kind.call.name().is_some_and(|name| pair.is_of_call(name)) || of_function()
}

/// Whether a function asks by the pair's rule: it is named there, or its call is.
fn in_pair(pair: &Pair, row: &Row<'_>, function: &str) -> bool {
    pair.is_of_function(function) || pair.broad_first && row.kind.call.name().is_some_and(|name| pair.is_of_call(name))
}

/// The other one of a pair.
fn other<'p>(pair: &'p Pair, row: &Row<'_>) -> Option<&'p str> {
    match row.capability.as_str() {
        name if name == pair.narrow => Some(&pair.broad),
        name if name == pair.broad => Some(&pair.narrow),
        _ => None,
    }
}
