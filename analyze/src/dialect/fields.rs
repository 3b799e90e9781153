//! Typed access to JSON objects that users wrote: a wrong type is an error that names the place, a key that nobody
//! reads is a warning. `null` counts as absent, as it does for the engines.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{DialectError, words};

/// The fields of one JSON object, and which of them were asked for.
pub(super) struct Fields<'a> {
    /// Where the object is: `syscalls[3]`; empty for the profile itself.
    place: String,
    map: &'a Map<String, Value>,
    known: BTreeSet<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which is to be an object.
    pub(super) fn of(place: String, value: &'a Value) -> Result<Self, DialectError> {
        match value {
            Value::Object(map) => Ok(Self { place, map, known: BTreeSet::new() }),
            other => Err(wrong_type(shown(&place), "an object", other)),
        }
    }

    /// Where the object is, for messages.
    pub(super) fn place(&self) -> String {
        shown(&self.place)
    }

    /// Where a field is, for messages.
    pub(super) fn place_of(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    /// A field, whatever its type.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A string.
    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<&'a str>, DialectError> {
        let place = self.place_of(key);
        self.get(key).map(|value| value.as_str().ok_or_else(|| wrong_type(place, "a string", value))).transpose()
    }

    /// A whole number that is not negative.
    pub(super) fn number(&mut self, key: &'static str) -> Result<Option<u64>, DialectError> {
        let place = self.place_of(key);
        let expected = "a whole number from 0 to 18446744073709551615";
        self.get(key).map(|value| value.as_u64().ok_or_else(|| wrong_type(place, expected, value))).transpose()
    }

    /// A list; empty where the field is absent.
    pub(super) fn list(&mut self, key: &'static str) -> Result<&'a [Value], DialectError> {
        let place = self.place_of(key);
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(other) => Err(wrong_type(place, "a list", other)),
        }
    }

    /// A list of strings; empty where the field is absent.
    pub(super) fn texts(&mut self, key: &'static str) -> Result<Vec<&'a str>, DialectError> {
        let place = self.place_of(key);
        let text = |(index, value): (usize, &'a Value)| {
            value.as_str().ok_or_else(|| wrong_type(format!("{place}[{index}]"), "a string", value))
        };
        self.list(key)?.iter().enumerate().map(text).collect()
    }

    /// The fields of an object inside this one; `None` where it is absent.
    pub(super) fn inner(&mut self, key: &'static str) -> Result<Option<Fields<'a>>, DialectError> {
        let place = self.place_of(key);
        self.get(key).map(|value| Fields::of(place, value)).transpose()
    }

    /// The fields of every object of a list.
    pub(super) fn objects(&mut self, key: &'static str) -> Result<Vec<Fields<'a>>, DialectError> {
        let place = self.place_of(key);
        let list = self.list(key)?.iter().enumerate();
        list.map(|(index, value)| Fields::of(format!("{place}[{index}]"), value)).collect()
    }

    /// The error for a field that must be there.
    pub(super) fn missing(&self, field: &'static str) -> DialectError {
        let written = self.map.keys().find(|key| key.eq_ignore_ascii_case(field));
        written.map_or_else(|| DialectError::Missing { place: self.place(), field }, |key| self.other_case(key, field))
    }

    fn other_case(&self, key: &str, field: &'static str) -> DialectError {
        DialectError::OtherCase { place: self.place(), key: words::quoted(key), field }
    }

    /// Warns of every key that nobody asked for. One that is known in other letters is an error: dockerd and runc,
    /// written in Go, take it for the known one, and crun does not.
    pub(super) fn warn_of_unknown(&self, warnings: &mut Vec<String>) -> Result<(), DialectError> {
        for key in self.map.keys().filter(|key| !self.known.contains(key.as_str())) {
            if let Some(field) = self.known.iter().find(|known| key.eq_ignore_ascii_case(known)) {
                return Err(self.other_case(key, field));
            }
            warnings.push(format!("{}: unknown key {}, ignored", self.place(), words::quoted(key)));
        }
        Ok(())
    }
}

fn shown(place: &str) -> String {
    if place.is_empty() { "the profile".to_owned() } else { place.to_owned() }
}

fn wrong_type(place: String, expected: &'static str, value: &Value) -> DialectError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) if expected.contains("number") => "another number",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    DialectError::WrongType { place, expected, found }
}
