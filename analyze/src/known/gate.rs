//! When a rule of an engine's profile applies: the engine decides as it starts a container, from the container's
//! capabilities, the host's architecture and its kernel. Runtimes know nothing of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};

use super::architectures_named;
use crate::profile::Architecture;

/// What an engine knows of the host and the container when it evaluates a profile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Host<'a> {
    /// Native architecture: on a 64-bit kernel the 64-bit one, whatever the container runs.
    pub(crate) architecture: Architecture,
    /// Bounding set, `CAP_*`.
    pub(crate) capabilities: &'a BTreeSet<String>,
    /// Kernel version, major and minor.
    pub(crate) kernel: (u32, u32),
}

/// Conditions on host and container. An empty gate says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gate {
    /// Capabilities, `CAP_*`.
    #[serde(default)]
    pub(crate) capabilities: Vec<String>,
    /// Native architectures of hosts; those that ctrec has no call tables for are left out.
    #[serde(default, deserialize_with = "architectures")]
    pub(crate) architectures: Option<BTreeSet<Architecture>>,
    /// Kernel version from which on it holds.
    #[serde(default)]
    pub(crate) kernel: Option<(u32, u32)>,
}

impl Gate {
    /// As `includes`: every capability is there, the architecture is one of those listed, the kernel is new enough.
    pub(crate) fn lets_in(&self, host: Host<'_>) -> bool {
        self.capabilities.iter().all(|name| host.capabilities.contains(name))
            && self.architectures.as_ref().is_none_or(|listed| listed.contains(&host.architecture))
            && self.kernel.is_none_or(|kernel| host.kernel >= kernel)
    }

    /// As `excludes`: one of the capabilities, architectures or kernels is enough.
    pub(crate) fn keeps_out(&self, host: Host<'_>) -> bool {
        self.capabilities.iter().any(|name| host.capabilities.contains(name))
            || self.architectures.as_ref().is_some_and(|listed| listed.contains(&host.architecture))
            || self.kernel.is_some_and(|kernel| host.kernel >= kernel)
    }
}

fn architectures<'de, D: Deserializer<'de>>(names: D) -> Result<Option<BTreeSet<Architecture>>, D::Error> {
    Ok(Some(architectures_named(&Vec::<String>::deserialize(names)?)))
}
