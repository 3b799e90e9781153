use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

fn folder() -> TempDir {
    TempDir::new().unwrap()
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_file_is_made_or_replaced_with_its_permissions() {
    let folder = folder();
    let file = folder.path().join("report");
    write(&file, "one").unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o111, 0, "no program");
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    write(&file, "two").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "two");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(names(&folder), ["report"]);
}

#[test]
fn a_link_stays_one() {
    let folder = folder();
    let (link, file) = (folder.path().join("link"), folder.path().join("report"));
    fs::write(&file, "old").unwrap();
    symlink("report", &link).unwrap();
    write(&link, "new").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
}

#[test]
fn a_failure_says_what_to_do_and_leaves_what_was_there() {
    let folder = folder();
    for (file, advice) in [
        (folder.path().join("missing/report"), "make its folder"),
        (folder.path().to_owned(), "name a file"),
        ("/dev/full".into(), "make room"),
    ] {
        let error = write(&file, "text").unwrap_err().to_string();
        assert!(error.contains(advice) && error.contains(&format!("{file:?}")), "{error}");
    }
    assert_eq!(names(&folder), [""; 0]);
}
