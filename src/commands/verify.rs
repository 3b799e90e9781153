//! `ctrec verify`.

use std::process::ExitCode;

use ctrec_analyze::compare::Measure;
use ctrec_analyze::finding::Finding;
use ctrec_analyze::policy::{Dialect, Policy};
use ctrec_analyze::text::{visible, wrap};
use ctrec_enforce::Runtime;
use ctrec_recording::Origin;

use super::{profile_file, refused, stores};
use crate::cli::Verify;
use crate::exit;
use crate::output::{look_of_stderr, print, tell, warn};

pub(super) fn run(options: &Verify, quiet: bool) -> anyhow::Result<ExitCode> {
    let behaviour = stores::behaviour(&options.chosen, quiet)?;
    let runtimes = options.runtime.map_or_else(|| vec![Runtime::Runc, Runtime::Crun], |name| vec![name.into()]);
    let capabilities = Measure::of(&behaviour).capabilities;
    let candidates = profile_file::compiled(&options.profile, capabilities, &runtimes, quiet)?;
    let mut policy = Policy { dialect: Dialect::default(), ..Policy::default() };
    if options.without_exec {
        policy.origins.remove(&Origin::Exec);
    }
    let checked = refused::check(&behaviour, &policy, &candidates)?;
    print(&checked.text())?;
    if quiet {
        warn(checked.gaps.iter().chain(&checked.masked));
    } else {
        checked.gaps.iter().for_each(|finding| say("not all is in the recording", finding));
        checked.masked.iter().for_each(|finding| say("recorded under a filter", finding));
        let names: Vec<&str> = runtimes.into_iter().map(refused::name).collect();
        tell(&checked.recorded.line("recorded calls"));
        tell(&checked.start.line(&format!("calls that {} cannot start it without", names.join(" and "))));
    }
    Ok(if checked.found() { ExitCode::from(exit::FOUND) } else { ExitCode::SUCCESS })
}

fn say(about: &str, Finding { text, advice, evidence, left_out, .. }: &Finding) {
    let columns = look_of_stderr().prose();
    tell(&wrap(&format!("{about}: {text}. {advice}"), columns, 2));
    for line in evidence {
        tell(&format!("    {}", wrap(&visible(line), columns, 6)));
    }
    if *left_out > 0 {
        tell(&format!("    and {left_out} more, which only the store has"));
    }
}
