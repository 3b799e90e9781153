//! Checksums: the one in every Parquet file of a run, and those of lines of NDJSON.
//!
//! Lives here: adding a file's while it is written, and checking it before anything else looks at the bytes; a line's.
//! Does not: what the lines of a window must add up to (see `seal`).
//!
//! The Parquet library believes lengths that it finds in a file. One flipped bit can make it ask for more memory than
//! there is, and that ends the process: nothing can catch it. And a flipped bit in a count would be read as another
//! count. So no byte reaches it that was not written by a ctrec. (A forger can compute the checksum too, and gains a
//! reader that stops.) Parquet's own checksums of pages are no help: the library neither writes nor checks them.

use std::io::{self, Write};

use crate::error::TableError;

/// Name of the entry in the footer's metadata.
pub(crate) const KEY: &str = "ctrec.checksum";
/// What the entry holds while the checksum is computed.
pub(crate) const BLANK: &str = "0000000000000000";
/// Bytes between name and value: a field's type and the value's length.
const GAP: usize = 2;
/// The footer's metadata is this close to the end of a file: only who wrote it and the columns' orders come after it.
const TAIL: usize = 4096;

/// Passes a file on, and fills in the checksum at its end.
pub(crate) struct Signer<W> {
    out: W,
    sum: Fnv,
    /// The last bytes, not passed on yet: the checksum's place is among them.
    tail: Vec<u8>,
}

impl<W: Write> Signer<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, sum: Fnv::START, tail: Vec::new() }
    }

    /// Passes on the last bytes, checksum included.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let place = place(&self.tail).ok_or(io::ErrorKind::InvalidData)?;
        let sum = self.sum.with(&self.tail).text();
        self.tail[place..place + BLANK.len()].copy_from_slice(sum.as_bytes());
        self.out.write_all(&self.tail)
    }
}

impl<W: Write> Write for Signer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > 2 * TAIL {
            let passed = self.tail.len() - TAIL;
            self.out.write_all(&self.tail[..passed])?;
            self.sum = self.sum.with(&self.tail[..passed]);
            self.tail.drain(..passed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Refuses a file that is not, byte for byte, what a ctrec wrote.
pub(crate) fn check(bytes: &[u8]) -> Result<(), TableError> {
    let place = place(bytes).ok_or(TableError::Unsigned)?;
    let (before, rest) = bytes.split_at(place);
    let (sum, after) = rest.split_at(BLANK.len());
    let expected = Fnv::START.with(before).with(BLANK.as_bytes()).with(after).text();
    if sum == expected.as_bytes() { Ok(()) } else { Err(TableError::Changed) }
}

/// Where the checksum is. The last place that looks like it: names in the data may look like it too.
fn place(bytes: &[u8]) -> Option<usize> {
    let start = bytes.len().saturating_sub(TAIL);
    let key = bytes[start..].windows(KEY.len()).rposition(|window| window == KEY.as_bytes())?;
    let place = start + key + KEY.len() + GAP;
    (place + BLANK.len() <= bytes.len()).then_some(place)
}

/// Checksum of a line, with its end or without.
pub(crate) fn of_line(line: &[u8]) -> u64 {
    Fnv::START.with(line.strip_suffix(b"\n").unwrap_or(line)).0
}

/// FNV-1a of 64 bits. Any change of one byte changes it, and it is six lines.
#[derive(Clone, Copy)]
struct Fnv(u64);

impl Fnv {
    const START: Self = Self(0xcbf2_9ce4_8422_2325);

    fn with(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    fn text(self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(body: &[u8], after: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut signer = Signer::new(&mut out);
        for part in [body, KEY.as_bytes(), &[0x18, 16], BLANK.as_bytes(), after] {
            signer.write_all(part).unwrap();
        }
        signer.finish().unwrap();
        out
    }

    #[test]
    fn the_sum_is_fnv_1a() {
        assert_eq!(Fnv::START.with(b"").text(), "cbf29ce484222325");
        assert_eq!(Fnv::START.with(b"foobar").text(), "85944171f73967e8");
    }

    #[test]
    fn what_was_signed_passes_however_long_it_is() {
        for length in [0, 1, TAIL, 2 * TAIL, 2 * TAIL + 1, 10 * TAIL] {
            let bytes = signed(&vec![7; length], b"the end");
            assert_eq!(bytes.len(), length + KEY.len() + GAP + BLANK.len() + 7);
            check(&bytes).unwrap();
        }
    }

    #[test]
    fn a_name_in_the_data_is_not_taken_for_the_checksum() {
        let bytes = signed(format!("{KEY}: {BLANK}").as_bytes(), b"the end");
        check(&bytes).unwrap();
        assert!(bytes.starts_with(format!("{KEY}: {BLANK}").as_bytes()));
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let bytes = signed(b"the beginning", b"the end");
        for at in 0..bytes.len() {
            for change in 1..=u8::MAX {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                check(&changed).unwrap_err();
            }
            check(&bytes[..at]).unwrap_err();
            check(&[&bytes[..at], &bytes[at + 1..]].concat()).unwrap_err();
        }
    }

    #[test]
    fn a_file_without_a_place_for_it_is_an_error() {
        let mut out = Vec::new();
        let mut signer = Signer::new(&mut out);
        signer.write_all(b"no footer").unwrap();
        assert_eq!(signer.finish().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
