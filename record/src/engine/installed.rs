//! Which engines and runtimes a host has, by the files that they leave: sockets, state folders, programs.
//!
//! Lives here: where those are. Does not: starting or asking any of them.

use std::path::Path;

use super::Host;

/// An engine or a runtime that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Installed {
    /// Its name.
    pub(crate) engine: &'static str,
    /// Where it was found.
    pub(crate) place: &'static str,
    /// What only its socket knows of its containers; empty: its files say everything.
    pub(crate) asked_for: &'static str,
}

/// Names, what only a socket knows, and places: a socket first, which says most.
const PLACES: [(&str, &str, &[&str]); 9] = [
    (
        "docker",
        "",
        &["/run/docker.sock", "/var/lib/docker", "/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"],
    ),
    ("runc", "", &["/run/runc", "/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc"]),
    ("crun", "", &["/run/crun", "/usr/bin/crun", "/usr/sbin/crun", "/usr/local/bin/crun"]),
    (
        "containerd",
        "images and labels",
        &["/run/containerd/containerd.sock", "/usr/bin/containerd", "/usr/local/bin/containerd"],
    ),
    ("podman", "labels", &["/run/podman/podman.sock", "/usr/bin/podman", "/usr/local/bin/podman"]),
    ("cri-o", "", &["/run/crio/crio.sock", "/usr/bin/crio", "/usr/local/bin/crio"]),
    ("kubernetes", "", &["/var/lib/kubelet", "/usr/bin/kubelet", "/usr/local/bin/kubelet"]),
    ("lxc", "", &["/var/lib/lxc", "/usr/bin/lxc-start", "/var/snap/lxd", "/var/lib/incus"]),
    ("nspawn", "", &["/run/systemd/machines", "/usr/bin/systemd-nspawn"]),
];

impl Installed {
    /// Whether what was found is a socket.
    pub(crate) fn listens(&self) -> bool {
        Path::new(self.place).extension().is_some_and(|extension| extension == "sock")
    }
}

/// What is found on a host, in a fixed order.
pub(crate) fn installed(host: &Host) -> Vec<Installed> {
    let find = |(engine, asked_for, places): (&'static str, &'static str, &'static [&'static str])| {
        let place = places.iter().copied().find(|place| host.path(place).exists())?;
        Some(Installed { engine, place, asked_for })
    };
    PLACES.into_iter().filter_map(find).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_engine_is_known_by_what_it_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::at(folder.path());
        assert_eq!(installed(&host), []);
        for file in ["usr/sbin/runc", "usr/bin/dockerd", "run/docker.sock", "usr/bin/podman"] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let found: Vec<_> = installed(&host).iter().map(|one| (one.engine, one.place, one.listens())).collect();
        let docker = ("docker", "/run/docker.sock", true);
        assert_eq!(found, [docker, ("runc", "/usr/sbin/runc", false), ("podman", "/usr/bin/podman", false)]);
    }
}
