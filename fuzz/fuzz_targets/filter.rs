//! Filters that a program loaded, and what they decide: arguments first, then the program as the kernel lays it out.

#![no_main]

use ctrec_enforce::{Decision, Filter, Query, Verdict, decide};
use ctrec_recording::Abi;

libfuzzer_sys::fuzz_target!(|input: ([u64; 6], u64, u16, &[u8])| {
    let (arguments, pointer, number, program) = input;
    let filter = match Filter::from_bytes(program) {
        Ok(filter) => filter,
        Err(error) => return assert!(!error.to_string().contains(char::is_control)),
    };
    assert_eq!(filter.to_bytes(), program, "it is kept as it was");
    for abi in [Abi::X86_64, Abi::I386] {
        let query = Query::new(abi, i64::from(number));
        let known = query.clone().with_arguments(arguments).with_instruction_pointer(pointer);
        let exact = filter.decide(&known);
        assert!(matches!(exact, Decision::Always(_)), "all is known: {exact:?}");
        let half = filter.decide(&query.clone().with_argument(0, arguments[0], u64::MAX));
        let open = filter.decide(&query);
        assert_agrees(&exact, &half);
        assert_agrees(&half, &open);
        // Not what it returns alone: of two that allow, the kernel drops the data.
        let once = decide(std::slice::from_ref(&filter), &known);
        let twice = decide(&[filter.clone(), filter.clone()], &known);
        assert_eq!(twice, once, "a filter over itself decides the same");
    }
});

/// Who knows less of a call says the same of it, or that it depends. Which action it is may differ: of a value that is not
/// known, each action stands for all that the kernel treats as that one.
fn assert_agrees(more: &Decision, less: &Decision) {
    let (knows, guesses) = (more.verdict(), less.verdict());
    assert!(guesses == Verdict::ByArguments || knows == guesses, "{more:?} against {less:?}");
}
