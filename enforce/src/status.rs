//! What a task's own kernel record says of its confinement: `/proc/PID/status`.
//!
//! Lives here: seccomp mode, number of filters, `no_new_privs`, capability sets. Does not: the filters themselves (see
//! [`crate::live`]).

use std::{collections::BTreeMap, fs, io};

use thiserror::Error;

use crate::capabilities::CapabilityList;

/// How seccomp confines a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeccompMode {
    /// Not at all.
    Disabled,
    /// read, write, exit and sigreturn only.
    Strict,
    /// By filters.
    Filter,
}

/// A task's confinement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Seccomp mode.
    pub mode: SeccompMode,
    /// Number of filters in force; `None` before Linux 5.9.
    pub filters: Option<u32>,
    /// Whether execve can no longer give privileges.
    pub no_new_privs: bool,
    /// Thread that traces it, if any.
    pub tracer: Option<i32>,
    /// Whether it has ended and waits to be reaped.
    pub ended: bool,
    /// Capabilities that an execve can pass on together with the file's.
    pub inheritable: CapabilityList,
    /// Capabilities that it may make effective.
    pub permitted: CapabilityList,
    /// Capabilities that it has.
    pub effective: CapabilityList,
    /// Capabilities that it can ever have.
    pub bounding: CapabilityList,
    /// Capabilities that survive an execve without privileges.
    pub ambient: CapabilityList,
}

/// Why a status cannot be told.
#[derive(Debug, Error)]
pub enum StatusError {
    /// Nothing has this id.
    #[error("there is no process or thread {pid}")]
    NoSuchProcess {
        /// The id.
        pid: i32,
    },
    /// The record could not be read.
    #[error("cannot read the status of process {pid}; is /proc mounted?")]
    Read {
        /// The id.
        pid: i32,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A field is missing or is not what it should be.
    #[error("the kernel's status has no readable {field}: was it built without seccomp?")]
    Field {
        /// The field.
        field: &'static str,
    },
}

impl Status {
    /// Reads the status of a process or of a thread.
    pub fn of(pid: i32) -> Result<Self, StatusError> {
        // The record holds the program's name, which is any bytes.
        match fs::read(format!("/proc/{pid}/status")) {
            Ok(bytes) => Self::parse(&String::from_utf8_lossy(&bytes)),
            Err(source) if gone(&source) => Err(StatusError::NoSuchProcess { pid }),
            Err(source) => Err(StatusError::Read { pid, source }),
        }
    }

    fn parse(text: &str) -> Result<Self, StatusError> {
        // The kernel escapes newlines in the program's name, so it cannot forge a field.
        let fields = Fields(text.lines().filter_map(|line| line.split_once(':')).collect());
        let mode = match fields.number("Seccomp")? {
            0 => SeccompMode::Disabled,
            1 => SeccompMode::Strict,
            2 => SeccompMode::Filter,
            _ => return Err(StatusError::Field { field: "Seccomp" }),
        };
        Ok(Self {
            mode,
            filters: fields.number("Seccomp_filters").ok().and_then(|count| u32::try_from(count).ok()),
            no_new_privs: fields.number("NoNewPrivs")? != 0,
            tracer: i32::try_from(fields.number("TracerPid")?).ok().filter(|tracer| *tracer != 0),
            ended: fields.text("State")?.starts_with(['Z', 'X']),
            inheritable: fields.capabilities("CapInh")?,
            permitted: fields.capabilities("CapPrm")?,
            effective: fields.capabilities("CapEff")?,
            bounding: fields.capabilities("CapBnd")?,
            ambient: fields.capabilities("CapAmb")?,
        })
    }
}

/// A task that ends while its record is read gives ESRCH.
fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn text(&self, field: &'static str) -> Result<&'a str, StatusError> {
        self.0.get(field).map(|value| value.trim()).ok_or(StatusError::Field { field })
    }

    fn number(&self, field: &'static str) -> Result<u64, StatusError> {
        self.text(field)?.parse().map_err(|_| StatusError::Field { field })
    }

    fn capabilities(&self, field: &'static str) -> Result<CapabilityList, StatusError> {
        let mask = u64::from_str_radix(self.text(field)?, 16).map_err(|_| StatusError::Field { field })?;
        Ok(CapabilityList::from_mask(mask))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Name:\tng:inx\nState:\tS (sleeping)\nTracerPid:\t0\nCapInh:\t0000000000000000\n\
        CapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n\
        NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n";

    #[test]
    fn a_confined_container_is_read() {
        let status = Status::parse(TEXT).unwrap();
        assert_eq!((status.mode, status.filters), (SeccompMode::Filter, Some(3)));
        assert!(status.no_new_privs && !status.ended && status.tracer.is_none());
        assert_eq!(status.effective.names().len(), 14);
        assert!(status.ambient.names().is_empty());
    }

    #[test]
    fn an_old_kernel_counts_no_filters() {
        let text = TEXT.replace("Seccomp_filters:\t3\n", "");
        assert_eq!(Status::parse(&text).unwrap().filters, None);
    }

    #[test]
    fn a_kernel_without_seccomp_is_named() {
        let text = TEXT.replace("Seccomp:\t2\n", "");
        assert!(matches!(Status::parse(&text), Err(StatusError::Field { field: "Seccomp" })));
    }

    #[test]
    fn this_process_has_a_status_and_nobody_has_none() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(!Status::of(pid).unwrap().ended);
        assert!(matches!(Status::of(i32::MAX), Err(StatusError::NoSuchProcess { pid: i32::MAX })));
    }
}
