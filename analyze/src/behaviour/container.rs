//! A container as it was, read from its row: lists and maps parsed, the filter in force told apart from none.

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::Container;
use serde::de::DeserializeOwned;

/// The filter that a container ran under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// No bundle was found, so nobody knows.
    Unknown,
    /// The container ran without a filter.
    None,
    /// `linux.seccomp` of its bundle, as JSON.
    Some(String),
}

/// A container as it was. Ordered so that the greater of two copies of a row is the later one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerFacts {
    /// When its last process ended, ns since the epoch; `None` while it runs.
    pub ended_ns: Option<i64>,
    /// First time that the recorder saw it, ns since the epoch.
    pub started_ns: i64,
    /// The engine's full id.
    pub id: String,
    /// Name for people. Hostile text.
    pub name: String,
    /// Image.
    pub image: Option<String>,
    /// Engine.
    pub engine: String,
    /// OCI runtime.
    pub runtime: Option<String>,
    /// `namespace/pod`.
    pub pod: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Argument vector that the runtime executes.
    pub entrypoint: Option<Vec<String>>,
    /// Whether it ran with `no_new_privs`; `None` where no bundle was found.
    pub no_new_privs: Option<bool>,
    /// Bounding set; `None` where no bundle was found.
    pub capabilities: Option<BTreeSet<String>>,
    /// The filter in force.
    pub filter: Filter,
    /// The sysctls of its network namespace that decide whether a capability is asked for; `None`: not read.
    pub network: Option<BTreeMap<String, String>>,
    /// It ran before recording began.
    pub already_running: bool,
    /// Whether an engine's record or OCI bundle was found for it.
    pub resolved: bool,
}

/// A column that should hold JSON and does not.
#[derive(Debug)]
pub(crate) struct BadColumn {
    pub(crate) column: &'static str,
    pub(crate) source: serde_json::Error,
}

impl ContainerFacts {
    pub(crate) fn of(row: &Container) -> Result<Self, BadColumn> {
        Ok(Self {
            ended_ns: row.ended_ns,
            started_ns: row.started_ns,
            id: row.id.clone(),
            name: row.name.clone(),
            image: row.image.clone(),
            engine: row.engine.clone(),
            runtime: row.runtime.clone(),
            pod: row.pod.clone(),
            labels: parse("labels_json", &row.labels_json)?,
            entrypoint: row.entrypoint_json.as_deref().map(|json| parse("entrypoint_json", json)).transpose()?,
            no_new_privs: row.no_new_privs,
            capabilities: row.capabilities_json.as_deref().map(|json| parse("capabilities_json", json)).transpose()?,
            filter: filter(row.seccomp_json.as_deref()),
            network: row.network_json.as_deref().map(network).transpose()?,
            already_running: row.already_running,
            resolved: row.resolved,
        })
    }
}

fn parse<T: DeserializeOwned>(column: &'static str, json: &str) -> Result<T, BadColumn> {
    serde_json::from_str(json).map_err(|source| BadColumn { column, source })
}

/// Sysctls as text, however their values are written.
fn network(json: &str) -> Result<BTreeMap<String, String>, BadColumn> {
    let values: BTreeMap<String, serde_json::Value> = parse("network_json", json)?;
    let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(values.into_iter().map(|(name, value)| (name, text(value))).collect())
}

fn filter(json: Option<&str>) -> Filter {
    match json.map(str::trim) {
        None => Filter::Unknown,
        Some("null") => Filter::None,
        Some(json) => Filter::Some(json.to_owned()),
    }
}
