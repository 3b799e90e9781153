//! Recordings written down by hand, or made up, and what is recommended for them.

mod counted;
mod fate;
mod findings;
mod judged;
mod learn;
mod properties;
mod rules;
mod start;
