//! Makes `RESULTS.md` and `results.svg` of what `scripts/bench.sh` measured, and says which aims were met.
//!
//! Lives here: what is compared with what, the aims, the tables. Does not: measuring, and how the plot is drawn
//! (`plot.rs`).
//!
//! Usage: `results MEASURED FOLDER`. `MEASURED/SUBJECT-VARIANT` has a line of numbers for each attachment, or
//! `MEASURED/SUBJECT-VARIANT.error` says why there are none.

#![expect(clippy::unwrap_used, reason = "what cannot be measured ends the measurement")]
#![expect(clippy::print_stdout, reason = "the result is what it is run for")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

mod plot;

/// What a call can be made under: the name of its files, and the words for it.
const VARIANTS: [(&str, &str); 8] = [
    ("nothing", "nothing attached"),
    ("empty", "empty program on the hook"),
    ("recorded", "**recorded by ctrec**"),
    ("bystander", "bystander of a recording"),
    ("hash", "counted in a hash map"),
    ("bpftrace", "counted by bpftrace"),
    ("strace", "`strace -c -f`"),
    ("perf", "`perf trace -s`"),
];

/// One subject under one variant.
struct Measured {
    /// Of calls: the first, the 50th and the 90th percentile, in ns. Of servers: requests a second, and the server's
    /// processor time for a request in microseconds.
    numbers: [f64; 3],
    attachments: usize,
}

/// All of it, read from a folder.
struct Results<'a>(&'a Path);

impl Results<'_> {
    /// The medians of all attachments. The least would be the luck of one: what an empty program adds differs by half
    /// from one place that the kernel gives it to the next.
    fn measured(&self, subject: &str, variant: &str) -> Result<Measured, String> {
        let columns = self.columns(subject, variant)?;
        let attachments = columns[0].len();
        let median = |column: &Vec<f64>| column.get((attachments - 1) / 2).copied().unwrap_or_default();
        Ok(Measured { numbers: columns.each_ref().map(median), attachments })
    }

    /// The columns of a file, each in order of size. A server has two.
    fn columns(&self, subject: &str, variant: &str) -> Result<[Vec<f64>; 3], String> {
        let file = self.0.join(format!("{subject}-{variant}"));
        let Ok(text) = fs::read_to_string(&file) else {
            let error = fs::read_to_string(file.with_extension("error"));
            return Err(error.map_or_else(|_| "not measured".to_owned(), |error| error.trim().to_owned()));
        };
        let mut columns = <[Vec<f64>; 3]>::default();
        for line in text.lines() {
            let numbers = line.split(' ').map(|number| number.parse().unwrap());
            columns.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
        }
        for column in &mut columns {
            column.sort_by(f64::total_cmp);
        }
        Ok(columns)
    }

    /// What a variant adds to a call, in ns.
    fn added(&self, subject: &str, variant: &str) -> Option<f64> {
        let of = |variant| self.measured(subject, variant).ok().map(|measured| measured.numbers[0]);
        Some(of(variant)? - of("nothing")?)
    }

    fn added_ratio(&self, subject: &str, variant: &str, other: &str) -> Option<f64> {
        Some(self.added(subject, variant)? / self.added(subject, other)?)
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let (measured, folder) = (words.next().unwrap(), words.next().unwrap());
    let results = Results(Path::new(&measured));
    let (aims, all_met) = aims(&results);
    let page = page(&results, &aims);
    fs::write(Path::new(&folder).join("RESULTS.md"), &page).unwrap();
    fs::write(Path::new(&folder).join("results.svg"), plot::draw(&results)).unwrap();
    println!("{page}");
    if all_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn page(results: &Results<'_>, aims: &str) -> String {
    let machine = fs::read_to_string(results.0.join("machine")).unwrap();
    let machine = machine.lines().collect::<Vec<_>>().join("; ");
    format!(
        "# What recording costs, measured\n\n\
         Written by `scripts/bench.sh`. All variants in one run, interleaved in random order, each attached anew every \
         time.\n\nMachine: {machine}.\n\n![What is added to a call, and what servers spend on a request](results.svg)\n\n\
         ## Aims\n\n{aims}\n\
         ## A call (getppid), one thread\n\n\
         ns a call: the first percentile of chunks of 300 calls; the median and the 90th percentile of the chunks have \
         other load of the machine in them. Of each the median of all attachments: where the kernel places a program \
         changes what it costs. *Added* is \
         what is above nothing attached. \"Recorded\" and \"bystander\" is all of ctrec, with outcomes, errnos, times and \
         capability checks; the hash map counts by cgroup and number on the same hook, and nothing else; bpftrace does \
         so on the tracepoint `raw_syscalls:sys_exit`.\n\n{}\n\
         ## Two threads at once, each on a processor of its own\n\n{}\n\
         ## Servers\n\n\
         One thread, on a processor of its own where there are two, driven by redis-benchmark (SET and GET, 20 clients) \
         and wrk (a file of 1000 bytes, 20 connections) from outside of what is recorded. The medians of all attachments; \
         processor time is the server's, the tools' own is not in it. A server's work varies more from one attachment to \
         the next than ctrec adds: by this table, nothing is ranked that is less than a third apart.\n\n{}\n\
         ## A call with one capability check\n\n\
         The empty program is on the hook for checks alone, so that what is above it holds the recording of the call as \
         well.\n\n{}\n\
         ## mmap and munmap, where the kernel probes for a capability\n\n{}",
        calls(results, "one"),
        calls(results, "two"),
        servers(results),
        checks(results, "check"),
        checks(results, "map"),
    )
}

/// The aims, and whether all were met.
fn aims(results: &Results<'_>) -> (String, bool) {
    let above_empty = |subject| {
        let of = |variant| results.measured(subject, variant).ok().map(|measured| measured.numbers[0]);
        Some((of("recorded")?, of("empty_check")?))
    };
    let most = [
        (
            "recorded adds at most 1.25 times what an empty program adds",
            results.added_ratio("one", "recorded", "empty"),
            1.25,
        ),
        ("a bystander at most 1.15 times", results.added_ratio("one", "bystander", "empty"), 1.15),
        (
            "a capability check costs at most 300 ns above an empty program",
            above_empty("check").map(|(own, empty)| own - empty),
            300.0,
        ),
        (
            "mmap and munmap take at most 1.3 times what they take with one",
            above_empty("map").map(|(own, empty)| own / empty),
            1.3,
        ),
    ];
    let least = [
        ("bpftrace adds at least 5 times what ctrec adds", results.added_ratio("one", "bpftrace", "recorded"), 5.0),
        ("strace at least 200 times", results.added_ratio("one", "strace", "recorded"), 200.0),
    ];
    let most = most.into_iter().map(|(aim, value, limit)| (aim, value, value.map(|value| value <= limit)));
    let least = least.into_iter().map(|(aim, value, limit)| (aim, value, value.map(|value| value >= limit)));
    let mut text = String::from("| aim | measured | |\n|---|---|---|\n");
    let mut all_met = true;
    for (aim, value, met) in most.chain(least) {
        let value = value.map_or_else(
            || "-".to_owned(),
            |value| if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") },
        );
        let verdict = match met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "not measured",
        };
        all_met &= met == Some(true);
        writeln!(text, "| {aim} | {value} | {verdict} |").unwrap();
    }
    (text, all_met)
}

/// The table of a call under every variant.
fn calls(results: &Results<'_>, subject: &str) -> String {
    let mut text = String::from(
        "| | ns | added | of an empty program | median | 90th percentile | attachments |\n|---|---|---|---|---|---|---|\n",
    );
    for (variant, words) in VARIANTS {
        let line = match results.measured(subject, variant) {
            Ok(Measured { numbers: [first, median, high], attachments }) => {
                let added = results.added(subject, variant).filter(|_| variant != "nothing");
                let ratio = results.added_ratio(subject, variant, "empty").filter(|_| added.is_some());
                let added = added.map(|added| format!("{added:.1}")).unwrap_or_default();
                let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
                format!("{first:.1} | {added} | {ratio} | {median:.0} | {high:.0} | {attachments}")
            }
            Err(error) => format!("could not be measured: {} | | | | |", in_a_cell(&error)),
        };
        writeln!(text, "| {words} | {line} |").unwrap();
    }
    text
}

/// The table of the servers.
fn servers(results: &Results<'_>) -> String {
    let mut text = String::from(
        "| | redis, requests/s | of nothing | CPU, µs a request | nginx, requests/s | of nothing | CPU, µs a request | attachments |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (variant, words) in VARIANTS {
        let mut attached = 0;
        let cells = ["redis", "nginx"].map(|server| {
            match (results.measured(server, variant), results.measured(server, "nothing")) {
                (Ok(measured), Ok(nothing)) => {
                    attached = measured.attachments;
                    let [rate, cpu, _] = measured.numbers;
                    format!("{rate:.0} | {:.2} | {cpu:.1}", rate / nothing.numbers[0])
                }
                (Err(error), _) | (_, Err(error)) => format!("could not be measured: {} | |", in_a_cell(&error)),
            }
        });
        writeln!(text, "| {words} | {} | {attached} each |", cells.join(" | ")).unwrap();
    }
    text
}

/// The table of a call with a capability check.
fn checks(results: &Results<'_>, subject: &str) -> String {
    let cells = ["nothing", "empty_check", "recorded"].map(|variant| match results.measured(subject, variant) {
        Ok(measured) => format!("{:.1}", measured.numbers[0]),
        Err(error) => format!("could not be measured: {}", in_a_cell(&error)),
    });
    format!(
        "| nothing attached, ns | empty program on the hook | recorded |\n|---|---|---|\n| {} |\n",
        cells.join(" | ")
    )
}

/// What a tool said, in a cell of a table.
fn in_a_cell(error: &str) -> String {
    format!("`{}`", error.replace('`', "'").replace('|', "\\|"))
}
