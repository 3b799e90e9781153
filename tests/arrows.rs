//! Which crate may use which. A new arrow is a decision about the architecture, so it does not come in unnoticed.

use std::collections::BTreeSet;

use cargo_metadata::MetadataCommand;

/// The arrows of ARCHITECTURE.md, and no other.
const ARROWS: [(&str, &str); 7] = [
    ("ctrec", "ctrec-analyze"),
    ("ctrec", "ctrec-enforce"),
    ("ctrec", "ctrec-record"),
    ("ctrec", "ctrec-recording"),
    ("ctrec-analyze", "ctrec-recording"),
    ("ctrec-enforce", "ctrec-analyze"),
    ("ctrec-record", "ctrec-recording"),
];

#[test]
fn crates_use_each_other_only_along_the_arrows() {
    let metadata = MetadataCommand::new().no_deps().other_options(["--offline".to_owned()]).exec().unwrap();
    let members: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let arrows: BTreeSet<(&str, &str)> = metadata
        .packages
        .iter()
        .flat_map(|package| package.dependencies.iter().map(|to| (package.name.as_str(), to.name.as_str())))
        .filter(|(_, to)| members.contains(to))
        .collect();
    assert_eq!(arrows, BTreeSet::from(ARROWS));
}

/// `fuzz/` is a workspace of its own, with versions of its own: where they differ, all libraries are compiled once more.
#[test]
fn the_fuzz_targets_are_built_of_the_same_libraries() {
    let own = ["arbitrary", "libfuzzer-sys", "ctrec-fuzz"];
    let ours = locked(include_str!("../Cargo.lock"));
    let theirs = locked(include_str!("../fuzz/Cargo.lock"));
    assert!(theirs.len() > 100, "the packages were found");
    let others: Vec<_> = theirs.difference(&ours).filter(|(name, _)| !own.contains(name)).collect();
    let how = "copy Cargo.lock to fuzz/ and run `cargo metadata` there: it adds what only fuzzing needs";
    assert!(others.is_empty(), "{others:?}: {how}");
}

/// Names and versions of a lock file's packages.
fn locked(file: &str) -> BTreeSet<(&str, &str)> {
    file.split("[[package]]\n")
        .skip(1)
        .filter_map(|package| {
            let mut lines = package.lines();
            let name = lines.next()?.strip_prefix("name = ")?;
            Some((name.trim_matches('"'), lines.next()?.strip_prefix("version = ")?.trim_matches('"')))
        })
        .collect()
}
