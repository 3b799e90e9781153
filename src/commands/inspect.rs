//! `ctrec inspect`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use ctrec_analyze::select::short_id;
use ctrec_analyze::text::{counted, visible};
use ctrec_analyze::{Abi, abi, names};
use ctrec_enforce::{Decision, Filter, Status, Verdict, decisions, filters_of, native_architecture};
use ctrec_record::{Host, LiveContainer, live_containers};
use serde_json::json;

use crate::cli::{AnswerFormat, Inspect};
use crate::output::print;

pub(super) fn run(options: &Inspect) -> anyhow::Result<ExitCode> {
    let pid = match (&options.whom.pid, &options.whom.container) {
        (Some(pid), _) => *pid,
        (None, Some(name)) => i32::try_from(find(name)?)?,
        (None, None) => bail!("name a process with --pid or a container with --container"),
    };
    let status = Status::of(pid)?;
    let filters = filters_of(pid)?;
    let native = native_architecture().context("ctrec has no call tables for this machine")?;
    let abis = abi::callable(abi::of(native));
    print(&match options.format {
        AnswerFormat::Text => text(&status, &filters, abis),
        AnswerFormat::Json => json_of(&status, &filters, abis),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The first process of a running container, by its name or the start of its id.
fn find(name: &str) -> anyhow::Result<u32> {
    let all = live_containers(&Host::default());
    let by = |wanted: &dyn Fn(&LiveContainer) -> bool| all.iter().filter(|live| wanted(live)).collect::<Vec<_>>();
    let mut found = by(&|live| live.name == name);
    if found.is_empty() && name.len() >= 4 {
        found = by(&|live| live.id.starts_with(name));
    }
    match found.as_slice() {
        [one] => Ok(one.pid),
        [] if all.is_empty() => {
            bail!("no running container is seen; be root, or name a process with --pid")
        }
        [] => bail!("no running container is called {name:?}; there are:{}", lines(&all)),
        several => bail!(
            "several running containers are called {name:?}; name one by its id, or its process with --pid:{}",
            lines(several.iter().copied())
        ),
    }
}

fn lines<'a>(all: impl IntoIterator<Item = &'a LiveContainer>) -> String {
    let line = |live: &LiveContainer| {
        format!("\n  {}  {}  {}  pid {}", visible(&live.name), visible(short_id(&live.id)), live.engine, live.pid)
    };
    all.into_iter().map(line).collect()
}

/// What the filters decide on every call that an ABI's table knows.
fn decided(filters: &[Filter], abi: Abi) -> BTreeMap<&'static str, Decision> {
    let numbers: Vec<i64> = names::known(abi).map(|(number, _)| number).collect();
    let decided = decisions(filters, abi, numbers);
    decided.into_iter().filter_map(|(number, decision)| Some((names::name(abi, number)?, decision))).collect()
}

fn actions(decision: &Decision) -> Vec<String> {
    decision.actions().iter().map(ToString::to_string).collect()
}

fn text(status: &Status, filters: &[Filter], abis: [Abi; 2]) -> String {
    let mut out = String::new();
    let write = |out: &mut String, line: &str| writeln!(out, "{line}").expect("a string takes any text");
    write(&mut out, &format!("filters in force  {}", filters.len()));
    write(&mut out, &format!("no_new_privs      {}", status.no_new_privs));
    for (title, names) in [("bounding set", status.bounding.names()), ("effective set", status.effective.names())] {
        write(&mut out, title);
        write(&mut out, &ctrec_analyze::text::wrap(&listed(&names), 78, 2));
    }
    if filters.is_empty() {
        write(&mut out, "\nno filter: every call is allowed");
        return out;
    }
    for abi in abis {
        let mut groups: BTreeMap<(Verdict, String), Vec<&str>> = BTreeMap::new();
        for (name, decision) in &decided(filters, abi) {
            groups.entry((decision.verdict(), actions(decision).join(" or "))).or_default().push(name);
        }
        for ((verdict, actions), names) in groups {
            let verdict = match verdict {
                Verdict::Allowed => "allowed",
                Verdict::Refused => "refused",
                Verdict::ByArguments => "decided by arguments",
            };
            write(&mut out, &format!("\n{} {verdict} ({actions}), {}", abi::text(abi), counted(names.len(), "call")));
            write(&mut out, &ctrec_analyze::text::wrap(&names.join(" "), 78, 2));
        }
    }
    out
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "empty".to_owned() } else { names.join(" ") }
}

fn json_of(status: &Status, filters: &[Filter], abis: [Abi; 2]) -> String {
    let calls: BTreeMap<&str, BTreeMap<&str, Vec<String>>> = abis
        .into_iter()
        .map(|abi| {
            let decided = decided(filters, abi);
            (abi::text(abi), decided.iter().map(|(name, decision)| (*name, actions(decision))).collect())
        })
        .collect();
    let value = json!({
        "filters": filters.len(),
        "no_new_privs": status.no_new_privs,
        "bounding": status.bounding.names(),
        "effective": status.effective.names(),
        "calls": calls,
    });
    ctrec_analyze::text::json(&value).expect("a value of JSON is JSON")
}
