//! The two ways in which a run's tables are written.
//!
//! Lives here: the choice, and telling it from a file's name. Does not: reading or writing either (see `parquet` and
//! `ndjson`).

use std::fmt;

/// How a run's tables are written. A reader tells the format of each file by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Format {
    /// Apache Parquet, `.parquet`: small, and readable by any engine.
    #[default]
    Parquet,
    /// One JSON object a line, `.ndjson`: the same columns with the same values, for eyes and scripts.
    Json,
}

impl Format {
    /// Both formats, in the order in which a reader looks for them.
    pub const ALL: [Self; 2] = [Self::Parquet, Self::Json];

    /// Ending of the files, without the dot.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Json => "ndjson",
        }
    }

    /// The format that an ending stands for.
    pub(crate) fn of_ending(ending: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.ending() == ending)
    }
}

impl fmt::Display for Format {
    /// The word that users type.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Parquet => "parquet",
            Self::Json => "json",
        })
    }
}
