//! What is written is what is read, whatever it is.

use std::fmt::Debug;

use ctrec_recording::{
    Abi, Argument, Asker, Audit, Call, Cause, Check, Container, Ended, Errno, Format, Identity, Loss, LossKind,
    Namespace, Origin, Phase, Program, Recording, Segment, Start, Values, Whose, Window,
};
use proptest::prelude::*;
use proptest::{collection, option, sample};

use super::samples::{FOLDERS, HOSTILE, ended as ended_run, files, finished, names_below, read, segment, writer};

fn text() -> impl Strategy<Value = String> {
    let long = any::<char>().prop_map(|letter| letter.to_string().repeat(4096 / letter.len_utf8()));
    prop_oneof![any::<String>(), sample::select(HOSTILE.as_slice()).prop_map(str::to_owned), long]
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), Just(u64::MAX), Just(0)]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
}

fn abi() -> impl Strategy<Value = Abi> {
    sample::select([Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64, Abi::Arm].as_slice())
}

fn origin() -> impl Strategy<Value = Origin> {
    sample::select([Origin::Init, Origin::Exec].as_slice())
}

fn phase() -> impl Strategy<Value = Phase> {
    sample::select([Phase::Setup, Phase::Runtime, Phase::Workload].as_slice())
}

fn loss_kind() -> impl Strategy<Value = LossKind> {
    let kinds = [
        LossKind::SlotsFull,
        LossKind::MapFull,
        LossKind::RingFull,
        LossKind::RecursionMiss,
        LossKind::MovedOut,
        LossKind::ReadFault,
        LossKind::AttachGap,
        LossKind::LeftRunning,
        LossKind::Unresolved,
        LossKind::Undecided,
        LossKind::CutOff,
        LossKind::WriteDelayed,
    ];
    sample::select(kinds.to_vec())
}

fn who() -> impl Strategy<Value = (u32, u32, Origin, Phase)> {
    (any::<u32>(), any::<u32>(), origin(), phase())
}

prop_compose! {
    fn a_call(window: u32)(
        (container, program, origin, phase) in who(), abi in abi(), number in time(),
        (succeeded, failed, interrupted, unfinished) in (count(), count(), count(), count()), refused in option::of(count()),
        first_ns in time(), last_ns in time(),
    ) -> Call {
        Call {
            window, container, program, origin, phase, abi, number, succeeded, failed, interrupted, unfinished, refused,
            first_ns, last_ns,
        }
    }
}

prop_compose! {
    fn an_errno(window: u32)(
        (container, program, origin, phase) in who(), abi in abi(), number in time(), errno in any::<i32>(),
        count in count(),
    ) -> Errno {
        Errno { window, container, program, origin, phase, abi, number, errno, count }
    }
}

prop_compose! {
    fn an_argument(window: u32)(
        (container, program, origin, phase) in who(), abi in abi(), number in time(), index in any::<u32>(),
        value in count(), count in count(),
    ) -> Argument {
        Argument { window, container, program, origin, phase, abi, number, index, value, count }
    }
}

prop_compose! {
    fn some_values(window: u32)(
        (container, program, origin, phase) in who(), abi in abi(), number in time(), (many, succeeded) in any::<(bool, bool)>(),
        (argument_0, argument_1, argument_2) in (option::of(count()), option::of(count()), option::of(count())),
    ) -> Values {
        Values {
            window, container, program, origin, phase, abi, number, many, succeeded, argument_0, argument_1, argument_2,
        }
    }
}

prop_compose! {
    fn a_start(window: u32)((container, program, origin, phase) in who(), parent in any::<u32>(), count in count())
    -> Start {
        Start { window, container, parent, program, origin, phase, count }
    }
}

fn namespace() -> impl Strategy<Value = Namespace> {
    let all = [Namespace::Container, Namespace::Inside, Namespace::Outside, Namespace::Unknown];
    sample::select(all.to_vec())
}

fn ended() -> impl Strategy<Value = Ended> {
    let all = [Ended::Succeeded, Ended::Failed, Ended::Interrupted, Ended::Unfinished, Ended::NoCall, Ended::Unknown];
    sample::select(all.to_vec())
}

fn audit() -> impl Strategy<Value = Audit> {
    sample::select([Audit::Audited, Audit::Probe, Audit::Unknown].as_slice())
}

prop_compose! {
    fn a_check(window: u32)(
        (container, program, origin, phase) in who(), abi in abi(), (number, first_ns, last_ns) in (time(), time(), time()),
        (check, capability) in (any::<u32>(), any::<u32>()), (granted, bounded, root, needless) in any::<(bool, bool, bool, bool)>(),
        audit in audit(), credentials in sample::select([Whose::Own, Whose::Overridden].as_slice()),
        (target, holder) in (namespace(), namespace()), ended in ended(), errno in any::<i32>(), count in count(),
    ) -> Check {
        Check {
            window, container, program, origin, phase, abi, number, check, capability, granted, audit, credentials,
            target, holder, bounded, root, needless, ended, errno, count, first_ns, last_ns,
        }
    }
}

prop_compose! {
    fn an_asker(window: u32)(
        (container, check) in any::<(u32, u32)>(), (function, stack_json) in (text(), text()), samples in count(),
    ) -> Asker {
        Asker { window, container, check, function, stack_json, samples }
    }
}

prop_compose! {
    fn an_identity(window: u32)(
        (container, program, origin, phase) in who(), cause in sample::select([Cause::Execve, Cause::Capset].as_slice()),
        holder in namespace(), user in any::<u32>(), (root, set_user_id) in any::<(bool, bool)>(),
        (before, permitted, ambient, bounding) in (count(), count(), count(), count()), count in count(),
    ) -> Identity {
        Identity {
            window, container, program, origin, phase, cause, holder, user, root, set_user_id, before, permitted,
            ambient, bounding, count,
        }
    }
}

prop_compose! {
    fn a_loss(window: u32)(
        container in option::of(any::<u32>()), kind in loss_kind(), count in count(), detail in text(),
    ) -> Loss {
        Loss { window, container, kind, count, detail }
    }
}

prop_compose! {
    fn a_segment(window: u32)(
        (start_ns, end_ns) in (time(), time()),
        calls in collection::vec(a_call(window), 0..4), errnos in collection::vec(an_errno(window), 0..4),
        arguments in collection::vec(an_argument(window), 0..4),
        values in collection::vec(some_values(window), 0..4), starts in collection::vec(a_start(window), 0..4),
        checks in collection::vec(a_check(window), 0..4), askers in collection::vec(an_asker(window), 0..4),
        identities in collection::vec(an_identity(window), 0..4), losses in collection::vec(a_loss(window), 0..4),
    ) -> Segment {
        let window = Window { window, start_ns, end_ns };
        Segment { window, calls, errnos, arguments, values, starts, checks, askers, identities, losses }
    }
}

prop_compose! {
    fn a_container()(
        (container, id, name, image) in (any::<u32>(), text(), text(), option::of(text())),
        (engine, runtime, pod) in (text(), option::of(text()), option::of(text())),
        (labels_json, entrypoint_json, no_new_privs) in (text(), option::of(text()), option::of(any::<bool>())),
        (capabilities_json, seccomp_json) in (option::of(text()), option::of(text())),
        (sysctls_json, limits_json, network_json, cgroup_path) in (text(), text(), option::of(text()), text()),
        (started_ns, ended_ns) in (time(), option::of(time())),
        (already_running, resolved) in (any::<bool>(), any::<bool>()),
    ) -> Container {
        Container {
            container, id, name, image, engine, runtime, pod, labels_json, entrypoint_json, no_new_privs,
            capabilities_json, seccomp_json, sysctls_json, limits_json, network_json, cgroup_path, started_ns, ended_ns,
            already_running, resolved,
        }
    }
}

prop_compose! {
    fn a_program()(
        (container, program, path) in (any::<u32>(), any::<u32>(), text()), path_truncated in any::<bool>(),
        device in count(), inode in count(), file_capabilities_json in option::of(text()),
    ) -> Program {
        Program { container, program, path, path_truncated, device, inode, file_capabilities_json }
    }
}

fn segments() -> impl Strategy<Value = Vec<Segment>> {
    // Gaps between windows, and numbers with more digits than a file's name is padded to.
    let numbers = collection::btree_set(prop_oneof![1..20u32, 999_990..1_000_010u32, Just(u32::MAX)], 0..5);
    numbers.prop_flat_map(|numbers| numbers.into_iter().map(a_segment).collect::<Vec<_>>())
}

/// Rows in an order of their own, for comparing them as a set with repetitions.
fn bag<T: Debug>(rows: &[T]) -> Vec<String> {
    let mut bag = rows.iter().map(|row| format!("{row:?}")).collect::<Vec<_>>();
    bag.sort();
    bag
}

fn all<T: Clone + Debug>(segments: &[Segment], table: impl Fn(&Segment) -> &Vec<T>) -> Vec<String> {
    bag(&segments.iter().flat_map(|segment| table(segment).clone()).collect::<Vec<T>>())
}

fn assert_holds(recording: &Recording, segments: &[Segment], containers: &[Container], programs: &[Program]) {
    let windows = segments.iter().map(|segment| segment.window.clone()).collect::<Vec<_>>();
    assert_eq!(recording.windows, windows);
    assert_eq!(bag(&recording.containers), bag(containers));
    assert_eq!(bag(&recording.programs), bag(programs));
    assert_eq!(bag(&recording.calls), all(segments, |segment| &segment.calls));
    assert_eq!(bag(&recording.errnos), all(segments, |segment| &segment.errnos));
    assert_eq!(bag(&recording.arguments), all(segments, |segment| &segment.arguments));
    assert_eq!(bag(&recording.values), all(segments, |segment| &segment.values));
    assert_eq!(bag(&recording.starts), all(segments, |segment| &segment.starts));
    assert_eq!(bag(&recording.checks), all(segments, |segment| &segment.checks));
    assert_eq!(bag(&recording.askers), all(segments, |segment| &segment.askers));
    assert_eq!(bag(&recording.identities), all(segments, |segment| &segment.identities));
    assert_eq!(bag(&recording.losses), all(segments, |segment| &segment.losses));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_come_back_in_both_formats_merged_or_not(
        segments in segments(), containers in collection::vec(a_container(), 0..3),
        programs in collection::vec(a_program(), 0..3), host in text(), json in any::<bool>(),
    ) {
        let format = if json { Format::Json } else { Format::Parquet };
        let folder = tempfile::tempdir().unwrap();
        let mut run = writer(folder.path(), "a", format);
        run.write_snapshot(&containers, &programs).unwrap();
        for segment in &segments {
            run.seal(segment).unwrap();
        }
        assert_holds(&read(folder.path(), "a"), &segments, &containers, &programs);
        let header = ctrec_recording::Header { host, ..ended_run("a") };
        run.finish(&header).unwrap();
        let recording = read(folder.path(), "a");
        assert_holds(&recording, &segments, &containers, &programs);
        prop_assert_eq!(recording.header, header);
    }
}

#[test]
fn both_formats_give_the_same_recording() {
    let folder = tempfile::tempdir().unwrap();
    let [parquet, json] = [Format::Parquet, Format::Json].map(|format| {
        let store = folder.path().join(format.ending());
        finished(&store, "a", format, 5);
        assert!(files(&store.join("run=a/calls"))[0].ends_with(format!("w000001-000005.{}", format.ending())));
        read(&store, "a")
    });
    assert_eq!(parquet, json);
}

#[test]
fn rows_come_sorted_however_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(folder.path(), "a", Format::Parquet);
    let mut shuffled = segment(1, 50);
    shuffled.calls.reverse();
    run.seal(&shuffled).unwrap();
    run.seal(&segment(2, 50)).unwrap();
    let numbers = read(folder.path(), "a").calls.iter().map(|call| (call.window, call.number)).collect::<Vec<_>>();
    assert!(numbers.is_sorted());
    assert_eq!(numbers.len(), 100);
}

#[test]
fn sixty_four_windows_become_one_file_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(folder.path(), "a", Format::Parquet);
    for window in 1..=63 {
        run.seal(&segment(window, 2)).unwrap();
    }
    assert_eq!(files(&run.path().join("calls")).len(), 63);
    let before = read(folder.path(), "a");
    run.seal(&segment(64, 2)).unwrap();
    run.seal(&segment(65, 2)).unwrap();
    let after = names_below(run.path()).into_iter().filter(|name| name.contains("/w")).collect::<Vec<_>>();
    let mut tables = FOLDERS;
    tables.sort_unstable();
    let expected =
        tables.map(|table| ["w000001-000064", "w000065-000065"].map(|file| format!("{table}/{file}.parquet")));
    assert_eq!(after, expected.concat());
    let recording = read(folder.path(), "a");
    assert_eq!(recording.windows.len(), 65);
    assert_eq!(recording.calls[..before.calls.len()], before.calls);
}

#[test]
fn a_table_without_rows_has_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(folder.path(), "a", Format::Parquet);
    run.seal(&Segment { errnos: Vec::new(), ..segment(1, 0) }).unwrap();
    let expected = [
        ".end",
        ".lock",
        ".room",
        "arguments/w000001-000001.parquet",
        "askers/w000001-000001.parquet",
        "checks/w000001-000001.parquet",
        "containers.parquet",
        "identities/w000001-000001.parquet",
        "losses/w000001-000001.parquet",
        "programs.parquet",
        "run.json",
        "starts/w000001-000001.parquet",
        "values/w000001-000001.parquet",
        "windows/w000001-000001.parquet",
    ];
    assert_eq!(names_below(run.path()), expected);
}

#[test]
fn an_unchanged_snapshot_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(folder.path(), "a", Format::Parquet);
    let path = run.path().join("containers.parquet");
    let containers = read(folder.path(), "a").containers;
    std::fs::remove_file(&path).unwrap();
    run.write_snapshot(&containers, &[]).unwrap();
    assert!(!path.exists(), "containers were the same");
    run.write_snapshot(&[], &[]).unwrap();
    let recording = read(folder.path(), "a");
    assert_eq!((recording.containers.len(), recording.programs.len()), (0, 0));
}

#[test]
fn ndjson_is_one_object_a_row_with_the_names_of_the_columns() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = writer(folder.path(), "a", Format::Json);
    run.seal(&segment(1, 1)).unwrap();
    let line = std::fs::read_to_string(run.path().join("calls/w000001-000001.ndjson")).unwrap();
    let expected = concat!(
        r#"{"window":1,"container":1,"program":1,"origin":"init","phase":"workload","abi":"x86_64","number":0,"#,
        r#""succeeded":7,"failed":1,"interrupted":0,"unfinished":0,"refused":null,"first_ns":10000000000,"#,
        r#""last_ns":19000000000}"#,
        "\n"
    );
    assert_eq!(line, expected);
}
