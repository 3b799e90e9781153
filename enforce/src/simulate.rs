//! What a filter decides on a call.
//!
//! Lives here: the question ([`Query`]), the answer ([`Decision`]), and several filters in force together. Does not:
//! the machine that runs the program (see `machine`), which calls one asks about (see [`crate::check`]).
//!
//! A recording knows a call's number, seldom its arguments. What is not known is followed both ways, so a
//! decision names every action that the call may meet. It may name one too many: two tests of the same unknown
//! argument are taken as independent. It never names one too few.

mod bits;
mod machine;

use std::collections::BTreeSet;

use ctrec_analyze::profile::Abi;

use self::bits::Bits;
use crate::{action::RawAction, filter::Filter};

/// `AUDIT_ARCH_*`: the architecture as a filter sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditArch(pub u32);

impl From<Abi> for AuditArch {
    /// x32 has no architecture of its own: its calls are x86-64's with bit 30 of the number set.
    fn from(abi: Abi) -> Self {
        Self(match abi {
            Abi::X86_64 | Abi::X32 => 0xc000_003e,
            Abi::I386 => 0x4000_0003,
            Abi::Aarch64 => 0xc000_00b7,
            Abi::Arm => 0x4000_0028,
        })
    }
}

/// Words of `struct seccomp_data`: number, architecture, instruction pointer, six arguments.
const WORDS: usize = 16;
const FIRST_ARGUMENT_WORD: usize = 4;

/// A call, and what is known of its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    words: [Bits; WORDS],
}

impl Query {
    /// A call of which the arguments and the instruction pointer are not known. The number of an x32 call has bit 30
    /// set. Filters see the lower 32 bits of a number.
    pub fn new(abi: Abi, number: i64) -> Self {
        let [low, _] = halves(number.cast_unsigned());
        Self::raw(abi.into(), low)
    }

    /// As [`Query::new`], in the filter's own terms.
    pub fn raw(architecture: AuditArch, number: u32) -> Self {
        let mut words = [Bits::UNKNOWN; WORDS];
        words[0] = Bits::exact(number);
        words[1] = Bits::exact(architecture.0);
        Self { words }
    }

    /// With all arguments known.
    #[must_use]
    pub fn with_arguments(mut self, arguments: [u64; 6]) -> Self {
        for (index, value) in (0..).zip(arguments) {
            self = self.with_argument(index, value, u64::MAX);
        }
        self
    }

    /// With the bits of one argument known that are set in `mask`. An index above 5 changes nothing: there is no such
    /// argument.
    #[must_use]
    pub fn with_argument(mut self, index: u32, value: u64, mask: u64) -> Self {
        if let Some(first) = usize::try_from(index).ok().filter(|index| *index < 6) {
            self.set(FIRST_ARGUMENT_WORD + 2 * first, value, mask);
        }
        self
    }

    /// With the instruction pointer known.
    #[must_use]
    pub fn with_instruction_pointer(mut self, address: u64) -> Self {
        self.set(2, address, u64::MAX);
        self
    }

    fn set(&mut self, word: usize, value: u64, mask: u64) {
        let ([low, high], [low_mask, high_mask]) = (halves(value), halves(mask));
        // All architectures that a recording knows are little-endian.
        self.words[word] = Bits::new(low, low_mask);
        self.words[word + 1] = Bits::new(high, high_mask);
    }
}

fn halves(value: u64) -> [u32; 2] {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = value.to_le_bytes();
    [u32::from_le_bytes([b0, b1, b2, b3]), u32::from_le_bytes([b4, b5, b6, b7])]
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// This, whatever the unknown arguments are.
    Always(RawAction),
    /// One of these, by the unknown arguments. Two or more; may hold one that no argument leads to.
    ByArguments(BTreeSet<RawAction>),
}

/// A decision in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The call is carried out.
    Allowed,
    /// The call is carried out or not, by its arguments.
    ByArguments,
    /// The call is not carried out.
    Refused,
}

impl Decision {
    /// The actions that the call may meet, sorted.
    pub fn actions(&self) -> BTreeSet<RawAction> {
        match self {
            Self::Always(action) => BTreeSet::from([*action]),
            Self::ByArguments(actions) => actions.clone(),
        }
    }

    /// Whether the call is carried out.
    pub fn verdict(&self) -> Verdict {
        let actions = self.actions();
        match actions.iter().filter(|action| action.permits()).count() {
            0 => Verdict::Refused,
            permitted if permitted == actions.len() => Verdict::Allowed,
            _ => Verdict::ByArguments,
        }
    }

    fn of(actions: BTreeSet<RawAction>) -> Self {
        match actions.first() {
            Some(only) if actions.len() == 1 => Self::Always(*only),
            _ => Self::ByArguments(actions),
        }
    }
}

impl Filter {
    /// What this filter alone decides.
    pub fn decide(&self, query: &Query) -> Decision {
        Decision::of(machine::outcomes(self, &query.words))
    }
}

/// What several filters in force together decide; the one that was installed last comes first. None at all: the call
/// is allowed.
pub fn decide(filters: &[Filter], query: &Query) -> Decision {
    let mut combined = BTreeSet::from([RawAction::ALLOW]);
    for filter in filters {
        let earlier = machine::outcomes(filter, &query.words);
        combined = combined.iter().flat_map(|later| earlier.iter().map(|earlier| later.combine(*earlier))).collect();
    }
    Decision::of(combined)
}

#[cfg(test)]
mod tests;
