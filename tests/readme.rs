//! The README's examples and the command line's help, run as they stand.

#[test]
fn what_the_pages_show_is_what_ctrec_prints() {
    trycmd::TestCases::new().case("README.md").case("tests/cmd/*.trycmd");
}
