//! The tables: which columns each has, in what order its rows come, and in which folder its files are.
//!
//! Lives here: the one description of every table, from which both formats, the writer and the reader are made.
//! Does not: bytes (see `parquet` and `ndjson`), files (see `files`).

use std::cmp::Ordering;

use polars::prelude::{Column, DataFrame};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::checks::{Asker, Check, Identity};
use crate::column::Field;
use crate::error::TableError;
use crate::rows::{Argument, Call, Container, Errno, Loss, Program, Start};
use crate::seal::Seal;
use crate::values::Values;

/// One table: a struct a row, a field a column.
pub(crate) trait Table: Sized + Serialize + DeserializeOwned {
    /// Name of the table: of its folder, or of its file.
    const NAME: &'static str;
    /// Names of the columns, in order.
    const COLUMNS: &'static [&'static str];
    /// Those that came with a later minor version: an older file lacks them.
    const LATER: &'static [&'static str];

    /// The rows as columns.
    fn columns(rows: &[Self]) -> Vec<Column>;

    /// The rows of a frame, whose columns may be missing or of any type.
    fn rows(frame: &DataFrame) -> Result<Vec<Self>, TableError>;

    /// The order in which a reader gives the rows.
    fn order(&self, other: &Self) -> Ordering;

    /// Names of the columns that every file must have.
    fn required() -> impl Iterator<Item = &'static str> {
        Self::COLUMNS.iter().copied().filter(|column| !Self::LATER.contains(column))
    }
}

/// Rows as they were read.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    pub(crate) rows: Vec<T>,
    /// Checksum of the line of each; none in Parquet.
    pub(crate) lines: Vec<u64>,
}

/// A table with one file a window.
pub(crate) trait Windowed: Table {
    /// Window that the row is of.
    fn window(&self) -> u32;
}

macro_rules! tables {
    ($($row:ident, $name:literal, by($($key:ident),+), later($($later:ident),*): $($column:ident),+;)+) => {$(
        impl Table for $row {
            const NAME: &'static str = $name;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];
            const LATER: &'static [&'static str] = &[$(stringify!($later)),*];

            fn columns(rows: &[Self]) -> Vec<Column> {
                vec![$(Field::write(stringify!($column), rows.iter().map(|row| &row.$column))),+]
            }

            fn rows(frame: &DataFrame) -> Result<Vec<Self>, TableError> {
                $(let mut $column = read(frame, stringify!($column))?.into_iter();)+
                // Naming every field is what makes a forgotten column a compile error.
                let mut row = || Some(Self { $($column: $column.next()?),+ });
                (0..frame.height()).map(|_| row().ok_or(TableError::Uneven)).collect()
            }

            fn order(&self, other: &Self) -> Ordering {
                ($(&self.$key,)+).cmp(&($(&other.$key,)+))
            }
        }
    )+};
}

macro_rules! windowed {
    ($($row:ident),+) => {$(
        impl Windowed for $row {
            fn window(&self) -> u32 {
                self.window
            }
        }
    )+};
}

tables! {
    Seal, "windows", by(window, start_ns, end_ns), later(previous, tables_json):
        window, start_ns, end_ns, previous, tables_json;
    Container, "containers", by(container, id), later(network_json):
        container, id, name, image, engine, runtime, pod, labels_json, entrypoint_json, no_new_privs, capabilities_json,
        seccomp_json, sysctls_json, limits_json, network_json, cgroup_path, started_ns, ended_ns, already_running, resolved;
    Program, "programs", by(container, program, path), later(file_capabilities_json):
        container, program, path, path_truncated, device, inode, file_capabilities_json;
    Call, "calls", by(window, container, program, origin, phase, abi, number, first_ns, last_ns), later(refused):
        window, container, program, origin, phase, abi, number, succeeded, failed, interrupted, unfinished, refused,
        first_ns, last_ns;
    Errno, "errnos", by(window, container, program, origin, phase, abi, number, errno, count), later():
        window, container, program, origin, phase, abi, number, errno, count;
    Argument, "arguments", by(window, container, program, origin, phase, abi, number, index, value, count), later():
        window, container, program, origin, phase, abi, number, index, value, count;
    Values, "values",
        by(window, container, program, origin, phase, abi, number, many, argument_0, argument_1, argument_2, succeeded),
        later():
        window, container, program, origin, phase, abi, number, many, succeeded, argument_0, argument_1, argument_2;
    Start, "starts", by(window, container, parent, program, origin, phase, count), later():
        window, container, parent, program, origin, phase, count;
    Check, "checks", by(window, container, check, ended, errno, count), later():
        window, container, program, origin, phase, abi, number, check, capability, granted, audit, credentials, target,
        holder, bounded, root, needless, ended, errno, count, first_ns, last_ns;
    Asker, "askers", by(window, container, check, function, stack_json, samples), later():
        window, container, check, function, stack_json, samples;
    Identity, "identities", by(window, container, program, origin, phase, cause, user, permitted, ambient, count),
        later():
        window, container, program, origin, phase, cause, holder, user, root, set_user_id, before, permitted, ambient,
        bounding, count;
    Loss, "losses", by(window, container, kind, detail, count), later(): window, container, kind, count, detail;
}

windowed!(Seal, Call, Errno, Argument, Values, Start, Check, Asker, Identity, Loss);

/// Folders of a run, `windows` last: the order in which a window's files become visible.
pub(crate) const FOLDERS: [&str; 10] = [
    Call::NAME,
    Errno::NAME,
    Argument::NAME,
    Values::NAME,
    Start::NAME,
    Check::NAME,
    Asker::NAME,
    Identity::NAME,
    Loss::NAME,
    Seal::NAME,
];
/// Folders that came with format 1.2, and `values` with 1.4: an older run has none.
pub(crate) const LATER_FOLDERS: [&str; 4] = [Check::NAME, Asker::NAME, Identity::NAME, Values::NAME];

fn read<F: Field>(frame: &DataFrame, name: &str) -> Result<Vec<F>, TableError> {
    let fields = match frame.column(name) {
        Ok(column) => F::read(column)?,
        Err(_) => F::absent(frame.height()).ok_or_else(|| TableError::MissingColumn { column: name.to_owned() })?,
    };
    if fields.len() == frame.height() { Ok(fields) } else { Err(TableError::Uneven) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of the README's list of tables, made from the table itself.
    fn line<T: Table>(optional: &[&str]) -> String {
        let columns = T::columns(&[]).into_iter().map(|column| {
            let kind = column.dtype().to_string().replace("str", "string");
            let mark = if optional.contains(&column.name().as_str()) { "?" } else { "" };
            format!("`{}` {kind}{mark}", column.name())
        });
        format!("| `{}` | {} |", T::NAME, columns.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn the_readme_lists_every_column_and_no_other() {
        let readme = include_str!("../README.md");
        let of_containers = [
            "image",
            "runtime",
            "pod",
            "entrypoint_json",
            "no_new_privs",
            "capabilities_json",
            "seccomp_json",
            "network_json",
            "ended_ns",
        ];
        let expected = [
            line::<Seal>(&["previous", "tables_json"]),
            line::<Container>(&of_containers),
            line::<Program>(&["file_capabilities_json"]),
            line::<Call>(&["refused"]),
            line::<Errno>(&[]),
            line::<Argument>(&[]),
            line::<Values>(&["argument_0", "argument_1", "argument_2"]),
            line::<Start>(&[]),
            line::<Check>(&[]),
            line::<Asker>(&[]),
            line::<Identity>(&[]),
            line::<Loss>(&["container"]),
        ];
        assert_eq!(readme.lines().filter(|line| line.starts_with("| `")).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn columns_are_named_in_the_order_of_the_fields() {
        let loss =
            Loss { window: 1, container: None, kind: crate::LossKind::MapFull, count: 2, detail: "x".to_owned() };
        let line = serde_json::to_string(&loss).unwrap();
        let places = Loss::COLUMNS.iter().map(|column| line.find(&format!("\"{column}\":"))).collect::<Vec<_>>();
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{line}");
        assert_eq!(Loss::columns(&[loss]).len(), Loss::COLUMNS.len());
    }
}
