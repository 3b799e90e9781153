//! What a cgroup's path says: which engine made it, and the container's id.

/// What a path looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A container of a known engine.
    Container {
        /// Engine.
        engine: &'static str,
        /// Full id.
        id: String,
    },
    /// Known not to be one: a service, a session, an engine's monitor.
    Helper,
    /// The path does not tell: plain runtimes name cgroups as they are told.
    Unknown,
}

/// Scopes of systemd-driven engines: prefix before the id, engine.
const SCOPES: [(&str, &str); 5] = [
    ("docker-", "docker"),
    ("libpod-", "podman"),
    ("cri-containerd-", "containerd"),
    ("crio-", "cri-o"),
    ("nerdctl-", "containerd"),
];

/// Reads a path. The innermost component that names a container decides, so that a cgroup below one (podman's
/// `container` folder) finds it too.
pub(crate) fn parse(path: &str) -> Kind {
    let components: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if components.iter().any(|part| part.contains("conmon-")) {
        return Kind::Helper;
    }
    for (index, component) in components.iter().enumerate().rev() {
        if let Some(kind) = scope(component) {
            return kind;
        }
        let parent = index.checked_sub(1).map_or("", |above| components[above]);
        if let Some(id) = component.strip_prefix("libpod-").filter(|id| is_full_id(id)) {
            return Kind::Container { engine: "podman", id: id.to_owned() };
        }
        if is_full_id(component) {
            return Kind::Container { engine: engine_of_parent(parent), id: (*component).to_owned() };
        }
    }
    match components.last() {
        Some(last) if is_unit(last) => Kind::Helper,
        _ => Kind::Unknown,
    }
}

/// The last component, which a plain runtime calls after the container.
pub(crate) fn last(path: &str) -> Option<&str> {
    path.rsplit('/').find(|component| !component.is_empty())
}

/// `docker-<id>.scope` and its like.
fn scope(component: &str) -> Option<Kind> {
    let inner = component.strip_suffix(".scope")?;
    SCOPES.iter().find_map(|(prefix, engine)| {
        let id = inner.strip_prefix(prefix).filter(|id| is_full_id(id))?;
        Some(Kind::Container { engine, id: id.to_owned() })
    })
}

fn engine_of_parent(parent: &str) -> &'static str {
    if parent == "docker" || parent == "moby" { "docker" } else { "containerd" }
}

/// 64 lower-case hexadecimal digits.
fn is_full_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// A systemd unit that engines do not name containers by. A scope stays open: runtimes with the systemd driver call
/// theirs `<prefix>-<name>.scope`.
fn is_unit(component: &str) -> bool {
    match component.rsplit_once('.') {
        Some((_, "service" | "slice" | "socket" | "mount" | "swap")) => true,
        Some((name, "scope")) => name == "init" || name.starts_with("session-"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(path: &str) -> Option<(&'static str, String)> {
        match parse(path) {
            Kind::Container { engine, id } => Some((engine, id)),
            Kind::Helper | Kind::Unknown => None,
        }
    }

    #[test]
    fn each_engines_paths_give_engine_and_id() {
        let id = "0123456789abcdef".repeat(4);
        for (path, engine) in [
            (format!("/docker/{id}"), "docker"),
            (format!("/system.slice/docker-{id}.scope"), "docker"),
            (format!("/my-parent/{id}"), "containerd"),
            (format!("/machine.slice/libpod-{id}.scope/container"), "podman"),
            (format!("/libpod_parent/libpod-{id}"), "podman"),
            (
                format!(
                    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx.slice/cri-containerd-{id}.scope"
                ),
                "containerd",
            ),
            (format!("/kubepods/besteffort/podx/{id}"), "containerd"),
            (format!("/kubepods.slice/crio-{id}.scope"), "cri-o"),
            (format!("/docker/{id}/system.slice/nginx.service"), "docker"),
        ] {
            assert_eq!(container(&path), Some((engine, id.clone())), "{path}");
        }
    }

    #[test]
    fn monitors_services_and_sessions_are_no_containers() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            format!("/machine.slice/libpod-conmon-{id}.scope"),
            format!("/kubepods.slice/crio-conmon-{id}.scope"),
            "/system.slice/nginx.service".to_owned(),
            "/user.slice/user-1000.slice/session-2.scope".to_owned(),
            "/init.scope".to_owned(),
        ] {
            assert_eq!(parse(&path), Kind::Helper, "{path}");
        }
    }

    #[test]
    fn a_plain_runtimes_path_does_not_tell() {
        for path in ["/web", "/user.slice/web", "/", "", "/system.slice/runc-web.scope", "/docker/../web"] {
            assert_eq!(parse(path), Kind::Unknown, "{path}");
        }
    }
}
