//! The files of a store: headers, tables, seals, the note of what was removed.

#![no_main]

use std::error::Error;

use ctrec_fuzz::{assert_harmless, files, write_below};
use ctrec_recording::Store;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let folder = tempfile::tempdir().expect("there is room");
    write_below(folder.path(), &files(text));
    let store = match Store::open(folder.path()) {
        Ok(store) => store,
        Err(error) => return assert_said(&error),
    };
    if let Err(error) = store.removed() {
        assert_said(&error);
    }
    for run in store.runs() {
        match (store.read(run), store.outline(run)) {
            (Ok(recording), Ok(outline)) => {
                assert_eq!(recording.header, outline.header);
                assert_eq!(recording.windows, outline.windows);
                assert_eq!(recording.containers, outline.containers);
                assert!(recording.windows.is_sorted_by(|one, other| one.window < other.window));
                let is_sealed = |window| recording.windows.iter().any(|sealed| sealed.window == window);
                assert!(recording.calls.iter().all(|row| is_sealed(row.window)));
            }
            (Err(error), _) => assert_said(&error),
            (Ok(_), Err(error)) => panic!("a run that can be read has an outline: {error}"),
        }
    }
});

/// The whole chain, as the command line prints it.
fn assert_said(error: &(dyn Error + 'static)) {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    let said: Vec<String> = chain.map(ToString::to_string).collect();
    assert!(said.iter().all(|text| text.len() < 4000), "{said:?}");
    assert_harmless(&said.join(": "));
}
