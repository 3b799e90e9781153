//! Any bytes as what the kernel side sends, and what must be true of them. For `fuzz/`.

use super::*;

/// Reads bytes as every record, and asks it everything. Records have fixed sizes, so that what is too short is filled up:
/// a fuzzer would hardly ever hit upon the length.
pub fn record(data: &[u8]) {
    let head = size_of::<Event>();
    let kind = data.get(8..12).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    let expected = match kind {
        1 => size_of::<Place>(),
        2 => size_of::<Arrival>(),
        3 | 4 => head,
        5 => size_of::<NewProgram>(),
        _ => usize::MAX,
    };
    assert_eq!(message(data).is_ok(), data.len() == expected, "kind {kind}, {} bytes", data.len());
    ask_place(&filled(data));
    ask_arrival(&filled(data));
    ask_path(&filled(data));
    assert!(frames(&filled(data)).all(|frame| frame != 0));
    let slot: SlotKey = filled(data);
    drop((origin(slot.origin), phase(slot.phase), abi(slot.abi, i64::from(kind))));
    drop((audit(slot.origin), space(slot.phase), cause(slot.abi), loss(kind)));
}

/// The value of which these bytes are the beginning, and the rest is 0.
fn filled<T: Wire>(data: &[u8]) -> T {
    let mut bytes_of_it = data.to_vec();
    bytes_of_it.resize(size_of::<T>(), 0);
    let value: T = read(&bytes_of_it).expect("that is its length");
    assert_eq!(bytes(&value), bytes_of_it, "what is read is what came");
    value
}

fn ask_place(place: &Place) {
    assert!(place.cgroup_path().chars().count() <= place.path.len());
}

fn ask_arrival(arrival: &Arrival) {
    ask_place(&arrival.place);
    let name = arrival.program_name();
    assert!(name.chars().count() <= arrival.program.len() && !name.contains('\0'));
    if let Some(words) = arrival.arguments() {
        assert!(!words.is_empty() && words.iter().all(|word| !word.contains('\0')));
        assert!(words.iter().map(|word| word.chars().count() + 1).sum::<usize>() <= arrival.arguments.len() + 1);
    }
    assert!(arrival.folder().is_none_or(|folder| folder.starts_with('/') && !folder.contains('\0')));
}

fn ask_path(path: &KernelPath) {
    let shown = path.display();
    assert!(shown.chars().count() <= path.components.len() + 1 && !shown.contains('\0'));
    assert!(shown.is_empty() || shown.starts_with('/') || shown.starts_with("memfd:"), "{shown:?}");
}
