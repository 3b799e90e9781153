//! Samples that a kernel sent, and any bytes at all.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

/// Raw records as a kernel sent them, and what they say: `fixtures/wire/<type>-<what>.bin` and `.txt`.
fn samples(type_name: &str) -> Vec<(PathBuf, Vec<u8>, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/wire");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(type_name) && path.extension().is_some_and(|ending| ending == "bin") {
            found.push((
                path.clone(),
                fs::read(&path).unwrap(),
                fs::read_to_string(path.with_extension("txt")).unwrap(),
            ));
        }
    }
    assert!(!found.is_empty(), "there are samples of {type_name}");
    found
}

fn said(message: &Message) -> String {
    match message {
        Message::Cgroup(place) => {
            format!(
                "cgroup: container {} hierarchy {} path {:?}\n",
                place.event.container,
                place.cgroup.hierarchy,
                place.cgroup_path()
            )
        }
        Message::Joined(arrival) => format!(
            "joined: container {} pid {} parent {} threads {} program {:?} hierarchy {} path {:?}\nby {:?} in {:?}\n",
            arrival.place.event.container,
            arrival.pid,
            arrival.parent_pid,
            arrival.threads,
            arrival.program_name(),
            arrival.place.cgroup.hierarchy,
            arrival.place.cgroup_path(),
            arrival.arguments().unwrap_or_default(),
            arrival.folder().unwrap_or_default()
        ),
        Message::Slot(event) => format!(
            "slot {}: container {} program {} origin {} phase {} abi {}\n",
            event.slot, event.container, event.key.program, event.key.origin, event.key.phase, event.key.abi
        ),
        Message::Empty => "empty\n".to_owned(),
        Message::Program(program) => format!("program {} pid {}\n", program.program, program.pid),
    }
}

#[test]
fn events_that_a_kernel_sent_are_understood() {
    for (path, bytes, expected) in samples("event") {
        assert_eq!(said(&message(&bytes).unwrap()), expected, "{}", path.display());
    }
}

#[test]
fn paths_that_a_kernel_sent_are_understood() {
    for (path, bytes, expected) in samples("path") {
        let sample: KernelPath = read(&bytes).unwrap();
        assert_eq!(format!("{}\n", sample.display()), expected, "{}", path.display());
    }
}

#[test]
fn a_record_of_another_length_is_an_error_that_says_so() {
    let error = read::<SlotKey>(&[0; 11]).unwrap_err().to_string();
    assert!(error.contains("11 bytes, not 12"), "{error}");
}

#[test]
fn a_value_outside_of_its_enum_is_an_error() {
    assert!(origin(2).is_err() && phase(3).is_err() && abi(9, 0).is_err() && loss(99).is_err());
}

#[test]
fn an_x32_number_is_one_of_x86_64_with_bit_30() {
    assert_eq!(abi(0, 0x4000_0001), Ok(Abi::X32));
    assert_eq!(abi(0, -1), Ok(Abi::X86_64));
    assert_eq!(abi(1, 0x4000_0001), Ok(Abi::I386));
    assert_eq!((abi(2, 0x4000_0001), abi(3, 0x4000_0001)), (Ok(Abi::Aarch64), Ok(Abi::Arm)));
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        prop_assert_eq!(read::<Event>(&bytes).is_ok(), bytes.len() == size_of::<Event>());
        prop_assert_eq!(read::<KernelPath>(&bytes).is_ok(), bytes.len() == size_of::<KernelPath>());
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(kind in 0_u8..7, bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        let mut bytes = bytes;
        if let Some(byte) = bytes.get_mut(8..12) {
            byte.copy_from_slice(&[kind, 0, 0, 0]);
        }
        let right = match kind {
            1 => size_of::<Place>(),
            2 => size_of::<Arrival>(),
            3 | 4 => size_of::<Event>(),
            5 => size_of::<NewProgram>(),
            _ => usize::MAX,
        };
        prop_assert_eq!(message(&bytes).is_ok(), bytes.len() == right);
    }

    #[test]
    fn any_record_can_be_asked_anything(bytes in prop::collection::vec(any::<u8>(), size_of::<Arrival>())) {
        let arrival: Arrival = read(&bytes).unwrap();
        prop_assert!(arrival.place.cgroup_path().chars().count() <= arrival.place.path.len());
        prop_assert!(arrival.arguments().is_none_or(|words| words.len() <= arrival.arguments.len()));
        prop_assert!(arrival.folder().is_none_or(|folder| folder.starts_with('/')));
        prop_assert!(arrival.program_name().chars().count() <= arrival.program.len());
        let path: KernelPath = read(&bytes[..size_of::<KernelPath>()]).unwrap();
        prop_assert!(path.display().chars().count() <= 2 * path.components.len());
    }
}
