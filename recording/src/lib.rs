//! The contract between the recorder and everything that reads a recording.
//!
//! # Terminology
//!
//! - **store**: the folder that `ctrec record` writes. Holds runs.
//! - **run**: one execution of `record`: `STORE/run=<id>/`, a [`Header`] and tables.
//! - **window**: a slice of a run. One [`Segment`] a window; windows are numbered from 1.
//! - **sealed**: a window whose `windows` row is on disk. Rows of a window that is not sealed are not read.
//! - **loss**: something the recorder knows that it missed.
//!
//! Lives here: row types, schema version, Parquet and NDJSON, reading and writing a store.
//! Does not: libbpf, any judgement of what was recorded, any clock.
//!
//! The layout of a store, for other engines too, is in this crate's README.

#![forbid(unsafe_code)]

mod budget;
pub mod checks;
mod checksum;
mod column;
mod error;
mod files;
mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod header;
mod merge;
mod nascent;
mod ndjson;
mod parquet;
mod removed;
pub mod room;
mod rows;
mod run;
mod seal;
mod store;
mod table;
pub mod values;
mod writer;

pub use budget::{Budget, Kept, RemovedRun};
pub use checks::{Asker, Audit, Cause, Check, Ended, Identity, Namespace, Whose};
pub use error::{StoreError, TableError};
pub use format::Format;
pub use header::{CgroupLayout, Cost, End, Header, Hook, ProgramsCost, SchemaVersion, Settings};
pub use removed::Removed;
pub use rows::{
    Abi, Argument, Call, Container, Errno, Loss, LossKind, Origin, Phase, Program, Recording, Segment, Start, Window,
};
pub use run::Outline;
pub use seal::{Place, SealError};
pub use store::Store;
pub use values::Values;
pub use writer::RunWriter;
