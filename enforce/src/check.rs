//! Filters against many calls at once.
//!
//! Lives here: what would be refused of a recording, what is decided on a table of numbers. Does not: names of calls,
//! which belong to the tables of the caller.

use std::collections::BTreeMap;

use ctrec_analyze::profile::Abi;

use crate::{
    filter::Filter,
    simulate::{Decision, Query, Verdict, decide},
};

/// A call that the filters do not let through, or not always.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// Numbering of `number`.
    pub abi: Abi,
    /// Call number.
    pub number: i64,
    /// What happens to it. [`Decision::verdict`] tells a refused call from one that its arguments decide on.
    pub decision: Decision,
}

/// What is known of an argument of a call: the bits that are set in `mask` are those of `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KnownArgument {
    /// Index of the argument, 0 to 5.
    pub index: u32,
    /// Value.
    pub value: u64,
    /// Which bits of it are known.
    pub mask: u64,
}

/// Calls that the filters (the last installed first) refuse, or may refuse by arguments that are not known. In the
/// order of the calls; a call that comes twice is reported twice.
pub fn refusals(filters: &[Filter], calls: impl IntoIterator<Item = (Abi, i64)>) -> Vec<Refusal> {
    calls.into_iter().filter_map(|(abi, number)| refusal(filters, abi, number, &[])).collect()
}

/// The refusal of one call of which some argument bits are known; `None` where it is let through.
pub fn refusal(filters: &[Filter], abi: Abi, number: i64, arguments: &[KnownArgument]) -> Option<Refusal> {
    let query = arguments
        .iter()
        .fold(Query::new(abi, number), |query, known| query.with_argument(known.index, known.value, known.mask));
    let decision = decide(filters, &query);
    (decision.verdict() != Verdict::Allowed).then_some(Refusal { abi, number, decision })
}

/// What the filters (the last installed first) decide on each number. An x32 number has bit 30 set.
pub fn decisions(filters: &[Filter], abi: Abi, numbers: impl IntoIterator<Item = i64>) -> BTreeMap<i64, Decision> {
    numbers.into_iter().map(|number| (number, decide(filters, &Query::new(abi, number)))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ctrec_analyze::profile::{Action, Architecture, Condition, Operator, Profile, Rule};

    use super::*;
    use crate::{RawAction, Runtime, compile};

    const NAMESPACES: u64 = 0x7e02_0000;

    /// Allows read, and clone without new namespaces.
    fn filters() -> Vec<Filter> {
        let no_namespace = Condition { index: 0, value: NAMESPACES, value_two: 0, operator: Operator::MaskedEqual };
        let rule = |name: &str, conditions: &[Condition]| Rule {
            name: name.to_owned(),
            action: Action::Allow,
            conditions: conditions.to_vec(),
            reasons: BTreeSet::new(),
        };
        let profile = Profile {
            default_action: Action::Errno(1),
            architectures: [Architecture::X86_64].into(),
            flags: BTreeSet::new(),
            rules: vec![rule("clone", &[no_namespace]), rule("read", &[])],
        };
        vec![compile(&profile, Runtime::Crun, Architecture::X86_64).unwrap().filter]
    }

    #[test]
    fn refusals_name_what_is_refused_and_what_depends() {
        let calls = [(Abi::X86_64, 0), (Abi::X86_64, 1), (Abi::X86_64, 56), (Abi::I386, 3)];
        let refused = refusals(&filters(), calls);
        let verdicts: Vec<_> =
            refused.iter().map(|refusal| (refusal.abi, refusal.number, refusal.decision.verdict())).collect();
        assert_eq!(
            verdicts,
            [
                (Abi::X86_64, 1, Verdict::Refused),
                (Abi::X86_64, 56, Verdict::ByArguments),
                (Abi::I386, 3, Verdict::Refused),
            ]
        );
    }

    #[test]
    fn what_is_known_of_an_argument_settles_what_depends() {
        let clone =
            |value| refusal(&filters(), Abi::X86_64, 56, &[KnownArgument { index: 0, value, mask: NAMESPACES }]);
        assert_eq!(clone(0), None);
        assert_eq!(clone(0x1000_0000).unwrap().decision.verdict(), Verdict::Refused);
    }

    #[test]
    fn decisions_cover_the_numbers_asked_for() {
        let decided = decisions(&filters(), Abi::X86_64, 0..2);
        let expected =
            [(0, Decision::Always(RawAction::ALLOW)), (1, Decision::Always(RawAction::of(Action::Errno(1))))];
        assert_eq!(decided, expected.into());
    }
}
