//! Text forms of a profile.
//!
//! Lives here: rendering a [`Profile`](crate::profile::Profile) for an engine or a runtime ([`docker`], [`oci`]), and
//! reading any of these forms back ([`parse`]). Does not: what belongs in a profile, evidence (JSON has no place for
//! it; reports carry it), or kernel filters.
//!
//! Rendering is deterministic: the same profile gives the same bytes, names sorted, rules grouped by what they do.

pub mod docker;
pub mod oci;

mod check;
mod error;
mod fields;
mod parse;
#[cfg(test)]
mod tests;
mod unique;
mod words;

pub use error::DialectError;
pub use parse::{ParseContext, Parsed, parse};
