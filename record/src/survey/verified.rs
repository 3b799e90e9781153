//! How many instructions the kernel's verifier looked at until it took each program: what is left of its limit, a
//! million. It says so in its log, which each kernel since Linux 5.2 writes.
//!
//! Lives here: reading that log, as libbpf passes it on. Does not: loading (see `kernel`).

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use libbpf_rs::{PrintLevel, set_print};

/// `BPF_LOG_STATS`: numbers alone.
pub(crate) const NUMBERS: u32 = 4;

/// libbpf takes a function without data of its own.
static MESSAGES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn keep(level: PrintLevel, message: String) {
    if level == PrintLevel::Warn {
        // As libbpf itself does: why the kernel refuses a program is in its log. Nobody reads it if stderr is closed.
        let _closed = std::io::stderr().write_all(message.as_bytes());
    } else if message.contains("processed ") {
        messages().push(message);
    }
}

fn messages() -> std::sync::MutexGuard<'static, Vec<String>> {
    MESSAGES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What programs cost the verifier that `load` loads, by name.
pub(super) fn while_loading<T>(load: impl FnOnce() -> T) -> (T, Vec<(String, u64)>) {
    messages().clear();
    let before = set_print(Some((PrintLevel::Debug, keep)));
    let loaded = load();
    set_print(before);
    let mut found: Vec<_> = messages().iter().filter_map(|message| numbers_of(message)).collect();
    found.sort();
    (loaded, found)
}

/// A message names the program, `prog 'on_exit': ...`, and has a line `processed 123 insns (limit 1000000) ...`.
fn numbers_of(message: &str) -> Option<(String, u64)> {
    let name = message.split_once("prog '")?.1.split_once('\'')?.0;
    let count = message.rsplit_once("processed ")?.1.split_once(" insns")?.0;
    Some((name.to_owned(), count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_by_its_last_count() {
        let log =
            "libbpf: prog 'on_exit': -- BEGIN PROG LOAD LOG --\nprocessed 12 insns\nprocessed 3456 insns (limit 1)\n";
        assert_eq!(numbers_of(log), Some(("on_exit".to_owned(), 3456)));
        assert_eq!(numbers_of("libbpf: map 'x': created"), None);
    }
}
