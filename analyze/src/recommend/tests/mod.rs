//! Recordings written down by hand, or made up, and what is recommended for them.

mod fate;
mod findings;
mod judged;
mod properties;
mod rules;
mod start;
