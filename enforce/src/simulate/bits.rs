//! A 32-bit word of which some bits are known.
//!
//! Lives here: the words that a simulated filter calculates with. Every result holds for every value that the unknown
//! bits may have; what cannot be said is unknown. Does not: anything of seccomp.

/// A word, bit by bit known or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bits {
    known: u32,
    /// The known bits; zero where unknown.
    value: u32,
}

impl Bits {
    pub(super) const UNKNOWN: Self = Self { known: 0, value: 0 };

    pub(super) const fn exact(value: u32) -> Self {
        Self { known: u32::MAX, value }
    }

    pub(super) const fn new(value: u32, known: u32) -> Self {
        Self { known, value: value & known }
    }

    pub(super) fn as_exact(self) -> Option<u32> {
        (self.known == u32::MAX).then_some(self.value)
    }

    /// What both words agree on.
    pub(super) fn join(self, other: Self) -> Self {
        Self::new(self.value, self.known & other.known & !(self.value ^ other.value))
    }

    pub(super) fn and(self, other: Self) -> Self {
        let zeros = (self.known & !self.value) | (other.known & !other.value);
        Self::new(self.value & other.value, (self.known & other.known) | zeros)
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self::new(self.value | other.value, (self.known & other.known) | self.value | other.value)
    }

    pub(super) fn xor(self, other: Self) -> Self {
        Self::new(self.value ^ other.value, self.known & other.known)
    }

    /// Shifts as the kernel does: only the lowest five bits of the distance count.
    pub(super) fn shift_left(self, distance: Self) -> Self {
        match distance.and(Self::exact(31)).as_exact() {
            Some(distance) => Self::new(self.value << distance, !(!self.known << distance)),
            None => Self::UNKNOWN,
        }
    }

    /// Shifts as the kernel does: only the lowest five bits of the distance count.
    pub(super) fn shift_right(self, distance: Self) -> Self {
        match distance.and(Self::exact(31)).as_exact() {
            Some(distance) => Self::new(self.value >> distance, !(!self.known >> distance)),
            None => Self::UNKNOWN,
        }
    }

    /// Any other calculation: known where both words are.
    pub(super) fn calculate(self, other: Self, calculation: impl FnOnce(u32, u32) -> u32) -> Self {
        match (self.as_exact(), other.as_exact()) {
            (Some(left), Some(right)) => Self::exact(calculation(left, right)),
            _ => Self::UNKNOWN,
        }
    }

    pub(super) fn equals(self, other: Self) -> Option<bool> {
        let differ = (self.value ^ other.value) & self.known & other.known != 0;
        if differ { Some(false) } else { Some(self.as_exact()? == other.as_exact()?) }
    }

    pub(super) fn exceeds(self, other: Self) -> Option<bool> {
        if self.least() > other.most() {
            Some(true)
        } else if self.most() <= other.least() {
            Some(false)
        } else {
            None
        }
    }

    pub(super) fn shares_a_bit_with(self, other: Self) -> Option<bool> {
        let shared = self.and(other);
        if shared.least() != 0 {
            Some(true)
        } else if shared.most() == 0 {
            Some(false)
        } else {
            None
        }
    }

    fn least(self) -> u32 {
        self.value
    }

    fn most(self) -> u32 {
        self.value | !self.known
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A word, and one value that it may have.
    fn word() -> impl Strategy<Value = (Bits, u32)> {
        (any::<u32>(), any::<u32>(), any::<bool>())
            .prop_map(|(value, known, exact)| (Bits::new(value, if exact { u32::MAX } else { known }), value))
    }

    fn may_be(word: Bits, value: u32) -> bool {
        value & word.known == word.value
    }

    proptest! {
        #[test]
        fn what_is_known_of_a_result_holds_for_the_values((a, x) in word(), (b, y) in word()) {
            prop_assert!(may_be(a.and(b), x & y));
            prop_assert!(may_be(a.or(b), x | y));
            prop_assert!(may_be(a.xor(b), x ^ y));
            prop_assert!(may_be(a.shift_left(b), x << (y & 31)));
            prop_assert!(may_be(a.shift_right(b), x >> (y & 31)));
            prop_assert!(may_be(a.calculate(b, u32::wrapping_add), x.wrapping_add(y)));
            prop_assert!(may_be(a.join(b), x));
            prop_assert!(may_be(a.join(b), y));
        }

        #[test]
        fn what_is_known_of_a_test_holds_for_the_values((a, x) in word(), (b, y) in word()) {
            prop_assert!(a.equals(b).is_none_or(|held| held == (x == y)));
            prop_assert!(a.exceeds(b).is_none_or(|held| held == (x > y)));
            prop_assert!(a.shares_a_bit_with(b).is_none_or(|held| held == (x & y != 0)));
        }

        #[test]
        fn words_that_are_known_have_known_results(x in any::<u32>(), y in any::<u32>()) {
            let (a, b) = (Bits::exact(x), Bits::exact(y));
            prop_assert_eq!(a.and(b).as_exact(), Some(x & y));
            prop_assert_eq!(a.shift_left(b).as_exact(), Some(x << (y & 31)));
            prop_assert_eq!(a.equals(b), Some(x == y));
            prop_assert_eq!(a.exceeds(b), Some(x > y));
            prop_assert_eq!(a.shares_a_bit_with(b), Some(x & y != 0));
        }
    }
}
