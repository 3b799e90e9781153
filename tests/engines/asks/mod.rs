//! What the kernel asks for, a row a program: where each is run, how it ends, and what it is to be taken for.
//!
//! Lives here: the tables (one module a topic), as data, and how a row is written down. Does not: running them (see
//! `places`), or comparing (see `judged`). The programs are in `tests/programs/asks`.

mod access;
mod identities;
pub(crate) mod judged;
mod networks;
mod pairs;
pub(crate) mod places;
mod probes;
mod systems;
mod tolerated;

use std::collections::BTreeSet;
use std::fs;

use places::Place;

/// Programs that no row stands for, but that rows need.
const HELPERS: [&str; 3] = ["prepare", "other", "give_file_cap"];

/// One program in one place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Name of the program in `/rows`.
    pub(crate) name: &'static str,
    /// The container that it runs in.
    pub(crate) place: Place,
    /// The errno of its call, 0 for none. `None`: it is executed by another row.
    pub(crate) ends: Option<i32>,
    /// Everything that it asks for, save what every program does.
    pub(crate) asked: &'static [Asked],
    /// Capabilities that the program is said to have wanted and been refused.
    pub(crate) wanted: &'static [&'static str],
    /// What the machine must be like for the kernel to ask.
    pub(crate) condition: Option<Condition>,
}

/// One capability that a row's program asks for, and what that is to be taken for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// `CAP_*`: as asked for, or of a need, as recommended.
    pub(crate) capability: &'static str,
    /// The class, or the kind of a need: `check`, `file_capabilities`, `capset`, `ambient`.
    pub(crate) taken_for: &'static str,
    /// The call; empty for what leaves no check.
    pub(crate) call: &'static str,
    /// Kernel functions of which one must be among those that asked; none for what leaves no check.
    pub(crate) functions: &'static [&'static str],
    /// What must be said of it.
    pub(crate) why: &'static [&'static str],
    /// Whether not every kernel asks.
    pub(crate) may_be_missing: bool,
}

/// A setting of the machine that decides whether the kernel asks at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Condition {
    /// A file.
    pub(crate) file: &'static str,
    /// What it is to hold.
    pub(crate) holds: fn(&str) -> bool,
    /// The same in words.
    pub(crate) words: &'static str,
}

impl Condition {
    /// Whether this machine is like that.
    pub(crate) fn is_met(self) -> bool {
        fs::read_to_string(self.file).is_ok_and(|text| (self.holds)(text.trim()))
    }
}

impl Row {
    /// A row whose program ends with an errno.
    const fn new(name: &'static str, place: Place, errno: i32, asked: &'static [Asked]) -> Self {
        Self { name, place, ends: Some(errno), asked, wanted: &[], condition: None }
    }

    /// A row whose program another one executes.
    const fn executed(name: &'static str, place: Place, asked: &'static [Asked]) -> Self {
        Self { name, place, ends: None, asked, wanted: &[], condition: None }
    }

    /// The same, which is said to have wanted and been refused these.
    const fn wants(self, wanted: &'static [&'static str]) -> Self {
        Self { wanted, ..self }
    }

    /// The same, on machines that are so.
    const fn on(self, condition: Condition) -> Self {
        Self { condition: Some(condition), ..self }
    }

    /// Its path in the container.
    pub(crate) fn path(&self) -> String {
        format!("/rows/{}", self.name)
    }

    /// Capabilities that are needed on its account.
    pub(crate) fn needs(&self) -> BTreeSet<&'static str> {
        self.asked.iter().filter(|asked| asked.is_need()).map(|asked| asked.capability).collect()
    }
}

impl Asked {
    /// A need that a check shows.
    const fn need(
        capability: &'static str,
        call: &'static str,
        functions: &'static [&'static str],
        why: &'static [&'static str],
    ) -> Self {
        Self { capability, taken_for: "check", call, functions, why, may_be_missing: false }
    }

    /// A need that leaves no check.
    const fn silent(capability: &'static str, kind: &'static str, why: &'static [&'static str]) -> Self {
        Self { capability, taken_for: kind, call: "", functions: &[], why, may_be_missing: false }
    }

    /// What makes no need.
    const fn apart(
        class: &'static str,
        capability: &'static str,
        call: &'static str,
        functions: &'static [&'static str],
    ) -> Self {
        Self { capability, taken_for: class, call, functions, why: &[], may_be_missing: false }
    }

    /// The same, with words.
    const fn why(self, why: &'static [&'static str]) -> Self {
        Self { why, ..self }
    }

    /// The same, which not every kernel asks.
    const fn maybe(self) -> Self {
        Self { may_be_missing: true, ..self }
    }

    /// Whether it is a need.
    pub(crate) fn is_need(&self) -> bool {
        ["check", "file_capabilities", "capset", "ambient"].contains(&self.taken_for)
    }
}

/// Every row.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    [probes::ROWS, pairs::ROWS, tolerated::ROWS, access::ROWS, identities::ROWS, networks::ROWS, systems::ROWS]
        .into_iter()
        .flatten()
}

/// Names of all programs of the image.
pub(crate) fn programs() -> Vec<&'static str> {
    let names: BTreeSet<&str> = rows().map(|row| row.name).chain(HELPERS).collect();
    names.into_iter().collect()
}
