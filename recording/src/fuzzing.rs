//! Any bytes as the files of a run, and what must be true of them. For `fuzz/`.

use std::fmt::Debug;

use crate::checksum::{self, Signer};
use crate::error::TableError;
use crate::parquet::Encoder;
use crate::seal::Seal;
use crate::table::Table;
use crate::{Argument, Asker, Call, Check, Container, Errno, Identity, Loss, Program, Start, Values, ndjson, parquet};

/// Reads bytes as the rows of a table, by the first of them which, or as a Parquet file.
pub fn rows(data: &[u8]) {
    let Some((table, data)) = data.split_first() else { return };
    match table % 13 {
        0 => rows_of::<Seal>(data),
        1 => rows_of::<Container>(data),
        2 => rows_of::<Program>(data),
        3 => rows_of::<Call>(data),
        4 => rows_of::<Errno>(data),
        5 => rows_of::<Argument>(data),
        6 => rows_of::<Start>(data),
        7 => rows_of::<Check>(data),
        8 => rows_of::<Asker>(data),
        9 => rows_of::<Identity>(data),
        10 => rows_of::<Loss>(data),
        11 => file(data),
        _ => rows_of::<Values>(data),
    }
}

/// What NDJSON says comes back the same from both formats.
fn rows_of<T: Table + PartialEq + Debug>(data: &[u8]) {
    let read = match ndjson::decode::<T>(data) {
        Ok(read) => read,
        Err(error) => return assert_harmless(&error),
    };
    assert_eq!(read.rows.len(), read.lines.len(), "each row has its line");
    let mut text = Vec::new();
    ndjson::encode(&read.rows, &mut text).expect("memory takes it");
    assert_eq!(ndjson::decode::<T>(&text).expect("it was written here").rows, read.rows);
    let mut file = Vec::new();
    let mut signer = Signer::new(&mut file);
    let mut encoder = Encoder::start::<T>(&mut signer).expect("memory takes it");
    encoder.append(&read.rows).expect("rows make columns");
    encoder.finish().expect("memory takes it");
    signer.finish().expect("the footer has a place for it");
    assert_eq!(parquet::decode::<T>(&file).expect("it was written here").rows, read.rows);
}

/// Nothing but what a ctrec wrote passes.
fn file(data: &[u8]) {
    match parquet::decode::<Call>(data) {
        Err(error) => assert_harmless(&error),
        Ok(_) => assert!(checksum::check(data).is_ok(), "unsigned bytes were read"),
    }
}

fn assert_harmless(error: &TableError) {
    let text = error.to_string();
    assert!(!text.contains(char::is_control) && text.len() < 2000, "{text:?}");
}
