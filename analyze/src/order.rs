//! The order in which people read names: `9` before `10`, though as text it comes after.
//!
//! Lives here: comparing. Does not: what is sorted so.

use std::cmp::Ordering;

/// Compares texts as people do: where both have a number, by what it is worth.
pub fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    while let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) {
        let order = if a.is_ascii_digit() && b.is_ascii_digit() {
            let (mine, theirs) = (number(&mut left), number(&mut right));
            (mine.len(), mine).cmp(&(theirs.len(), theirs))
        } else {
            (left, right) = (&left[a.len_utf8()..], &right[b.len_utf8()..]);
            a.cmp(&b)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    // One begins as the other does, or they differ in leading zeros alone.
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

/// Lines in that order.
pub(crate) fn sorted(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.into_iter().collect();
    lines.sort_by(|one, other| natural(one, other));
    lines
}

/// Takes the digits off the front of a text, less leading zeros: of two such numbers the longer one is greater.
fn number<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_in_names_are_compared_as_numbers() {
        let ordered = [
            "",
            "/bin/p",
            "/bin/p-10",
            "/bin/p9",
            "/bin/p09",
            "/bin/p10",
            "/bin/p10/a",
            "/bin/p99999999999999999999999",
            "/bin/p100000000000000000000000",
            "/bin/python3.9",
            "/bin/python3.10",
            "größe 2",
            "größe 10",
        ];
        for (at, one) in ordered.iter().enumerate() {
            for (there, other) in ordered.iter().enumerate() {
                let same_worth = ["/bin/p9", "/bin/p09"];
                if !(same_worth.contains(one) && same_worth.contains(other)) {
                    assert_eq!(natural(one, other), at.cmp(&there), "{one} {other}");
                }
            }
        }
        assert_ne!(natural("/bin/p9", "/bin/p09"), Ordering::Equal, "two names are never one");
    }

    proptest! {
        #[test]
        fn it_is_an_order(mut names in prop::collection::vec("[a0-9.é]{0,6}", 0..8)) {
            for (one, other) in names.iter().zip(names.iter().skip(1)) {
                prop_assert_eq!(natural(one, other), natural(other, one).reverse());
                prop_assert_eq!(natural(one, other) == Ordering::Equal, one == other);
            }
            names.sort_by(|one, other| natural(one, other));
            prop_assert!(names.iter().enumerate().all(|(at, one)| names[at..].iter().all(|other| natural(one, other).is_le())));
        }
    }
}
