//! Reading a profile that a user gave, and compiling it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use ctrec_analyze::dialect::{ParseContext, parse};
use ctrec_analyze::profile::Profile;
use ctrec_enforce::{Compiled, Runtime, compile, native_architecture};

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

/// Reads and compiles a profile as a runtime would.
pub(super) fn compiled(
    file: &Path,
    capabilities: BTreeSet<String>,
    runtime: RuntimeName,
    quiet: bool,
) -> anyhow::Result<Compiled> {
    let profile = read(file, capabilities, quiet)?;
    let native = native_architecture().context("ctrec has no call tables for this machine")?;
    let compiled = compile(&profile, runtime.into(), native).with_context(|| format!("cannot use {file:?}"))?;
    // A rule that refuses loses nothing: a name that libseccomp does not know is refused anyway.
    let allowed = profile.allowed();
    let unknown: Vec<&str> =
        compiled.unknown_names.iter().map(String::as_str).filter(|name| allowed.contains(name)).collect();
    if !unknown.is_empty() && !quiet {
        tell(&format!(
            "warning: {file:?}: this machine's libseccomp does not know {}, so {} refused here",
            unknown.join(", "),
            if unknown.len() == 1 { "it is" } else { "they are" }
        ));
    }
    Ok(compiled)
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
