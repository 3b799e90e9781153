//! What is asked of an engine's socket, and where sockets are.
//!
//! Lives here: questions as data. Does not: asking them.

use std::path::PathBuf;

use ctrec_recording::Container;

use super::Host;

/// What to ask about a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// The container's full id.
    pub(crate) id: String,
    /// Whom to ask, until one knows the container.
    pub(crate) asks: Vec<Ask>,
}

/// Whom to ask, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    /// Docker's API.
    Docker,
    /// podman's, of root or of a user.
    Podman {
        /// The user's number; `None`: root.
        user: Option<u32>,
    },
    /// containerd's own service.
    Containerd {
        /// The namespace that the container is in.
        namespace: String,
    },
    /// Kubernetes' interface to runtimes.
    Cri,
}

/// Sockets where nobody says otherwise.
const DOCKER: [&str; 2] = ["/run/docker.sock", "/run/user/*/docker.sock"];
const PODMAN: &str = "/run/podman/podman.sock";
const CONTAINERD: [&str; 2] = ["/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock"];
const CRIO: &str = "/run/crio/crio.sock";

impl Question {
    /// A question about the container of a row; `None` where its id is no text that an engine's path may hold.
    pub(super) fn of(row: &Container, asks: Vec<Ask>) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let is_id = !row.id.is_empty() && row.id.len() <= 255 && row.id.bytes().all(is_plain);
        is_id.then(|| Self { id: row.id.clone(), asks })
    }
}

impl Ask {
    /// Where its socket usually is.
    pub(crate) fn usual(&self) -> PathBuf {
        match self {
            Self::Docker => DOCKER[0].into(),
            Self::Podman { user: None } => PODMAN.into(),
            Self::Podman { user: Some(user) } => podman_of(*user).into(),
            Self::Containerd { .. } => CONTAINERD[0].into(),
            Self::Cri => CRIO.into(),
        }
    }

    /// Sockets that this may be asked on, and that are there: the usual one, and what running daemons were told.
    pub(crate) fn sockets(&self, host: &Host) -> Vec<PathBuf> {
        let daemons = host.daemons();
        let (usual, told): (Vec<String>, Vec<PathBuf>) = match self {
            Self::Docker => (DOCKER.map(str::to_owned).to_vec(), daemons.paths("dockerd", &["--host", "-H"])),
            Self::Podman { user: None } => (vec![PODMAN.to_owned()], daemons.addresses("podman")),
            Self::Podman { user: Some(user) } => (vec![podman_of(*user)], daemons.addresses("podman")),
            Self::Containerd { .. } => (CONTAINERD.map(str::to_owned).to_vec(), containerds(host)),
            Self::Cri => {
                let usual = CONTAINERD.iter().chain(std::iter::once(&CRIO)).map(|socket| (*socket).to_owned());
                (usual.collect(), [containerds(host), daemons.paths("crio", &["--listen"])].concat())
            }
        };
        let mut found: Vec<PathBuf> = Vec::new();
        for socket in usual.iter().flat_map(|usual| host.expand(usual)).chain(told) {
            if !found.contains(&socket) && host.path(&socket).exists() {
                found.push(socket);
            }
        }
        found
    }
}

fn podman_of(user: u32) -> String {
    format!("/run/user/{user}/podman/podman.sock")
}

fn containerds(host: &Host) -> Vec<PathBuf> {
    host.daemons().paths("containerd", &["--address", "-a"])
}
