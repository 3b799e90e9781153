//! Symbols as compilers leave them.

use super::*;
use crate::testing::granted;

#[test]
fn a_known_function_is_found_deeper_and_under_a_suffix() {
    let judged = asked([granted("SYS_ADMIN", "mmap").by(&["new_wrapper", "__vm_enough_memory.cold", "mmap_region"])]);
    assert_eq!(classes(&judged), [("SYS_ADMIN", Class::Probe)]);
    assert_eq!(judged.apart[0].functions[0].name, "__vm_enough_memory");
}

#[test]
fn an_unknown_function_is_kept_and_judged_as_audited() {
    let judged = asked([granted("SYS_ADMIN", "ioctl").by(&["brand_new_check.constprop.0", "do_vfs_ioctl"])]);
    assert_eq!(judged.names(), ["SYS_ADMIN"]);
    assert_eq!(judged.needs[0].reasons[0].functions[0].name, "brand_new_check");
}

#[test]
fn a_stack_without_symbols_is_counted_too() {
    let judged = asked([granted("SYS_ADMIN", "ioctl").by(&[])]);
    assert_eq!(judged.needs[0].reasons[0].functions[0].samples, 1);
}

#[test]
fn the_innermost_known_function_decides() {
    let walked = granted("DAC_OVERRIDE", "chroot").by(&["generic_permission", "link_path_walk", "__x64_sys_chroot"]);
    assert!(why(&asked([walked]), "DAC_OVERRIDE").contains("searches"));
}

#[test]
fn a_capability_that_is_newer_than_its_name_is_kept_and_not_in_the_options() {
    let judged = asked([Question { capability: 50, ..granted("CHOWN", "ioctl") }]);
    assert_eq!((judged.needs[0].capability.as_str(), judged.flags().as_str()), ("CAP_50", "--cap-drop=ALL"));
    found(&judged, Kind::UnknownCapability);
}
