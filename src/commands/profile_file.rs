//! Reading a profile that a user gave, and compiling it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use ctrec_analyze::dialect::{ParseContext, parse};
use ctrec_analyze::profile::Profile;
use ctrec_enforce::{Compiled, Runtime, compile, native_architecture};

use super::refused::Candidate;
use crate::cli::RuntimeName;
use crate::input;
use crate::output::tell;

impl From<RuntimeName> for Runtime {
    fn from(name: RuntimeName) -> Self {
        match name {
            RuntimeName::Runc => Self::Runc,
            RuntimeName::Crun => Self::Crun,
        }
    }
}

/// Reads a profile for this machine and a container with these capabilities. Warnings go to stderr.
fn read(file: &Path, capabilities: BTreeSet<String>, quiet: bool) -> anyhow::Result<Profile> {
    let text = input::read(file)?;
    let native = native_architecture().context("ctrec has no call tables for this machine")?;
    let context = ParseContext { capabilities, kernel: kernel(), ..ParseContext::of(native) };
    let parsed = parse(&text, &context).with_context(|| format!("cannot use {file:?}"))?;
    for warning in parsed.warnings.iter().filter(|_| !quiet) {
        tell(&format!("warning: {file:?}: {warning}"));
    }
    Ok(parsed.profile)
}

/// Reads a profile, and compiles it as each of some runtimes would.
pub(super) fn compiled(
    file: &Path,
    capabilities: BTreeSet<String>,
    runtimes: &[Runtime],
    quiet: bool,
) -> anyhow::Result<Vec<Candidate>> {
    let profile = read(file, capabilities, quiet)?;
    let native = native_architecture().context("ctrec has no call tables for this machine")?;
    let mut candidates = Vec::new();
    for &runtime in runtimes {
        let compiled = compile(&profile, runtime, native).with_context(|| format!("cannot use {file:?}"))?;
        candidates.push(Candidate { runtime, compiled });
    }
    if let Some(candidate) = candidates.first().filter(|_| !quiet) {
        warn_of_unknown_names(file, &profile, &candidate.compiled);
    }
    Ok(candidates)
}

/// The library is the same for every runtime, so one of them speaks for all.
fn warn_of_unknown_names(file: &Path, profile: &Profile, compiled: &Compiled) {
    // A rule that refuses loses nothing: a name that libseccomp does not know is refused anyway.
    let allowed = profile.allowed();
    let unknown: Vec<&str> =
        compiled.unknown_names.iter().map(String::as_str).filter(|name| allowed.contains(name)).collect();
    if !unknown.is_empty() {
        tell(&format!(
            "warning: {file:?}: this machine's libseccomp does not know {}, so {} refused here",
            unknown.join(", "),
            if unknown.len() == 1 { "it is" } else { "they are" }
        ));
    }
}

/// Version of the running kernel; the newest there is if it cannot be told, as for a profile without a kernel.
fn kernel() -> (u32, u32) {
    let release = nix::sys::utsname::uname().map(|names| names.release().to_string_lossy().into_owned());
    let release = release.unwrap_or_default();
    let mut numbers = release.split(|character: char| !character.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        _ => (u32::MAX, u32::MAX),
    }
}
