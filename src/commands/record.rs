//! `ctrec record`.

mod confined;
mod line;
mod screen;
mod shown;
mod size;
mod summary;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::rc::Rc;

use ctrec_analyze::select::Pattern;
use ctrec_enforce::find;
use ctrec_record::{Basis, CheckHook, Options, Target, record};
use ctrec_recording::Format;

use crate::cli::{Hook, Record, Refusals, TableFormat};
use shown::{Shown, Volume};

pub(super) fn run(options: &Record, quiet: bool, verbose: bool) -> anyhow::Result<ExitCode> {
    if let Some(command) = options.command.first() {
        find(command)?;
    }
    let volume = match (quiet, verbose) {
        (true, _) => Volume::Quiet,
        (false, true) => Volume::Verbose,
        (false, false) => Volume::Usual,
    };
    let mut shown = Shown::new(options, volume);
    let request = Options {
        store: options.output.clone(),
        most_bytes: options.max_size,
        format: match options.format {
            TableFormat::Parquet => Format::Parquet,
            TableFormat::Json => Format::Json,
        },
        window: options.window,
        duration: options.duration,
        tick: shown.tick(),
        target: target(options)?,
        exact_refusals: matches!(options.refused, Refusals::Exact),
        check_hook: options.check_hook.map(|hook| match hook {
            Hook::Fexit => CheckHook::Fexit,
            Hook::Kprobe => CheckHook::Kprobe,
            Hook::Tracepoint => CheckHook::Tracepoint,
        }),
        ctrec_version: env!("CARGO_PKG_VERSION").to_owned(),
        owner: owner(),
        confine: Some(confined::by_own_profiles()),
        tables: BTreeMap::new(),
    };
    let outcome = record(&request, &mut |notice| shown.take(notice))?;
    shown.end(&outcome, options);
    if let Some(failure) = outcome.failure {
        return Err(failure.into());
    }
    let code = outcome.command_code.map_or(0, |code| u8::try_from(code).unwrap_or(u8::MAX));
    Ok(ExitCode::from(code))
}

fn target(options: &Record) -> anyhow::Result<Target> {
    if !options.command.is_empty() {
        return Ok(Target::Command(options.command.clone()));
    }
    let patterns: Vec<Pattern> = options.container.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let basis = if patterns.iter().all(Pattern::is_of_names) {
        Basis::Names
    } else if patterns.iter().all(|pattern| pattern.is_of_names() || pattern.is_of_pods()) {
        Basis::Pods
    } else {
        Basis::Everything
    };
    let matches = Rc::new(move |container: &_| {
        patterns.is_empty() || patterns.iter().any(|pattern| !pattern.choose(&[container]).is_empty())
    });
    Ok(Target::Containers { patterns: options.container.clone(), matches, basis })
}

/// The user who called sudo: the store is left to them.
fn owner() -> Option<(u32, u32)> {
    let id = |name| std::env::var(name).ok()?.parse().ok();
    Some((id("SUDO_UID")?, id("SUDO_GID")?))
}
