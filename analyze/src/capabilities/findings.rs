//! What the user must know about a capability list.

use std::collections::{BTreeMap, BTreeSet};

use ctrec_recording::{Cause, Origin, Phase};

use super::class::{Class, Judged};
use super::{Hook, silent};
use crate::behaviour::{Behaviour, IdentityKey, Outcome, Unseen};
use crate::finding::{Finding, Kind, Severity};
use crate::known::{self, Meaning, capability_number};
use crate::order::sorted;
use crate::policy::Policy;
use crate::recommend::{absent, losses, starts_gone, starts_unseen, unasked};
use crate::text::{counted, errno, visible};

const EPERM: i32 = 1;
const EACCES: i32 = 13;
const PORT_START: &str = "net.ipv4.ip_unprivileged_port_start";
const PING_RANGE: &str = "net.ipv4.ping_group_range";
/// Capabilities of Linux 5.8 and 5.9, which engines of that time and before refuse to add: Docker 20.10 for one.
const NEW: [&str; 3] = ["CAP_BPF", "CAP_CHECKPOINT_RESTORE", "CAP_PERFMON"];
/// The first port that everybody may bind where nobody changed it.
const FIRST_FREE_PORT: u64 = 1024;

/// What findings are made from.
pub(super) struct Evidence<'e, 'a> {
    pub(super) behaviour: &'a Behaviour,
    pub(super) policy: &'e Policy,
    pub(super) judged: &'e [Judged<'e, 'a>],
    pub(super) needed: &'e BTreeSet<&'e str>,
    pub(super) hook: &'e Hook,
}

/// All findings, gravest first.
pub(super) fn all(evidence: &Evidence<'_, '_>) -> Vec<Finding> {
    let mut findings = losses(evidence.behaviour);
    findings.extend(absent(evidence.behaviour));
    findings.extend(recorded(evidence));
    findings.extend(nothing_seen(evidence));
    findings.extend(unasked(evidence.behaviour, evidence.policy));
    findings.extend(refused(evidence));
    findings.extend(elsewhere(evidence));
    findings.extend(refused_execve(evidence));
    findings.extend(identities(evidence));
    findings.extend(network(evidence));
    findings.extend(unread_files(evidence));
    findings.extend(nameless(evidence));
    findings.extend(new_names(evidence));
    findings.extend(other_errno(evidence));
    findings.extend(root_of_namespace(evidence));
    findings.extend(long_lists(evidence));
    findings.sort();
    findings
}

fn finding(severity: Severity, kind: Kind, text: impl Into<String>, advice: &str, evidence: Vec<String>) -> Finding {
    Finding::new(severity, kind, text.into(), advice.to_owned(), evidence)
}

/// What the recording as a whole cannot show.
fn recorded(evidence: &Evidence<'_, '_>) -> Vec<Finding> {
    let behaviour = evidence.behaviour;
    let mut findings = Vec::new();
    let old = behaviour.runs().iter().filter(|(_, run)| run.capability_hooks.is_empty());
    let old: Vec<String> = old.map(|(id, _)| visible(id)).collect();
    if !old.is_empty() {
        let text = "incomplete: some runs did not count capability checks, and add nothing to the list";
        findings.push(finding(Severity::Incomplete, Kind::NoCapabilities, text, "Record them again.", old));
    }
    let running: Vec<String> = starts_unseen(behaviour, Unseen::RanBefore).iter().map(|name| visible(name)).collect();
    if !running.is_empty() {
        let text = "incomplete: a container ran before recording began; what its start needs was not seen";
        let advice = "Start the recording first, then the container.";
        findings.push(finding(Severity::Incomplete, Kind::AlreadyRunning, text, advice, running));
    }
    findings.extend(starts_gone(behaviour, "what the start of containers needs"));
    if !evidence.hook.blind_to.is_empty() {
        let text = format!("{} counts capability checks here, and does not see everything", evidence.hook.name);
        let advice = "What it does not see is judged by the kernel functions that asked, which are sampled.";
        findings.push(finding(Severity::Note, Kind::BlindHook, text, advice, evidence.hook.blind_to.clone()));
    }
    findings
}

/// Nothing of the workload was seen, so that an empty list says nothing.
fn nothing_seen(evidence: &Evidence<'_, '_>) -> Option<Finding> {
    let calls = evidence.behaviour.calls();
    let mut sources = calls.values().flat_map(|facts| facts.sources.keys());
    let seen =
        sources.any(|source| evidence.policy.wants(source.origin, source.phase) && source.phase == Phase::Workload);
    let seen = seen || !silent::of_workload(evidence.behaviour, evidence.policy).is_empty();
    let text = "no call of the workload was seen, so nobody knows what it needs";
    let advice = crate::recommend::nothing_seen(evidence.behaviour);
    (!seen).then(|| finding(Severity::Incomplete, Kind::NothingSeen, text, advice, Vec::new()))
}

/// A call that fails with another errno once a folder cannot be searched: not found becomes not allowed, which a program
/// may take for worse.
fn other_errno(evidence: &Evidence<'_, '_>) -> Option<Finding> {
    let opens = |capability: &str| [known::dac_override(), known::read_search()].contains(&capability);
    let judged = evidence.judged.iter().filter(|one| one.verdict.class == Class::FailedAnyway);
    let changed = judged.filter(|one| opens(&one.row.capability) && ![EPERM, EACCES].contains(&one.row.end.errno));
    let lines: BTreeSet<String> = changed
        .map(|Judged { row, .. }| {
            let program = visible(&row.kind.source.program);
            format!("{program}: {}, {}", row.kind.call.label(), errno(row.end.errno))
        })
        .collect();
    let name = known::dac_override();
    let text = format!("{name} let calls fail as they did: without it they fail with EACCES");
    let advice = format!("If a program must tell the two apart (rm -f does), add {}.", bare(name));
    let needed = lines.is_empty() || evidence.needed.contains(name);
    (!needed).then(|| finding(Severity::Incomplete, Kind::OtherErrno, text, &advice, sorted(lines)))
}

/// Who makes a user namespace and becomes root in it needs `CAP_SETFCAP` from Linux 5.12 on (commit db2e718a4798). The
/// kernel notes whether it was there when the namespace was made, and asks nobody.
fn root_of_namespace(evidence: &Evidence<'_, '_>) -> Option<Finding> {
    const SETFCAP: &str = "CAP_SETFCAP";
    let inside = evidence.judged.iter().filter(|one| one.verdict.class == Class::OwnNamespace);
    let programs: BTreeSet<String> = inside.map(|one| visible(&one.row.kind.source.program)).collect();
    let text = "the workload makes user namespaces; to become root in one takes CAP_SETFCAP, which leaves no check";
    let advice = "If writing a uid_map fails, add SETFCAP.";
    let made = |programs| finding(Severity::Incomplete, Kind::Unasked, text, advice, programs);
    (!programs.is_empty() && !evidence.needed.contains(SETFCAP)).then(|| made(sorted(programs)))
}

/// A long list that a program sets may be its own, and not what it had less a few.
fn long_lists(evidence: &Evidence<'_, '_>) -> Option<Finding> {
    let identities = silent::of_workload(evidence.behaviour, evidence.policy);
    let long = identities.keys().filter(|key| silent::is_long_list(key));
    let programs: BTreeSet<String> = long.map(|key| visible(&key.source.program)).collect();
    let text = "programs set most of the capabilities that they had; where that is a fixed list, it fails without them";
    let advice = "Run them under the list above before you rely on it; capset says EPERM.";
    (!programs.is_empty()).then(|| finding(Severity::Incomplete, Kind::Unasked, text, advice, sorted(programs)))
}

/// Needed capabilities that an older engine has no name for.
fn new_names(evidence: &Evidence<'_, '_>) -> Option<Finding> {
    let new: Vec<String> = NEW.into_iter().filter(|name| evidence.needed.contains(name)).map(str::to_owned).collect();
    let text = "older engines (Docker 20.10 for one) do not know some of these capabilities, and refuse to add them";
    let advice = "Use a newer engine; CAP_SYS_ADMIN, which stands for them there, is far more than is needed.";
    (!new.is_empty()).then(|| finding(Severity::Note, Kind::NewName, text, advice, new))
}

/// Lines about denied checks of a class, by the capability to speak of and whether programs mostly go on without.
fn denied(evidence: &Evidence<'_, '_>, class: Class) -> BTreeMap<(String, bool), Vec<String>> {
    let mut lines: BTreeMap<(String, bool), BTreeMap<String, u64>> = BTreeMap::new();
    for Judged { row, verdict } in evidence.judged.iter().filter(|one| one.verdict.class == class) {
        for (capability, _) in &verdict.capabilities {
            let line = format!(
                "{}: {}{}",
                visible(&row.kind.source.program),
                row.kind.call.label(),
                if row.end.errno == 0 { String::new() } else { format!(", {}", errno(row.end.errno)) },
            );
            let tolerated = row.asked.all_of(Meaning::Tolerated);
            let count = lines.entry((capability.clone(), tolerated)).or_default().entry(line).or_default();
            // Of a pair that was denied as a whole both rows speak of one: the call was made once.
            *count = (*count).max(row.count);
        }
    }
    let times = |(line, count): (String, u64)| {
        format!("{line}, {}", counted(usize::try_from(count).unwrap_or(usize::MAX), "time"))
    };
    lines.into_iter().map(|(capability, lines)| (capability, sorted(lines.into_iter().map(times)))).collect()
}

fn refused(evidence: &Evidence<'_, '_>) -> Vec<Finding> {
    let refused = denied(evidence, Class::Refused).into_iter().map(|((capability, tolerated), lines)| {
        let unknown = NEW.contains(&capability.as_str()).then_some(" (older engines do not know it)");
        let again = format!("record again with --cap-add={}{}", bare(&capability), unknown.unwrap_or_default());
        let (severity, text, advice) = if tolerated {
            let text = format!("{capability} was wanted and refused, which programs mostly go on without");
            (Severity::Note, text, format!("If something did not work, {again}."))
        } else {
            let text = format!(
                "{capability} was wanted and refused, and the call failed; what would have come after is not known"
            );
            (Severity::Incomplete, text, format!("If the program needs it, {again}."))
        };
        finding(severity, Kind::CapabilityRefused, text, &advice, lines)
    });
    refused.collect()
}

fn elsewhere(evidence: &Evidence<'_, '_>) -> Vec<Finding> {
    let elsewhere = denied(evidence, Class::Elsewhere).into_iter().map(|((capability, _), lines)| {
        let text = format!("{capability} may have been wanted: it was refused where the call's outcome does not tell");
        let advice = format!("If something did not work, record again with --cap-add={}.", bare(&capability));
        finding(Severity::Note, Kind::CapabilityElsewhere, text, &advice, lines)
    });
    elsewhere.collect()
}

/// The name as engines' options want it.
fn bare(capability: &str) -> &str {
    capability.trim_start_matches("CAP_")
}

/// A file with more capabilities than the bounding set cannot be executed, and no check is made of it.
fn refused_execve(evidence: &Evidence<'_, '_>) -> Option<Finding> {
    let mut programs: BTreeMap<String, u64> = BTreeMap::new();
    for (call, facts) in evidence.behaviour.calls() {
        if !call.name().is_some_and(|name| name == "execve" || name == "execveat") {
            continue;
        }
        for (source, Outcome { errnos, .. }) in &facts.sources {
            let failed = errnos.get(&EPERM).copied().unwrap_or_default();
            if failed > 0 && evidence.policy.wants(source.origin, source.phase) && source.phase == Phase::Workload {
                let sum = programs.entry(visible(&source.program)).or_default();
                *sum = sum.saturating_add(failed);
            }
        }
    }
    let lines = programs.iter().map(|(program, count)| {
        format!("{program}: {}", counted(usize::try_from(*count).unwrap_or(usize::MAX), "time"))
    });
    let text = "execve failed with EPERM, as it does for a file with capabilities that the container has not";
    let advice = "If it was such a file (getcap shows it), record again with its capabilities added.";
    let made = || finding(Severity::Incomplete, Kind::ExecveRefused, text, advice, lines.collect());
    (!programs.is_empty()).then(made)
}

fn identities(evidence: &Evidence<'_, '_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let identities = silent::of_workload(evidence.behaviour, evidence.policy);
    let programs: BTreeSet<&str> =
        identities.keys().filter(|key| key.set_user_id).map(|key| &*key.source.program).collect();
    if !programs.is_empty() {
        let text = "set-user-id programs ran; what they need is in the list, and no_new_privs takes it from them";
        let advice = "Leave no_new_privs off, or do without them.";
        let programs = sorted(programs.iter().copied().map(visible));
        findings.push(finding(Severity::Note, Kind::SetUserId, text, advice, programs));
    }
    let first = silent::first_identities(evidence.behaviour, evidence.policy);
    let first: Vec<_> = first.into_iter().filter(|key| key.source.origin == Origin::Init).collect();
    // By an exec as root, too.
    let reached = identities.keys().any(|key| key.root || key.set_user_id || key.ambient != 0 || key.permitted != 0);
    if !first.is_empty() && first.iter().all(|key| !key.root) && !reached {
        let text = "it never runs as root, so no added capability reaches it";
        let advice = "An added capability is in its bounding set only. File capabilities, a set-user-id program or another user would change that.";
        let users: BTreeSet<String> =
            first.iter().map(|key| format!("{}: user {}", visible(&key.source.program), key.user)).collect();
        findings.push(finding(Severity::Note, Kind::NotRoot, text, advice, sorted(users)));
    }
    findings
}

/// Two sysctls of the network namespace decide whether the kernel asks at all.
fn network(evidence: &Evidence<'_, '_>) -> Option<Finding> {
    let mut lines = BTreeSet::new();
    for (instance, facts) in evidence.behaviour.containers() {
        let host = evidence.behaviour.runs().get(&instance.run).map(|run| &run.sysctls);
        let Some(sysctls) = facts.network.as_ref().or(host) else { continue };
        let start = sysctls.get(PORT_START).and_then(|value| value.trim().parse::<u64>().ok());
        if let Some(start) = start.filter(|start| *start < FIRST_FREE_PORT && made(evidence, "bind")) {
            lines.insert((
                "CAP_NET_BIND_SERVICE",
                format!("{PORT_START} is {start}: elsewhere, on the host's network or another engine's, a port below 1024 needs CAP_NET_BIND_SERVICE"),
            ));
        }
        let range = sysctls.get(PING_RANGE).filter(|range| covers_groups(range) && made(evidence, "socket"));
        if let Some(range) = range {
            let range = visible(&range.split_whitespace().collect::<Vec<_>>().join(" "));
            lines.insert(("CAP_NET_RAW", format!("{PING_RANGE} is {range}: elsewhere ping needs CAP_NET_RAW")));
        }
    }
    lines.retain(|(capability, _)| !evidence.needed.contains(capability));
    let text = "settings of the container's network spare it capabilities that it may need under others";
    let advice = "Add them where the container is to run with another network.";
    let made = || {
        finding(
            Severity::Note,
            Kind::NetworkSettings,
            text,
            advice,
            lines.iter().map(|(_, line)| line.clone()).collect(),
        )
    };
    (!lines.is_empty()).then(made)
}

/// Whether the workload made a call.
fn made(evidence: &Evidence<'_, '_>, name: &str) -> bool {
    let wanted = |origin, phase| phase == Phase::Workload && evidence.policy.wants(origin, phase);
    evidence.behaviour.calls_by_instance().any(|(_, call, sources)| {
        call.name() == Some(name) && sources.iter().any(|(source, _)| wanted(source.origin, source.phase))
    })
}

/// Whether a range of groups holds any: "1 0" is how the kernel says none.
fn covers_groups(range: &str) -> bool {
    let bounds: Vec<u64> = range.split_whitespace().filter_map(|bound| bound.parse().ok()).collect();
    matches!(bounds[..], [first, last] if first <= last)
}

fn unread_files(evidence: &Evidence<'_, '_>) -> Option<Finding> {
    let identities = silent::of_workload(evidence.behaviour, evidence.policy);
    let untold = |key: &&&IdentityKey| key.cause == Cause::Execve && silent::gained(key).is_none();
    let executed: BTreeSet<&str> = identities.keys().filter(untold).map(|key| &*key.source.program).collect();
    let files = evidence.behaviour.files();
    let unread = files.iter().filter(|(path, file)| file.unread && executed.contains(*path));
    let unread = sorted(unread.map(|(path, _)| visible(path)));
    let text =
        "file capabilities of some programs were not read, as their processes were gone; what they need is not known";
    let advice = "Look with getcap: a program whose file has some cannot be executed without them.";
    (!unread.is_empty()).then(|| finding(Severity::Note, Kind::FilesUnread, text, advice, unread))
}

fn nameless(evidence: &Evidence<'_, '_>) -> Option<Finding> {
    let nameless = evidence.needed.iter().filter(|name| capability_number(name).is_none());
    let nameless: Vec<String> = nameless.map(|name| (*name).to_owned()).collect();
    let text = "some capabilities are newer than the names that ctrec knows, and are not in the options";
    let made = |nameless| finding(Severity::Incomplete, Kind::UnknownCapability, text, "Use a newer ctrec.", nameless);
    (!nameless.is_empty()).then(|| made(nameless))
}
