//! Entries of the kernel's maps as values.

use libbpf_rs::{MapCore, MapFlags};

use super::batch;
use crate::error::RecordError;
use crate::wire::{self, Wire};

pub(super) fn map_error(map: &'static str) -> impl Fn(libbpf_rs::Error) -> RecordError {
    move |source| RecordError::Map { map, source }
}

pub(super) fn update<K: Wire, V: Wire>(
    map: &impl MapCore,
    name: &'static str,
    key: &K,
    value: &V,
) -> Result<(), RecordError> {
    map.update(wire::bytes(key), wire::bytes(value), MapFlags::ANY).map_err(map_error(name))
}

pub(super) fn absent_is_fine(error: libbpf_rs::Error) -> Result<(), libbpf_rs::Error> {
    if error.kind() == libbpf_rs::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Removes an entry; one that is not there is fine, the kernel side removes too.
pub(super) fn remove<K: Wire>(map: &impl MapCore, name: &'static str, key: &K) -> Result<(), RecordError> {
    map.delete(wire::bytes(key)).or_else(absent_is_fine).map_err(map_error(name))
}

/// All entries. One that is added meanwhile may be missed, and is found the next time; counts are never reset.
pub(super) fn entries<K: Wire, V: Wire>(map: &impl MapCore, name: &'static str) -> Result<Vec<(K, V)>, RecordError> {
    let found = batch::read(map).map_err(map_error(name))?;
    found.entries().map(|(key, value)| Ok((wire::read(key)?, wire::read(value)?))).collect()
}

/// One entry.
pub(super) fn entry<K: Wire, V: Wire>(
    map: &impl MapCore,
    name: &'static str,
    key: &K,
) -> Result<Option<V>, RecordError> {
    let found = map.lookup(wire::bytes(key), MapFlags::ANY).map_err(map_error(name))?;
    Ok(found.map(|value| wire::read(&value)).transpose()?)
}
