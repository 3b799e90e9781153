//! All judgement: from recordings to behaviour, profile, findings and reports.
//!
//! Pure: no root, no libbpf, no clock, no environment, no files. What is known beforehand is compiled in.
//!
//! # Terminology
//!
//! - **behaviour**: what was seen of one container identity, folded over runs and windows.
//! - **policy**: the user's choices.
//! - **profile**: the recommendation itself, free of any dialect: rules with their evidence.
//! - **check**: a question of the kernel for a capability; its **class** says whether it makes a **need**.
//! - **dialect**: a text form of a profile.
//! - **finding**: something the user must know.
//! - **instance**: one container of one run; several instances make one behaviour.
//! - **slice**: one window of one instance.
#![forbid(unsafe_code)]

pub mod abi;
pub mod absent;
pub mod behaviour;
pub mod bounds;
pub mod capabilities;
pub mod compare;
pub mod dialect;
pub mod finding;
pub mod known;
pub mod listing;
pub mod names;
pub mod order;
pub mod policy;
pub mod profile;
pub mod recommend;
pub mod report;
pub mod select;
#[cfg(test)]
mod testing;
pub mod text;

pub use ctrec_recording::Abi;
