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
