//! `ctrec man`: a page for ctrec and one for each command, from the definitions that the help comes from.
//!
//! Lives here: sections, and which text goes where. Does not: the words (see `cli` and `help`).

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::{Arguments, Man};
use crate::output::{OutputError, print, write};

/// What a paragraph below the options begins with where it is a section of its own, and what the section is called.
const SECTIONS: [(&str, &str); 2] = [("Examples:", "EXAMPLES"), ("Exit codes:", "EXIT STATUS")];

pub(super) fn run(options: &Man) -> anyhow::Result<ExitCode> {
    let mut ctrec = Arguments::command().disable_help_subcommand(true);
    ctrec.build();
    let commands = || ctrec.get_subcommands().filter(|command| !command.is_hide_set());
    match (&options.output, &options.command) {
        (None, None) => print(&page(&ctrec, &ctrec)?)?,
        (None, Some(name)) => {
            let known = || commands().map(Command::get_name).collect::<Vec<_>>().join(", ");
            let command = commands().find(|command| command.get_name() == name);
            print(&page(command.with_context(|| format!("{name:?} is no command; there are {}", known()))?, &ctrec)?)?;
        }
        (Some(folder), _) => {
            make_folder(folder)?;
            for command in commands().chain([&ctrec]) {
                write(&folder.join(format!("{}.1", title(command))), &page(command, &ctrec)?)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn make_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| OutputError::to(folder, source))?;
    Ok(())
}

/// `ctrec`, `ctrec-record`: the name of a page.
fn title(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The page of ctrec or of one of its commands.
fn page(command: &Command, ctrec: &Command) -> anyhow::Result<String> {
    // The paragraphs below the options become sections, which the generator does not know.
    let man = clap_mangen::Man::new(command.clone());
    let version = ctrec.get_version().unwrap_or_default();
    // The generator would leave out an empty date, and the version be taken for one.
    let mut page = format!(".TH {} 1 \"\" \"ctrec {version}\" ctrec\n", title(command)).into_bytes();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (prose, sections): (Vec<&str>, Vec<&str>) = below.split("\n\n").partition(|text| section(text).is_none());
    let mut roff = Roff::new();
    for paragraph in prose.iter().filter(|text| !text.is_empty()) {
        roff.control("PP", []).text([roman(*paragraph)]);
    }
    roff.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::new();
    sections.iter().filter_map(|text| section(text)).for_each(|(name, body)| add_section(&mut roff, name, body));
    see_also(&mut roff, command, ctrec);
    roff.to_writer(&mut page)?;
    Ok(String::from_utf8(page)?)
}

/// The section that a paragraph is, and the rest of it.
fn section(paragraph: &str) -> Option<(&'static str, &str)> {
    let begins = |(beginning, name): &(&str, &'static str)| {
        Some((*name, paragraph.strip_prefix(beginning)?.trim_start_matches(' ')))
    };
    SECTIONS.iter().find_map(begins)
}

/// Indented lines are shown as they stand.
fn add_section(roff: &mut Roff, name: &str, body: &str) {
    roff.control("SH", [name]);
    let (lines, prose): (Vec<&str>, Vec<&str>) = body.lines().partition(|line| line.starts_with("  "));
    let prose = prose.join("\n");
    if !prose.trim().is_empty() {
        roff.text([roman(prose.trim())]);
    }
    if !prose.trim().is_empty() && !lines.is_empty() {
        roff.control("PP", []);
    }
    if !lines.is_empty() {
        roff.control("nf", []).control("RS", ["4"]);
        for line in lines {
            roff.text([roman(line.trim_start())]);
        }
        roff.control("RE", []).control("fi", []);
    }
}

/// The other pages.
fn see_also(roff: &mut Roff, command: &Command, ctrec: &Command) {
    let commands = ctrec.get_subcommands().filter(|other| !other.is_hide_set());
    let others: Vec<&str> =
        [ctrec].into_iter().chain(commands).map(title).filter(|other| *other != title(command)).collect();
    roff.control("SH", ["SEE ALSO"]);
    for (index, other) in others.iter().enumerate() {
        let comma = if index + 1 < others.len() { "," } else { "" };
        roff.text([bold(*other), roman(format!("(1){comma}"))]);
    }
}
