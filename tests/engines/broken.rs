//! Machines that are broken in ways that only root can arrange: no BTF, no room on the disk. One clear error, the
//! documented exit code, and nothing that was recorded is lost.

use std::fs;
use std::process::Command;

use ctrec_recording::{Abi, End, LossKind, Store};
use tempfile::TempDir;

use crate::gate;
use crate::image::text;
use crate::process::{Outcome, run};
use crate::program::Program;
use crate::recorder::{Recorded, ctrec};

/// Runs a shell script in a mount namespace of its own; `$0` is ctrec, `$1` a folder to use.
pub(crate) fn in_own_mounts(script: &str, folder: &TempDir) -> Outcome {
    run(&["unshare", "--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_ctrec"), text(folder.path())])
}

fn assert_refused(outcome: &Outcome, code: i32, needles: &[&str]) {
    assert_eq!(outcome.code, code, "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{}", outcome.stderr);
    for needle in needles {
        assert!(outcome.stderr.contains(needle), "{needle:?} is not in: {}", outcome.stderr);
    }
}

/// Hides what the kernel says of its types.
pub(crate) const NO_BTF: &str = "mount -t tmpfs none /sys/kernel/btf && exec";

#[test]
fn a_kernel_without_btf_is_named() {
    if !gate::open("a_kernel_without_btf_is_named", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let outcome = in_own_mounts(&format!("{NO_BTF} \"$0\" record --output \"$1/store\" --duration 1s"), &folder);
    assert_refused(&outcome, 3, &["BTF"]);
    let outcome = in_own_mounts(&format!("{NO_BTF} \"$0\" record --output \"$1/store\" -- true"), &folder);
    assert_refused(&outcome, 125, &["BTF"]);
}

/// Mounts `$1/btf` where the kernel describes its types.
pub(crate) const OTHER_BTF: &str = "mount --bind \"$1/btf\" /sys/kernel/btf/vmlinux && exec";

#[test]
fn a_kernel_whose_btf_is_damaged_is_named() {
    if !gate::open("a_kernel_whose_btf_is_damaged_is_named", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let whole = fs::read("/sys/kernel/btf/vmlinux").unwrap();
    for damaged in [&b""[..], b"no types at all", &whole[..whole.len() / 2]] {
        fs::write(folder.path().join("btf"), damaged).unwrap();
        let outcome = in_own_mounts(&format!("{OTHER_BTF} \"$0\" record --output \"$1/store\" -- true"), &folder);
        assert_refused(&outcome, 125, &["/sys/kernel/btf/vmlinux", "boot"]);
    }
    assert!(!folder.path().join("store").exists(), "nothing is left behind");
}

/// Lets this kernel look like one without a tracepoint, by another name in what it says of its types.
pub(crate) fn hide_tracepoint(name: &str, folder: &TempDir) {
    let mut btf = fs::read("/sys/kernel/btf/vmlinux").unwrap();
    let name = format!("\0btf_trace_{name}\0");
    // A kernel that has none needs nothing hidden.
    if let Some(at) = btf.windows(name.len()).position(|bytes| bytes == name.as_bytes()) {
        btf[at + 1] = b'x';
    }
    fs::write(folder.path().join("btf"), btf).unwrap();
}

#[test]
fn a_kernel_without_a_hook_is_told_which_one_it_lacks() {
    if !gate::open("a_kernel_without_a_hook_is_told_which_one_it_lacks", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    for hook in [
        "sys_exit",
        "sched_process_fork",
        "sched_process_exec",
        "sched_process_exit",
        "signal_deliver",
        "cgroup_mkdir",
        "cgroup_attach_task",
        "cgroup_rmdir",
    ] {
        hide_tracepoint(hook, &folder);
        let outcome = in_own_mounts(&format!("{OTHER_BTF} \"$0\" record --output \"$1/store\" --duration 1s"), &folder);
        assert_refused(&outcome, 3, &[&format!("no tracepoint {hook},"), "Linux 5.10 or newer"]);
        let outcome = in_own_mounts(&format!("{OTHER_BTF} \"$0\" record --output \"$1/store\" -- true"), &folder);
        assert_refused(&outcome, 125, &[&format!("no tracepoint {hook},")]);
    }
    assert!(!folder.path().join("store").exists(), "nothing is left behind");
}

#[test]
fn a_kernel_that_announces_no_exec_is_recorded_and_says_what_it_cannot_see() {
    if !gate::open("a_kernel_that_announces_no_exec_is_recorded_and_says_what_it_cannot_see", &["gcc"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    hide_tracepoint("sched_prepare_exec", &folder);
    fs::copy(Program::Counts.binary(), folder.path().join("counts")).unwrap();
    let record = format!("{OTHER_BTF} \"$0\" record --output \"$1/store\" -- \"$1/counts\" 1 0 10");
    in_own_mounts(&record, &folder).success();

    let recorded = Recorded::read(&folder.path().join("store"), "counts");
    let hooks = &recorded.recording().header.hooks;
    assert!(hooks.iter().any(|hook| hook.blind_to.iter().any(|what| what.contains("execve"))), "{hooks:?}");
    let counts = recorded.counts(|_| true);
    assert_eq!((counts[&(Abi::X86_64, 24)], counts[&(Abi::X86_64, 59)]), (10, 1), "sched_yield, execve");
    let recommend = ctrec(&["recommend", "--container", "counts", text(&folder.path().join("store"))]);
    assert!(recommend.stderr.contains("execveat"), "the finding: {}", recommend.stderr);
}

/// Unmounts every cgroup hierarchy, the inner ones first.
pub(crate) const NO_CGROUPS: &str =
    "sed -n 's/^[^ ]* \\([^ ]*\\) cgroup2\\{0,1\\} .*/\\1/p' /proc/self/mounts | tac | xargs -n 1 umount && exec";

/// Nothing is told of processes.
pub(crate) const NO_PROC: &str = "umount --lazy /proc && exec";
/// Nothing is told of the kernel.
pub(crate) const NO_SYSFS: &str = "umount --lazy /sys && exec";

#[test]
fn what_is_not_mounted_is_named() {
    if !gate::open("what_is_not_mounted_is_named", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    for (hide, advice) in [(NO_PROC, "mount -t proc"), (NO_SYSFS, "mount -t sysfs")] {
        let outcome = in_own_mounts(&format!("{hide} \"$0\" record --output \"$1/store\" --duration 1s"), &folder);
        assert_refused(&outcome, 3, &["is not mounted", advice]);
    }
}

#[test]
fn a_machine_without_cgroups_is_named() {
    if !gate::open("a_machine_without_cgroups_is_named", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let outcome = in_own_mounts(&format!("{NO_CGROUPS} \"$0\" record --output \"$1/store\" --duration 1s"), &folder);
    assert_refused(&outcome, 3, &["no cgroup hierarchy is mounted", "mount -t cgroup2"]);
    let outcome = in_own_mounts(&format!("{NO_CGROUPS} \"$0\" record --output \"$1/store\" -- true"), &folder);
    assert_refused(&outcome, 125, &["no cgroup hierarchy is mounted"]);
}

#[test]
fn a_store_that_cannot_be_written_is_named() {
    if !gate::open("a_store_that_cannot_be_written_is_named", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let read_only = "mount -t tmpfs -o ro none \"$1\" && exec";
    let outcome = in_own_mounts(&format!("{read_only} \"$0\" record --output \"$1/store\" --duration 1s"), &folder);
    assert_refused(&outcome, 3, &[text(folder.path())]);
    let outcome = in_own_mounts(&format!("{read_only} \"$0\" record --output \"$1/store\" -- true"), &folder);
    assert_refused(&outcome, 125, &[text(folder.path())]);
}

#[test]
fn a_command_that_is_not_there_is_named_harmlessly() {
    if !gate::open("a_command_that_is_not_there_is_named_harmlessly", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let store = folder.path().join("store");
    let outcome = ctrec(&["record", "--output", text(&store), "--", "no\u{1b}[31m\nerror: such"]);
    assert_refused(&outcome, 127, &["no\\u{1b}[31m\\nerror: such", "check its name"]);
    assert_eq!(outcome.stderr.lines().count(), 1, "it is looked for before anything else: {}", outcome.stderr);
    assert!(!outcome.stderr.contains('\u{1b}'), "{}", outcome.stderr);
    let outcome = ctrec(&["record", "--output", text(&store), "--", text(folder.path())]);
    assert_refused(&outcome, 126, &["is not a program"]);
    assert!(!outcome.stderr.contains("recording;"), "{}", outcome.stderr);
    assert!(!store.exists(), "nothing is recorded");
}

#[test]
fn the_root_of_a_user_namespace_is_told_to_go_outside() {
    if !gate::open("the_root_of_a_user_namespace_is_told_to_go_outside", &["unshare"]) {
        return;
    }
    let ctrec = ["unshare", "--user", "--map-root-user", env!("CARGO_BIN_EXE_ctrec")];
    let folder = TempDir::new().unwrap();
    let record = ["record", "--duration", "1s", "--output", text(folder.path())];
    assert_refused(&run(&[ctrec.as_slice(), &record].concat()), 3, &["user namespace", "outside"]);
    let doctor = run(&[ctrec.as_slice(), &["doctor"]].concat());
    assert_eq!(doctor.code, 3, "{doctor:?}");
    let said = doctor.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("missing permission") && said.contains("user namespace"), "{}", doctor.stdout);
}

/// Runs ctrec with another limit of open files.
fn with_limit(limit: &str, words: &[&str]) -> Outcome {
    let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    run(&[&["sh", "-c", &script, env!("CARGO_BIN_EXE_ctrec")], words].concat())
}

#[test]
fn too_few_open_files_are_said_with_what_raises_that() {
    if !gate::open("too_few_open_files_are_said_with_what_raises_that", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let store = folder.path().join("store");
    for few in ["10", "64"] {
        let outcome = with_limit(&format!("-n {few}"), &["record", "--output", text(&store), "--", "true"]);
        assert_refused(&outcome, 125, &[few, "ulimit -n"]);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert!(!store.exists(), "nothing is left behind");
        let doctor = with_limit(&format!("-n {few}"), &["doctor"]);
        let said = doctor.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(doctor.code == 3 && said.contains("missing open files"), "{doctor:?}");
    }
}

#[test]
fn a_low_limit_of_open_files_is_raised_and_the_command_keeps_it() {
    if !gate::open("a_low_limit_of_open_files_is_raised_and_the_command_keeps_it", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let command = ["record", "--output", text(folder.path()), "--", "sh", "-c", "ulimit -Sn"];
    assert_eq!(with_limit("-Sn 64", &command).success(), "64\n");
}

#[test]
fn a_recording_goes_on_when_nobody_reads_its_messages() {
    if !gate::open("a_recording_goes_on_when_nobody_reads_its_messages", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut record = Command::new(env!("CARGO_BIN_EXE_ctrec"));
    record.args(["record", "--output", text(folder.path()), "--", "sh", "-c", "exit 7"]).stderr(writer);
    assert_eq!(record.status().unwrap().code(), Some(7), "the command's own code");
    let recordings = Store::open(folder.path()).and_then(|store| store.read_all()).unwrap();
    assert_eq!(recordings[0].header.end, Some(End::Command { code: 7 }));
}

#[test]
fn a_folder_of_something_else_is_not_recorded_into() {
    if !gate::open("a_folder_of_something_else_is_not_recorded_into", &[]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("holiday.jpg");
    fs::write(&file, "not a recording").unwrap();
    for store in [folder.path(), &file] {
        let outcome = ctrec(&["record", "--output", text(store), "--duration", "1s"]);
        assert_refused(&outcome, 4, &[text(store), "folder"]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is added");
}

/// Fills the disk that the store is on, works until ctrec says so, and makes room again. `$1` is a folder, `$2` the
/// program that makes ten of each call a round.
const WORKLOAD: &str = r#"
head -c 100M /dev/zero > "$1/disk/filler" 2> /dev/null
until grep -q 'cannot be written' "$1/stderr"; do
    "$2" 1 0 10 > /dev/null
    echo >> "$1/rounds"
done
rm "$1/disk/filler"
"#;

/// Records that workload, and saves the store from a disk that ends with the mount namespace.
const RECORD: &str = r#"
mkdir "$1/disk" && mount -t tmpfs -o size=2M none "$1/disk"
"$0" record --window 1s --output "$1/disk/store" -- timeout 60 sh "$1/workload" "$1" "$1/counts" 2> "$1/stderr"
code=$?
cat "$1/stderr" >&2
cp -r "$1/disk/store" "$1/store"
exit $code
"#;

/// The same, and the disk stays full.
const FULL: &str = r#"
head -c 100M /dev/zero > "$1/disk/filler" 2> /dev/null
until grep -q 'cannot be written' "$1/stderr"; do
    "$2" 1 0 10 > /dev/null
    echo >> "$1/rounds"
done
exit 7
"#;

/// The same, with more to be written at the end than any recorder keeps room for.
const MORE_THAN_FULL: &str = r#"
until ls "$1/disk/store"/run=*/windows/w* > /dev/null 2>&1; do :; done
head -c 100M /dev/zero > "$1/disk/filler" 2> /dev/null
until grep -q 'cannot be written' "$1/stderr"; do :; done
mkdir "$1/many"
for number in $(seq 200); do
    cp "$2" "$1/many/$number" && "$1/many/$number" 1 0 1 > /dev/null
done
exit 7
"#;

#[test]
fn a_disk_that_stays_full_takes_the_last_window() {
    if !gate::open("a_disk_that_stays_full_takes_the_last_window", &["gcc"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("workload"), FULL).unwrap();
    fs::copy(Program::Counts.binary(), folder.path().join("counts")).unwrap();
    let outcome = in_own_mounts(RECORD, &folder);
    assert_eq!(outcome.code, 7, "the command's own: {outcome:?}");
    assert!(outcome.stderr.contains("next: ctrec recommend"), "{outcome:?}");

    let rounds = fs::read(folder.path().join("rounds")).unwrap().len() as u64;
    let recordings = Store::open(folder.path().join("store")).and_then(|store| store.read_all()).unwrap();
    let yields = recordings[0].calls.iter().filter(|call| (call.abi, call.number) == (Abi::X86_64, 24));
    assert_eq!(yields.map(|call| call.succeeded).sum::<u64>(), 10 * rounds, "sched_yield, all of them");
    assert_eq!(recordings[0].header.end, Some(End::Command { code: 7 }));
}

#[test]
fn what_a_full_disk_did_not_take_is_said_and_why() {
    if !gate::open("what_a_full_disk_did_not_take_is_said_and_why", &["gcc"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("workload"), MORE_THAN_FULL).unwrap();
    fs::copy(Program::Counts.binary(), folder.path().join("counts")).unwrap();
    let outcome = in_own_mounts(&RECORD.replace("--window 1s", "--window 1s --format json"), &folder);
    assert_refused(
        &outcome,
        125,
        &["the last counts could not be written, and are lost", "the disk is full: free some"],
    );
    assert!(outcome.stderr.contains(", 1 LOSS in ") && outcome.stderr.contains("  RECORDED  "), "{outcome:?}");

    let store = folder.path().join("store");
    let recordings = Store::open(&store).and_then(|store| store.read_all()).unwrap();
    assert!(!recordings[0].windows.is_empty(), "what was sealed before is there");
    assert!(recordings[0].losses.iter().any(|loss| loss.kind == LossKind::CutOff));
    let listed = ctrec(&["list", text(&store)]).success();
    let listed = listed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(listed.contains("failed: the last counts could not be written"), "{listed}");
    let Some(End::Failure { message }) = &recordings[0].header.end else { panic!("{listed}") };
    assert!(message.contains("No space left on device"), "{message}");
}

#[test]
fn a_full_disk_delays_windows_and_loses_nothing() {
    if !gate::open("a_full_disk_delays_windows_and_loses_nothing", &["gcc"]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("workload"), WORKLOAD).unwrap();
    fs::copy(Program::Counts.binary(), folder.path().join("counts")).unwrap();
    in_own_mounts(RECORD, &folder).success();

    let rounds = fs::read(folder.path().join("rounds")).unwrap().len() as u64;
    let recordings = Store::open(folder.path().join("store")).and_then(|store| store.read_all()).unwrap();
    let yields = recordings[0].calls.iter().filter(|call| (call.abi, call.number) == (Abi::X86_64, 24));
    assert_eq!(yields.map(|call| call.succeeded).sum::<u64>(), 10 * rounds, "sched_yield, all of them");
    assert!(recordings[0].losses.iter().any(|loss| loss.kind == LossKind::WriteDelayed));
}
