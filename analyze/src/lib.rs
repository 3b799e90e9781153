//! All judgement: from recordings to behaviour, profile, findings and reports.
#![forbid(unsafe_code)]

pub mod profile;
