//! How one field of a row becomes a Parquet column, and comes back.
//!
//! Lives here: the types that a column may have. Does not: which columns a table has (see `table`), files.

use std::fmt;

use polars::prelude::{Column, DataType, IntoColumn, NewChunkedArray, StringChunked};
use serde::de::value::{Error as TextError, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer};
use serde::ser::Serialize;

use crate::checks::{Audit, Cause, Ended, Namespace, Whose};
use crate::error::{TableError, shown};
use crate::rows::{Abi, LossKind, Origin, Phase};

/// A value that a column can hold.
pub(crate) trait Cell: Sized {
    /// The column's type.
    const TYPE: DataType;

    /// Makes a column.
    fn write<'a>(name: &str, cells: impl Iterator<Item = Option<&'a Self>>) -> Column
    where
        Self: 'a;

    /// Reads a column whose type is [`Cell::TYPE`].
    fn read(column: &Column) -> Result<Vec<Option<Self>>, TableError>;
}

/// A field of a row: a [`Cell`] that must be there, or an `Option` of one.
pub(crate) trait Field: Sized {
    /// Makes a column of this field.
    fn write<'a>(name: &str, fields: impl Iterator<Item = &'a Self>) -> Column
    where
        Self: 'a;

    /// Reads a column, whatever its type: a wrong one is an error.
    fn read(column: &Column) -> Result<Vec<Self>, TableError>;

    /// So many fields of a column that is not there; `None`: it must be.
    fn absent(rows: usize) -> Option<Vec<Self>>;
}

impl<T: Cell> Field for T {
    fn write<'a>(name: &str, fields: impl Iterator<Item = &'a Self>) -> Column
    where
        Self: 'a,
    {
        T::write(name, fields.map(Some))
    }

    fn read(column: &Column) -> Result<Vec<Self>, TableError> {
        let missing = |row| TableError::MissingValue { column: shown(column.name()), row };
        let cells = typed::<T>(column)?;
        cells.into_iter().enumerate().map(|(row, cell)| cell.ok_or_else(|| missing(row))).collect()
    }

    fn absent(_rows: usize) -> Option<Vec<Self>> {
        None
    }
}

impl<T: Cell> Field for Option<T> {
    fn write<'a>(name: &str, fields: impl Iterator<Item = &'a Self>) -> Column
    where
        Self: 'a,
    {
        T::write(name, fields.map(Option::as_ref))
    }

    fn read(column: &Column) -> Result<Vec<Self>, TableError> {
        typed::<T>(column)
    }

    fn absent(rows: usize) -> Option<Vec<Self>> {
        Some((0..rows).map(|_| None).collect())
    }
}

fn typed<T: Cell>(column: &Column) -> Result<Vec<Option<T>>, TableError> {
    if *column.dtype() == T::TYPE {
        return T::read(column);
    }
    let found = shown(&column.dtype().to_string());
    Err(TableError::WrongType { column: shown(column.name()), found, expected: T::TYPE.to_string() })
}

macro_rules! plain_cells {
    ($($cell:ty: $variant:ident, $array:ident, $get:ident;)+) => {$(
        impl Cell for $cell {
            const TYPE: DataType = DataType::$variant;

            fn write<'a>(name: &str, cells: impl Iterator<Item = Option<&'a Self>>) -> Column {
                let cells = cells.map(Option::<&Self>::copied);
                polars::prelude::$array::from_iter_options(name.into(), cells).into_column()
            }

            fn read(column: &Column) -> Result<Vec<Option<Self>>, TableError> {
                Ok(column.$get()?.iter().collect())
            }
        }
    )+};
}

plain_cells! {
    u32: UInt32, UInt32Chunked, u32;
    u64: UInt64, UInt64Chunked, u64;
    i32: Int32, Int32Chunked, i32;
    i64: Int64, Int64Chunked, i64;
    bool: Boolean, BooleanChunked, bool;
}

impl Cell for String {
    const TYPE: DataType = DataType::String;

    fn write<'a>(name: &str, cells: impl Iterator<Item = Option<&'a Self>>) -> Column {
        StringChunked::from_iter_options(name.into(), cells).into_column()
    }

    fn read(column: &Column) -> Result<Vec<Option<Self>>, TableError> {
        Ok(column.str()?.iter().map(|cell| cell.map(str::to_owned)).collect())
    }
}

macro_rules! named_cells {
    ($($cell:ty),+) => {$(
        impl Cell for $cell {
            const TYPE: DataType = DataType::String;

            fn write<'a>(name: &str, cells: impl Iterator<Item = Option<&'a Self>>) -> Column {
                let texts = cells.map(|cell| cell.map(|cell| Name(cell).to_string()));
                StringChunked::from_iter_options(name.into(), texts).into_column()
            }

            fn read(column: &Column) -> Result<Vec<Option<Self>>, TableError> {
                let cells = column.str()?.iter().enumerate();
                cells.map(|(row, cell)| cell.map(|text| of_name(column, row, text)).transpose()).collect()
            }
        }
    )+};
}

named_cells!(Abi, Origin, Phase, LossKind, Audit, Whose, Namespace, Ended, Cause);

/// The name that serde gives to an enum's variant, so that both formats write the same one.
struct Name<'a, T>(&'a T);

impl<T: Serialize> fmt::Display for Name<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.serialize(formatter)
    }
}

fn of_name<'a, T: Deserialize<'a>>(column: &Column, row: usize, text: &'a str) -> Result<T, TableError> {
    let deserializer: StrDeserializer<'a, TextError> = text.into_deserializer();
    T::deserialize(deserializer).map_err(|_| TableError::UnknownName {
        column: shown(column.name()),
        row,
        name: shown(text),
    })
}
