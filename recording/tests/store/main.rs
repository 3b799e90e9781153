//! Tests of the store through its public face, in one binary: linking the Parquet library takes longer than they do.

mod bad_input;
mod crashes;
mod full_disk;
mod hostile_bytes;
mod identity;
mod samples;
mod side_by_side;
mod speed;
