//! Which engines and runtimes a host has, by the files that they leave: sockets, state folders, programs.
//!
//! Lives here: where those are. Does not: starting or asking any of them.

use super::Host;

/// An engine or a runtime that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Installed {
    /// Its name.
    pub(crate) engine: &'static str,
    /// Where it was found.
    pub(crate) place: &'static str,
    /// Whether names, images and filters of its containers are looked up; else its cgroups are recognised, no more.
    pub(crate) described: bool,
}

/// Names, whether containers are described, and places: a socket first, which says most.
const PLACES: [(&str, bool, &[&str]); 7] = [
    (
        "docker",
        true,
        &["/run/docker.sock", "/var/lib/docker", "/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"],
    ),
    ("runc", true, &["/run/runc", "/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc"]),
    ("crun", true, &["/run/crun", "/usr/bin/crun", "/usr/sbin/crun", "/usr/local/bin/crun"]),
    ("containerd", false, &["/run/containerd/containerd.sock", "/usr/bin/containerd", "/usr/local/bin/containerd"]),
    ("podman", false, &["/run/podman/podman.sock", "/usr/bin/podman", "/usr/local/bin/podman"]),
    ("cri-o", false, &["/run/crio/crio.sock", "/usr/bin/crio", "/usr/local/bin/crio"]),
    ("kubernetes", false, &["/var/lib/kubelet", "/usr/bin/kubelet", "/usr/local/bin/kubelet"]),
];

/// What is found on a host, in a fixed order.
pub(crate) fn installed(host: &Host) -> Vec<Installed> {
    let find = |(engine, described, places): (&'static str, bool, &'static [&'static str])| {
        let place = places.iter().copied().find(|place| host.path(place).exists())?;
        Some(Installed { engine, place, described })
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
        let found: Vec<_> = installed(&host).iter().map(|one| (one.engine, one.place, one.described)).collect();
        let docker = ("docker", "/run/docker.sock", true);
        assert_eq!(found, [docker, ("runc", "/usr/sbin/runc", true), ("podman", "/usr/bin/podman", false)]);
    }
}
