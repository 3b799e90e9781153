//! The run's header: which host, kernel and settings a recording was made with.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use ctrec_recording::{CgroupLayout, Header, SchemaVersion, Settings};

use super::{Options, Target};
use crate::error::RecordError;

pub(super) fn header(options: &Options, cgroups: CgroupLayout) -> Result<Header, RecordError> {
    let names = nix::sys::utsname::uname()
        .map_err(|source| RecordError::System { what: "name the kernel", source: source.into() })?;
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let (containers, command) = match &options.target {
        Target::Containers { patterns, .. } => (patterns.clone(), None),
        Target::Command(command) => (Vec::new(), Some(command.iter().map(|word| text(word)).collect())),
    };
    let now = SystemTime::now();
    Ok(Header {
        schema: SchemaVersion::CURRENT,
        run: run_id(now),
        ctrec_version: options.ctrec_version.clone(),
        host: text(names.nodename()),
        kernel: text(names.release()),
        arch: text(names.machine()),
        cgroups,
        hooks: Vec::new(),
        sysctls: sysctls(),
        settings: Settings { window_ns: nanoseconds(options.window), containers, command },
        started_ns: i64::try_from(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos())
            .unwrap_or(i64::MAX),
        ended_ns: None,
        end: None,
        continues: None,
        cost: None,
    })
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Start in UTC and the recorder's process id: `20260131T235959Z-4711`. Sorts by time; two at once differ.
fn run_id(now: SystemTime) -> String {
    let stamp = humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':'], "");
    format!("{stamp}-{}", std::process::id())
}

/// Sysctls that decide whether a capability is asked for.
fn sysctls() -> BTreeMap<String, String> {
    ["net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"]
        .into_iter()
        .filter_map(|name| {
            let value = fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
            Some((name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        })
        .collect()
}
