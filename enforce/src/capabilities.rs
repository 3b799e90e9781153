//! A list of capabilities, and the options that make one.
//!
//! Lives here: names and bits, `--cap-drop` and `--cap-add`. Does not: applying a list to a process (see
//! [`crate::run`]), which capabilities a workload needs.

use std::collections::BTreeMap;

use thiserror::Error;

/// A set of capabilities. May hold ones that are newer than the names that ctrec knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CapabilityList(u64);

/// Why options do not make a list.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CapabilityError {
    /// No capability has this name.
    #[error("no capability is named {name:?}{}", suggestion(near))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Names that look like it.
        near: Vec<String>,
    },
    /// A capability that this process cannot give because it cannot have it itself.
    #[error("cannot add {}: ctrec itself runs without; run it as root, outside of a container", names.join(", "))]
    NotHeld {
        /// The capabilities.
        names: Vec<String>,
    },
}

fn suggestion(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

impl CapabilityList {
    /// From the kernel's bit mask.
    pub const fn from_mask(mask: u64) -> Self {
        Self(mask)
    }

    /// The kernel's bit mask.
    pub const fn mask(self) -> u64 {
        self.0
    }

    /// The names, `CAP_CHOWN`, in the kernel's order. One that has no name yet is `CAP_` and its number.
    pub fn names(self) -> Vec<String> {
        let known = known();
        (0..u64::BITS)
            .filter(|bit| self.0 >> bit & 1 == 1)
            .map(|bit| known.get(&bit).map_or_else(|| format!("CAP_{bit}"), ToString::to_string))
            .collect()
    }

    /// The list that options ask for, as Docker reads them: `current` less what is dropped and with what is added;
    /// only what is added where `ALL` is dropped; all but what is dropped where `ALL` is added. Names come with or
    /// without `CAP_`, in upper or lower case. `current` is what this process can have: nothing else can be added.
    pub fn from_options(drops: &[String], adds: &[String], current: Self) -> Result<Self, CapabilityError> {
        let (drop_all, dropped) = parse(drops)?;
        let (add_all, added) = parse(adds)?;
        let missing = Self(added & !current.0);
        if missing.0 != 0 {
            return Err(CapabilityError::NotHeld { names: missing.names() });
        }
        Ok(Self(match (drop_all, add_all) {
            (_, true) => current.0 & !dropped,
            (true, false) => added,
            (false, false) => current.0 & !dropped | added,
        }))
    }
}

/// Whether `ALL` is among the names, and the others' bits.
fn parse(names: &[String]) -> Result<(bool, u64), CapabilityError> {
    let mut all = false;
    let mut bits = 0;
    for name in names {
        if name.eq_ignore_ascii_case("ALL") {
            all = true;
        } else {
            bits |= 1 << bit(name)?;
        }
    }
    Ok((all, bits))
}

fn bit(name: &str) -> Result<u32, CapabilityError> {
    let canonical = caps::to_canonical(name);
    let known = known();
    match known.iter().find(|(_, known)| **known == canonical) {
        Some((bit, _)) => Ok(*bit),
        None => Err(CapabilityError::Unknown { name: name.to_owned(), near: near(&canonical, known.into_values()) }),
    }
}

/// Names by bit.
fn known() -> BTreeMap<u32, String> {
    caps::all().into_iter().map(|capability| (capability.index().into(), capability.to_string())).collect()
}

/// Names that hold the wanted one, or differ from it in at most three letters; the nearest first.
fn near(wanted: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    const FARTHEST: usize = 3;
    let bare = wanted.trim_start_matches("CAP_");
    let mut ranked: Vec<_> = names
        .map(|name| {
            let contains = !bare.is_empty() && name.contains(bare);
            (if contains { 0 } else { distance(wanted, &name) }, name)
        })
        .filter(|(distance, _)| *distance <= FARTHEST)
        .collect();
    ranked.sort();
    ranked.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Letters to insert, drop or replace to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[row.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: CapabilityList = CapabilityList::from_mask(0x1ff_ffff_ffff);

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    fn list(drops: &[&str], adds: &[&str], current: CapabilityList) -> Result<Vec<String>, CapabilityError> {
        CapabilityList::from_options(&words(drops), &words(adds), current).map(CapabilityList::names)
    }

    #[test]
    fn dropping_all_leaves_what_is_added() {
        let names = list(&["ALL"], &["net_bind_service", "CAP_CHOWN"], ALL).unwrap();
        assert_eq!(names, ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"]);
        assert!(list(&["all"], &[], ALL).unwrap().is_empty());
    }

    #[test]
    fn dropping_some_keeps_the_others() {
        let current = CapabilityList::from_mask(0b111);
        assert_eq!(list(&["cap_dac_override"], &[], current).unwrap(), ["CAP_CHOWN", "CAP_DAC_READ_SEARCH"]);
        assert_eq!(list(&[], &[], current), Ok(current.names()));
        assert_eq!(list(&["chown"], &["all"], current).unwrap(), ["CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"]);
    }

    #[test]
    fn what_is_not_held_cannot_be_added() {
        let refused = list(&["ALL"], &["SYS_ADMIN"], CapabilityList::from_mask(1));
        assert_eq!(refused, Err(CapabilityError::NotHeld { names: words(&["CAP_SYS_ADMIN"]) }));
    }

    #[test]
    fn a_misspelt_name_gets_the_near_ones() {
        let Err(CapabilityError::Unknown { name, near }) = list(&[], &["NET_BIND_SERVIC"], ALL) else {
            panic!("a misspelt name must be refused");
        };
        assert_eq!((name.as_str(), near), ("NET_BIND_SERVIC", words(&["CAP_NET_BIND_SERVICE"])));
        let Err(CapabilityError::Unknown { near, .. }) = list(&[], &["NET"], ALL) else {
            panic!("half a name must be refused");
        };
        assert_eq!(near, words(&["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST"]));
        let error = list(&[], &["\u{1b}[31m"], ALL).unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'), "control characters are escaped: {error}");
    }

    #[test]
    fn a_capability_without_a_name_is_kept() {
        assert_eq!(CapabilityList::from_mask(1 << 50).names(), ["CAP_50"]);
    }
}
