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
        run: run_id(now, &random()?),
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

/// Start in UTC and 48 random bits: `20260131T235959Z-5f1c09a2e4b7`. Sorts by time. Two that start at once differ, also on
/// two hosts, or in two process namespaces of one, where both may be process 1.
fn run_id(now: SystemTime, random: &str) -> String {
    let stamp = humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':'], "");
    format!("{stamp}-{random}")
}

/// Twelve random hexadecimal digits.
fn random() -> Result<String, RecordError> {
    const UUID: &str = "/proc/sys/kernel/random/uuid";
    let uuid = fs::read_to_string(UUID).map_err(|source| RecordError::Host { path: UUID.into(), source })?;
    // What comes after these says of which kind it is.
    Ok(uuid.chars().filter(char::is_ascii_hexdigit).take(12).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_that_one_process_starts_at_once_differ() {
        let now = SystemTime::UNIX_EPOCH;
        let [first, second] = [random().unwrap(), random().unwrap()].map(|random| run_id(now, &random));
        assert_ne!(first, second);
        let random = first.strip_prefix("19700101T000000Z-").unwrap();
        assert!(random.len() == 12 && random.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    }
}
