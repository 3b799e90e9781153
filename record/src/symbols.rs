//! Names of kernel functions by address.
//!
//! Lives here: reading `/proc/kallsyms`, and which functions of a stack only pass a question on. Does not: what a
//! function's question means.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};

const KALLSYMS: &str = "/proc/kallsyms";

/// Functions between a hook and the one that asked: they say nothing about why. Suffixes of the compiler are left off.
const WRAPPERS: [&str; 15] = [
    "cap_capable",
    "security_capable",
    "capable",
    "ns_capable",
    "ns_capable_common",
    "ns_capable_noaudit",
    "ns_capable_setid",
    "capable_wrt_inode_uidgid",
    "file_ns_capable",
    "has_ns_capability",
    "has_ns_capability_noaudit",
    "has_capability",
    "has_capability_noaudit",
    "privileged_wrt_inode_uidgid",
    "sb_ns_capable",
];
/// What hooks themselves look like in a stack.
const MACHINERY: [&str; 12] = [
    "bpf_prog_",
    "bpf_trampoline_",
    "bpf_trace_run",
    "bpf_get_stack",
    "__bpf_trace_",
    "__traceiter_",
    "__probestub_",
    "arch_rethook",
    "rethook_",
    "kretprobe_",
    "kprobe_",
    "__kretprobe_trampoline",
];

/// Names by address, as far as they were asked for. What is not asked for is not kept: a kernel has 100,000.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    names: HashMap<u64, String>,
}

impl Symbols {
    /// Finds the names of addresses, those of modules loaded meanwhile too. One without a name gets an empty one.
    pub(crate) fn learn(&mut self, addresses: impl IntoIterator<Item = u64>) -> io::Result<()> {
        let new: Vec<u64> = addresses.into_iter().filter(|address| !self.names.contains_key(address)).collect();
        if !new.is_empty() {
            self.names.extend(find(&fs::read_to_string(KALLSYMS)?, &new));
        }
        Ok(())
    }

    /// The stack as names from the function that asked outward; empty where no symbol is known.
    pub(crate) fn stack_of_asker(&self, frames: &[u64]) -> Vec<&str> {
        let names: Vec<&str> =
            frames.iter().map(|address| self.names.get(address).map_or("", String::as_str)).collect();
        // What lies before the first wrapper is the hook itself, and may have lost its name by now: it is detached
        // when the last samples are looked at. A return probe stands in for the wrapper that it returns from.
        let first = names.iter().position(|name| WRAPPERS.contains(&plain(name))).unwrap_or_default();
        let asks = |name: &&str| !name.is_empty() && !passes_on(plain(name));
        names.iter().skip(first).skip_while(|name| !asks(name)).copied().collect()
    }
}

/// Whether a kernel shows its functions' addresses to this process.
pub(crate) fn are_shown() -> bool {
    // The first lines may be offsets of per-CPU variables, which begin at 0.
    let lines = File::open(KALLSYMS).map(|file| BufReader::new(file).lines());
    lines.is_ok_and(|lines| lines.map_while(Result::ok).any(|line| symbol(&line).is_some()))
}

/// A function's name without what the compiler adds: `.isra.0`, `.constprop.0`, `.part.0`, `.cold`.
pub(crate) fn plain(name: &str) -> &str {
    name.split_once('.').map_or(name, |(name, _)| name)
}

fn passes_on(name: &str) -> bool {
    WRAPPERS.contains(&name) || MACHINERY.iter().any(|start| name.starts_with(start))
}

/// For each address the name of the function that it lies in: the nearest that starts at or below it.
fn find(table: &str, addresses: &[u64]) -> HashMap<u64, String> {
    let mut functions: Vec<(u64, &str)> = table.lines().filter_map(symbol).collect();
    functions.sort_unstable();
    let name = |address: &u64| {
        let above = functions.partition_point(|(start, _)| start <= address);
        above.checked_sub(1).map_or_else(String::new, |at| functions[at].1.to_owned())
    };
    addresses.iter().map(|address| (*address, name(address))).collect()
}

/// Start and name of a function: `ffffffff81000000 T _text` or `... t name [module]`.
fn symbol(line: &str) -> Option<(u64, &str)> {
    let mut words = line.split_whitespace();
    let (start, kind, name) = (words.next()?, words.next()?, words.next()?);
    let start = u64::from_str_radix(start, 16).ok().filter(|start| *start != 0)?;
    matches!(kind, "t" | "T" | "w" | "W").then_some((start, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "ffff000000001000 T capable\nffff000000001100 t vfs_mknod\nffff000000000100 d data\n\
        ffff000000001200 t __set_oom_adj.isra.0\nffff000000005000 t ext4_x\t[ext4]\n";

    fn symbols(addresses: &[u64]) -> Symbols {
        Symbols { names: find(TABLE, addresses) }
    }

    #[test]
    fn an_address_is_in_the_function_that_starts_below_it() {
        let stack = [0xffff_0000_0000_1001, 0xffff_0000_0000_1100, 0xffff_0000_0000_12ff, 0xffff_0000_0000_5010];
        assert_eq!(symbols(&stack).stack_of_asker(&stack), ["vfs_mknod", "__set_oom_adj.isra.0", "ext4_x"]);
    }

    #[test]
    fn what_only_passes_a_question_on_is_left_out() {
        let stack = [0xffff_0000_0000_1005];
        assert!(symbols(&stack).stack_of_asker(&stack).is_empty());
        let unknown = [0x10, 0xffff_0000_0000_1105];
        assert_eq!(symbols(&unknown).stack_of_asker(&unknown), ["vfs_mknod"]);
    }

    #[test]
    fn what_is_within_the_hook_is_no_asker_whatever_it_is_called() {
        let stack = [0xffff_0000_0000_5010, 0xffff_0000_0000_1005, 0xffff_0000_0000_1105];
        assert_eq!(symbols(&stack).stack_of_asker(&stack), ["vfs_mknod"]);
    }

    #[test]
    fn hidden_addresses_are_no_symbols() {
        assert_eq!(symbol("0000000000000000 T _text"), None);
        assert_eq!(plain("__set_oom_adj.isra.0"), "__set_oom_adj");
    }
}
