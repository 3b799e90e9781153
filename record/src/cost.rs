//! What the recorder itself costs: its CPU time and memory, and the run time of its programs.
//!
//! Lives here: when the kernel measures programs, and sums of what it measured. Does not: reading one program (see
//! `program_info`), or what the process took (see `own`).
//!
//! The kernel measures all programs of the host or none, at two readings of the clock for each run: the hot path would
//! take twice as long. So it is asked to for a moment in every minute.

use std::io;
use std::time::{Duration, Instant};

use ctrec_recording::{Cost, ProgramsCost};

use crate::error::RecordError;
use crate::gauge::{Gauge, why};
use crate::kernel::Kernel;
use crate::own::{peak_memory, processor_ns};
use crate::program_info::RunTime;

/// How long one sample takes.
const SAMPLE: Duration = Duration::from_millis(200);
/// From the beginning of a sample to that of the next.
const EVERY: Duration = Duration::from_secs(60);

/// A sample that is being taken.
#[derive(Debug)]
struct Sample {
    started: Instant,
    before: RunTime,
}

/// What something cost since a moment.
#[derive(Debug, Clone, Copy)]
struct Bill {
    recorder_before_ns: u64,
    programs: Option<ProgramsCost>,
}

impl Bill {
    fn open() -> Result<Self, RecordError> {
        Ok(Self { recorder_before_ns: processor_ns()?, programs: None })
    }

    fn add(&mut self, sample: ProgramsCost) {
        let programs = self.programs.get_or_insert_default();
        programs.sampled_ns += sample.sampled_ns;
        programs.run_ns += sample.run_ns;
        programs.runs += sample.runs;
    }

    /// What the kernel holds is left out: asking takes a file for each map.
    fn cost(&self) -> Result<Cost, RecordError> {
        Ok(Cost {
            recorder_ns: processor_ns()?.saturating_sub(self.recorder_before_ns),
            recorder_bytes: peak_memory()?,
            kernel_bytes: None,
            programs: self.programs,
        })
    }
}

/// Sums up what a recording costs, and the run that it is in.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Whoever has the kernel measure, or why nobody does.
    gauge: Result<Gauge, String>,
    recording: Bill,
    run: Bill,
    sample: Option<Sample>,
    /// When a sample begins or ends; `None`: the kernel takes none.
    due: Option<Instant>,
}

impl Meter {
    /// Starts with a sample at once, so that a short run has one too.
    pub(crate) fn start(gauge: io::Result<Gauge>) -> Result<Self, RecordError> {
        let bill = Bill::open()?;
        let gauge = gauge.map_err(|error| why(&error));
        Ok(Self { gauge, recording: bill, run: bill, sample: None, due: Some(Instant::now()) })
    }

    /// Another run goes on, with a sample of its own.
    pub(crate) fn begin_run(&mut self, kernel: &Kernel<'_>) -> Result<(), RecordError> {
        self.run = Bill::open()?;
        self.due = self.due.map(|_| Instant::now());
        self.turn(kernel)
    }

    /// When [`Meter::turn`] has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Begins or ends a sample, if it is time.
    pub(crate) fn turn(&mut self, kernel: &Kernel<'_>) -> Result<(), RecordError> {
        if self.due.is_none_or(|due| Instant::now() < due) {
            return Ok(());
        }
        if self.sample.is_some() { self.end_sample(kernel) } else { self.begin_sample(kernel) }
    }

    fn begin_sample(&mut self, kernel: &Kernel<'_>) -> Result<(), RecordError> {
        // Not before Linux 5.8, and not without CAP_SYS_ADMIN: what a recording costs is then not said.
        if let Ok(gauge) = &mut self.gauge
            && let Err(error) = gauge.begin()
        {
            self.gauge = Err(why(&error));
        }
        if self.gauge.is_err() {
            self.due = None;
            return Ok(());
        }
        let started = Instant::now();
        self.sample = Some(Sample { started, before: kernel.run_time()? });
        self.due = Some(started + SAMPLE);
        Ok(())
    }

    /// Ends a sample that is being taken. To be called before programs are detached.
    pub(crate) fn end_sample(&mut self, kernel: &Kernel<'_>) -> Result<(), RecordError> {
        let Some(sample) = self.sample.take() else { return Ok(()) };
        let after = kernel.run_time()?;
        // Should it be gone, nothing is measured any more, and the next sample finds that out.
        drop(self.gauge.as_mut().map(Gauge::end).ok());
        let measured = ProgramsCost {
            sampled_ns: nanoseconds(sample.started.elapsed()),
            run_ns: after.run_ns.saturating_sub(sample.before.run_ns),
            runs: after.runs.saturating_sub(sample.before.runs),
        };
        self.recording.add(measured);
        self.run.add(measured);
        self.due = Some(sample.started + EVERY);
        Ok(())
    }

    /// Why the kernel does not measure; `None`: it does.
    pub(crate) fn unmeasured(&self) -> Option<&str> {
        self.gauge.as_ref().err().map(String::as_str)
    }

    /// What all runs cost so far.
    pub(crate) fn of_recording(&self) -> Result<Cost, RecordError> {
        self.recording.cost()
    }

    /// What the run cost so far.
    pub(crate) fn of_run(&self) -> Result<Cost, RecordError> {
        self.run.cost()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
