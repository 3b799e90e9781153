//! What a cgroup's path says: which engine made it, and the container's id.
//!
//! Lives here: the names that engines and their drivers give cgroups. Does not: looking anything up. A path is chosen by
//! whoever may make cgroups: an id from here is text, and no part of a file's path (see `host::below`).

/// What a path looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A container of a known engine.
    Container {
        /// Engine; [`UNKNOWN`] where only the form of the id says that it is one.
        engine: &'static str,
        /// Full id.
        id: String,
    },
    /// Known not to be one: a service, a session, an engine's monitor, a virtual machine.
    Helper,
    /// The path does not tell: plain runtimes name cgroups as they are told.
    Unknown,
}

/// The engine of which nothing is known but that it has a container.
pub(crate) const UNKNOWN: &str = "unknown";

/// What engines put before a container's id, with either driver, and between colons where runc is told a path of
/// systemd's driver without having that driver.
const PREFIXES: [(&str, &str); 7] = [
    ("docker", "docker"),
    ("libpod-payload", "podman"),
    ("libpod", "podman"),
    ("cri-containerd", "containerd"),
    ("crio", "cri-o"),
    ("nerdctl", "containerd"),
    ("cri-o", "cri-o"),
];

/// What conmon's own cgroups begin with.
const MONITORS: [&str; 2] = ["libpod-conmon", "crio-conmon"];

/// Reads a path. The outermost component that names a container decides: a container may have any cgroups below its
/// own, containers of an engine that runs in it included.
pub(crate) fn parse(path: &str) -> Kind {
    let components = split(path);
    match find(&components) {
        Some((_, kind)) => kind,
        None if components.last().is_some_and(|last| is_unit(last)) => Kind::Helper,
        None => Kind::Unknown,
    }
}

/// The last component, which a plain runtime calls after the container.
pub(crate) fn last(path: &str) -> Option<&str> {
    path.rsplit('/').find(|component| !component.is_empty())
}

/// The cgroup that is a container's own in the path of one of its processes, which may be further down; `None` where no
/// component is named after the container, so that it shares its cgroup with others.
pub(crate) fn own(path: &str, id: &str) -> Option<String> {
    let components = split(path);
    let length = match find(&components) {
        Some((length, Kind::Container { id: found, .. })) if found == id => length,
        _ => 1 + components.iter().position(|component| names(component, id))?,
    };
    Some(format!("/{}", components[..length].join("/")))
}

/// The component above the one that is an id: containerd's namespace, with the cgroupfs driver.
pub(super) fn above<'path>(path: &'path str, id: &str) -> Option<&'path str> {
    let components = split(path);
    let index = components.iter().position(|component| *component == id)?;
    index.checked_sub(1).map(|above| components[above])
}

fn split(path: &str) -> Vec<&str> {
    path.split('/').filter(|component| !component.is_empty()).collect()
}

/// Whether a component is a plain runtime's or an unknown engine's for a container: `ID`, `PREFIX-ID.scope`,
/// `SLICE:PREFIX:ID`.
fn names(component: &str, id: &str) -> bool {
    let before = |text: &str, end: char| text.strip_suffix(id).is_some_and(|before| before.ends_with(end));
    component == id
        || component.strip_suffix(".scope").is_some_and(|scope| before(scope, '-'))
        || before(component, ':')
}

/// What the first component that decides says, and how many components are its own and those above it.
fn find(components: &[&str]) -> Option<(usize, Kind)> {
    components.iter().enumerate().find_map(|(index, component)| {
        let (above, below) = (&components[..index], &components[index + 1..]);
        let plain = [named, machine, bare];
        plain
            .into_iter()
            .find_map(|read| read(above, component, below).map(|kind| (index + 1, kind)))
            .or_else(|| lxc(component, below).map(|(deeper, kind)| (index + 1 + deeper, kind)))
            .or_else(|| service(component, below).map(|(deeper, kind)| (index + 1 + deeper, kind)))
    })
}

/// `docker-<id>.scope`, `libpod-<id>`, `kubepods-x.slice:cri-containerd:<id>` and their like, and conmon's.
fn named(above: &[&str], component: &str, below: &[&str]) -> Option<Kind> {
    let inner = component.strip_suffix(".scope").unwrap_or(component);
    let form = |prefix: &str| {
        let dashed = inner.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
        let parts: Vec<&str> = component.split(':').collect();
        let id = dashed.or(if parts.len() == 3 && parts[1] == prefix { Some(parts[2]) } else { None });
        id.filter(|id| is_full_id(id))
    };
    // podman's with the cgroupfs driver. What it has below is conmon's threads.
    let podmans_conmon = component == "conmon" && above.contains(&"libpod_parent") && below.is_empty();
    if podmans_conmon || MONITORS.iter().any(|prefix| form(prefix).is_some()) {
        return Some(Kind::Helper);
    }
    PREFIXES.iter().find_map(|(prefix, engine)| Some(Kind::Container { engine, id: form(prefix)?.to_owned() }))
}

/// A machine of systemd's: `machine-<name>.scope`, with systemd's escapes.
fn machine(_: &[&str], component: &str, below: &[&str]) -> Option<Kind> {
    let name = unescape(component.strip_prefix("machine-")?.strip_suffix(".scope")?);
    let libvirts = |kind: &str| {
        let number = name.strip_prefix(kind).and_then(|rest| rest.split_once('-')).map(|(number, _)| number);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if libvirts("qemu-") || libvirts("lxc-") || below.first() == Some(&"supervisor") {
        return Some(Kind::Helper);
    }
    (!name.is_empty()).then_some(Kind::Container { engine: "nspawn", id: name })
}

/// nspawn as a service, `systemd-nspawn@<name>.service/payload`, and podman's split cgroups, with conmon in `supervisor`.
fn service(component: &str, below: &[&str]) -> Option<(usize, Kind)> {
    let unit = component.strip_suffix(".service")?;
    let nspawn = unit.strip_prefix("systemd-nspawn@").map(unescape).filter(|name| !name.is_empty());
    match (nspawn, below.first()) {
        (Some(id), Some(&"payload")) => Some((1, Kind::Container { engine: "nspawn", id })),
        (Some(_), _) => Some((0, Kind::Helper)),
        (None, Some(&"supervisor")) => Some((1, Kind::Helper)),
        (None, _) => None,
    }
}

/// LXC's own: `lxc.payload.<name>`, before 4.0 `lxc.payload/<name>` and `lxc/<name>`. Its monitors are none.
fn lxc(component: &str, below: &[&str]) -> Option<(usize, Kind)> {
    let container = |name: &str| Kind::Container { engine: "lxc", id: name.to_owned() };
    if component == "lxc.pivot" || component == "lxc.monitor" || component.starts_with("lxc.monitor.") {
        return Some((0, Kind::Helper));
    }
    if let Some(name) = component.strip_prefix("lxc.payload.").filter(|name| !name.is_empty()) {
        return Some((0, container(name)));
    }
    let name = below.first().filter(|_| component == "lxc" || component == "lxc.payload")?;
    Some((1, container(name)))
}

/// An id and nothing else: the cgroupfs driver of docker, nerdctl and containerd's kubernetes plugin.
fn bare(above: &[&str], component: &str, below: &[&str]) -> Option<Kind> {
    let parent = above.last().copied().unwrap_or_default();
    // podman's pods have ids of the same form, with containers below.
    let is_pod = parent == "libpod_parent" || below.first().is_some_and(|child| child.starts_with("libpod-"));
    if is_pod || !is_full_id(component) {
        return None;
    }
    let in_pod = parent.starts_with("pod") && above.iter().any(|part| part.contains("kubepods"));
    let engine = match parent {
        "docker" | "moby" => "docker",
        "default" | "k8s.io" => "containerd",
        _ if in_pod => "containerd",
        _ => UNKNOWN,
    };
    Some(Kind::Container { engine, id: component.to_owned() })
}

/// 64 lower-case hexadecimal digits.
pub(super) fn is_full_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// systemd writes what a unit's name may not hold as `\xHH`. What is no such is left as it is.
fn unescape(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let escaped = rest.strip_prefix(br"\x").and_then(|digits| std::str::from_utf8(digits.get(..2)?).ok());
        if let Some(byte) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &rest[4..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
    use proptest::prelude::*;

    use super::*;

    /// The table has a path, a tab, and what it is; `{A}` to `{F}` are ids of 64 digits.
    #[test]
    fn every_path_of_the_table_is_what_it_says() {
        let table = include_str!("../../../fixtures/engines/paths.tsv");
        let rows: Vec<&str> = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert!(rows.len() > 50, "the table was read");
        for row in rows {
            let row = ["A", "B", "C", "D", "E", "F"].iter().fold(row.to_owned(), |row, letter| {
                row.replace(&format!("{{{letter}}}"), &letter.to_lowercase().repeat(64))
            });
            let (path, expected) = row.split_once('\t').expect("a row has two columns");
            let kind = match parse(path) {
                Kind::Container { engine, id } => format!("{engine} {id}"),
                Kind::Helper => "none".to_owned(),
                Kind::Unknown => "untold".to_owned(),
            };
            assert_eq!(kind, expected, "{path}");
        }
    }

    #[test]
    fn a_containers_own_cgroup_ends_with_the_component_that_names_it() {
        let id = "a".repeat(64);
        for (path, id, expected) in [
            (format!("/docker/{id}/init.scope"), id.as_str(), Some(format!("/docker/{id}"))),
            (
                format!("/machine.slice/libpod-{id}.scope/container"),
                &id,
                Some(format!("/machine.slice/libpod-{id}.scope")),
            ),
            ("/lxc/web/ns".to_owned(), "web", Some("/lxc/web".to_owned())),
            (
                r"/machine.slice/machine-my\x2dbox.scope/payload/x".to_owned(),
                "my-box",
                Some(r"/machine.slice/machine-my\x2dbox.scope".to_owned()),
            ),
            (
                "/machine.slice/systemd-nspawn@web.service/payload".to_owned(),
                "web",
                Some("/machine.slice/systemd-nspawn@web.service/payload".to_owned()),
            ),
            ("/system.slice/runc-web.scope".to_owned(), "web", Some("/system.slice/runc-web.scope".to_owned())),
            ("/system.slice:runc:web".to_owned(), "web", Some("/system.slice:runc:web".to_owned())),
            ("/user.slice/a.scope".to_owned(), "a", None),
            ("/user.slice".to_owned(), "user", None),
            ("/".to_owned(), "web", None),
        ] {
            assert_eq!(own(&path, id), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_some_path(path in any::<String>(), id in any::<String>()) {
            let _kind = parse(&path);
            let own = own(&path, &id);
            prop_assert!(own.is_none_or(|own| own.starts_with('/')));
        }

        #[test]
        fn any_text_has_no_escape_or_loses_it(text in any::<String>()) {
            prop_assert!(unescape(&text).chars().count() <= text.chars().count());
        }
    }
}
