//! The simulator against itself, and against the kernel.

#![expect(unsafe_code, reason = "calls with arbitrary arguments are made, to compare with the kernel")]

use std::thread;

use nix::{errno::Errno, sys::prctl};
use proptest::prelude::*;

use super::*;
use crate::{Instruction, sys::Program};
use ctrec_analyze::profile::Action;

const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

fn statement(code: u16, operand: u32) -> Instruction {
    Instruction { code, jump_true: 0, jump_false: 0, operand }
}

fn filter(instructions: Vec<Instruction>) -> Filter {
    Filter::new(instructions).unwrap()
}

/// errno 1 where `argument 0 & mask == value`, else allow.
fn on_masked_argument(mask: u32, value: u32) -> Filter {
    filter(vec![
        statement(LOAD, 16),
        statement(0x54, mask),
        Instruction { code: JUMP_EQUAL, jump_true: 0, jump_false: 1, operand: value },
        statement(RETURN, RawAction::of(Action::Errno(1)).0),
        statement(RETURN, RawAction::ALLOW.0),
    ])
}

fn always(action: Action) -> Filter {
    filter(vec![statement(RETURN, RawAction::of(action).0)])
}

#[test]
fn unknown_arguments_leave_both_outcomes_open() {
    let query = Query::new(Abi::X86_64, 56);
    let decision = on_masked_argument(0x7e02_0000, 0).decide(&query);
    let both = BTreeSet::from([RawAction::of(Action::Errno(1)), RawAction::ALLOW]);
    assert_eq!(decision, Decision::ByArguments(both));
    assert_eq!(decision.verdict(), Verdict::ByArguments);
}

#[test]
fn the_known_bits_of_an_argument_decide() {
    let filter = on_masked_argument(0x7e02_0000, 0);
    let query = Query::new(Abi::X86_64, 56);
    let without = query.with_argument(0, 0, 0x7e02_0000);
    assert_eq!(filter.decide(&without), Decision::Always(RawAction::of(Action::Errno(1))));
    let with = query.with_argument(0, 0x1000_0000, 0x7e02_0000);
    assert_eq!(filter.decide(&with), Decision::Always(RawAction::ALLOW));
    // One bit that is known to be set is enough to tell that they are not all clear.
    let some = query.with_argument(0, 0x0002_0000, 0x0002_0000);
    assert_eq!(filter.decide(&some), Decision::Always(RawAction::ALLOW));
}

#[test]
fn the_number_and_the_architecture_are_as_the_kernel_gives_them() {
    let number = filter(vec![statement(LOAD, 0), statement(0x16, 0)]);
    let architecture = filter(vec![statement(LOAD, 4), statement(0x16, 0)]);
    let returns = |filter: &Filter, abi, number| filter.decide(&Query::new(abi, number));
    assert_eq!(returns(&number, Abi::X86_64, -1), Decision::Always(RawAction(u32::MAX)));
    assert_eq!(returns(&number, Abi::X32, 0x4000_0014), Decision::Always(RawAction(0x4000_0014)));
    assert_eq!(returns(&architecture, Abi::X32, 0x4000_0014), Decision::Always(RawAction(0xc000_003e)));
    assert_eq!(returns(&architecture, Abi::I386, 20), Decision::Always(RawAction(0x4000_0003)));
    assert_eq!(returns(&architecture, Abi::Aarch64, 172), Decision::Always(RawAction(0xc000_00b7)));
    assert_eq!(returns(&architecture, Abi::Arm, 20), Decision::Always(RawAction(0x4000_0028)));
}

#[test]
fn of_several_filters_the_strictest_counts() {
    let query = Query::new(Abi::X86_64, 39);
    let decided = |filters: &[Filter]| decide(filters, &query);
    assert_eq!(decided(&[]), Decision::Always(RawAction::ALLOW));
    let (first, second) = (always(Action::Errno(1)), always(Action::Errno(2)));
    assert_eq!(decided(&[first.clone(), second]), Decision::Always(RawAction::of(Action::Errno(1))));
    let killing = decided(&[always(Action::Allow), first, always(Action::KillProcess)]);
    assert_eq!(killing, Decision::Always(RawAction::of(Action::KillProcess)));
    let open = decided(&[on_masked_argument(1, 0), always(Action::Trap)]);
    assert_eq!(open, Decision::Always(RawAction::of(Action::Trap)));
}

#[test]
fn a_filter_made_of_forks_is_decided_in_bounded_time() {
    // 2,000 tests of unknown bits, each with a sum of its own: as many paths as there are atoms.
    let mut program = Vec::new();
    for step in 0..1000_u32 {
        program.push(statement(LOAD, 16));
        program.push(Instruction { code: 0x45, jump_true: 0, jump_false: 1, operand: 1 << (step % 32) });
        program.push(statement(0x07, 0));
        program.push(statement(0x02, step % 16));
    }
    program.push(statement(0x16, 0));
    let decision = filter(program).decide(&Query::new(Abi::X86_64, 0));
    assert_eq!(decision, Decision::ByArguments(RawAction::EVERY.into()));
}

/// An instruction that is probably one of seccomp's, with jumps that mostly stay inside.
fn instruction() -> impl Strategy<Value = Instruction> {
    const CODES: [u16; 44] = [
        0x20, 0x20, 0x20, 0x80, 0x81, 0x00, 0x01, 0x60, 0x61, 0x02, 0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c,
        0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0xa4, 0xac, 0x84, 0x05, 0x15, 0x1d, 0x25, 0x2d,
        0x35, 0x3d, 0x45, 0x4d, 0x06, 0x07, 0x87, 0x94,
    ];
    let code = prop_oneof![60 => proptest::sample::select(&CODES[..]), 1 => any::<u16>()];
    let operand = prop_oneof![
        4 => (0..16_u32).prop_map(|word| 4 * word),
        4 => 0..16_u32,
        1 => any::<u32>(),
        2 => proptest::sample::select(vec![RawAction::of(Action::Errno(7)).0, RawAction::of(Action::Log).0]),
    ];
    (code, 0..3_u8, 0..3_u8, operand).prop_map(|(code, jump_true, jump_false, operand)| Instruction {
        code,
        jump_true,
        jump_false,
        // A return decides something harmless, so that the kernel can be asked too.
        operand: if code == RETURN { 0x0005_0000 | operand & 0xff } else { operand },
    })
}

fn body() -> impl Strategy<Value = Vec<Instruction>> {
    (proptest::collection::vec(instruction(), 0..24), 1..200_u16).prop_map(|(mut body, errno)| {
        body.push(statement(RETURN, RawAction::of(Action::Errno(errno)).0));
        body
    })
}

/// Words that come up in programs, and others.
fn argument() -> impl Strategy<Value = u64> {
    prop_oneof![0..64_u64, any::<u64>(), any::<u32>().prop_map(u64::from)]
}

proptest! {
    #[test]
    fn what_is_not_known_only_adds_outcomes(
        body in body(),
        arguments in proptest::array::uniform6(argument()),
        mask in argument(),
        index in 0..6_u32,
    ) {
        let Ok(filter) = Filter::new(body) else { return Ok(()) };
        let unknown = Query::new(Abi::X86_64, 39);
        let partly = unknown.with_argument(index, arguments[index as usize], mask);
        let known = partly.with_arguments(arguments).with_instruction_pointer(0x1234_5678_9abc);
        let Decision::Always(action) = filter.decide(&known) else {
            return Err(TestCaseError::fail("everything is known, so one action must come out"));
        };
        prop_assert!(filter.decide(&partly).actions().contains(&action));
        prop_assert!(filter.decide(&unknown).actions().contains(&action));
    }
}

/// A number that no kernel has a call for: allowed, it gives ENOSYS.
const NO_CALL: u32 = 9999;

/// The body, for one number and this machine's ABI; everything else is allowed.
fn guarded(body: &[Instruction]) -> Vec<Instruction> {
    let mut program = vec![
        statement(LOAD, 0),
        Instruction { code: JUMP_EQUAL, jump_true: 1, jump_false: 0, operand: NO_CALL },
        statement(RETURN, RawAction::ALLOW.0),
    ];
    program.extend(body);
    program
}

/// What the call gave, in a thread of its own under the program: a filter cannot be taken off again. The outer error is
/// the kernel's refusal of the program.
fn ask_the_kernel(program: Program, arguments: [u64; 6]) -> Result<Result<(), Errno>, Errno> {
    thread::spawn(move || {
        prctl::set_no_new_privs().unwrap();
        program.load()?;
        let a = arguments;
        // SAFETY: no kernel has a call of this number.
        Ok(Errno::result(unsafe { libc::syscall(NO_CALL.into(), a[0], a[1], a[2], a[3], a[4], a[5]) }).map(drop))
    })
    .join()
    .unwrap()
}

/// What a call without meaning gives under an action; `None` for those that would end the thread or raise a signal.
fn expected(action: Action) -> Option<Result<(), Errno>> {
    match action {
        Action::Errno(0) => Some(Ok(())),
        Action::Errno(errno) => Some(Err(Errno::from_raw(errno.into()))),
        // Nobody traces and nobody listens, which is ENOSYS as well.
        Action::Allow | Action::Log | Action::Trace(_) | Action::Notify => Some(Err(Errno::ENOSYS)),
        Action::Trap | Action::KillThread | Action::KillProcess => None,
    }
}

fn native_abi() -> Option<Abi> {
    match std::env::consts::ARCH {
        "x86_64" => Some(Abi::X86_64),
        "aarch64" => Some(Abi::Aarch64),
        _ => None,
    }
}

/// Compares one program and one call. Says whether there was something to compare.
fn agrees(body: &[Instruction], arguments: [u64; 6]) -> Result<bool, TestCaseError> {
    let abi = native_abi().expect("the comparison knows this machine's calls");
    let program = guarded(body);
    let Ok(filter) = Filter::new(program.clone()) else {
        // What we reject must be what the kernel rejects.
        let refusal = ask_the_kernel(Program::unchecked(&program), arguments);
        prop_assert_eq!(refusal, Err(Errno::EINVAL));
        return Ok(true);
    };
    let query = Query::new(abi, NO_CALL.into()).with_arguments(arguments);
    // A filter that looks at the instruction pointer has outcomes that we cannot foresee.
    let Decision::Always(action) = filter.decide(&query) else { return Ok(false) };
    let Some(expected) = expected(action.action()) else { return Ok(false) };
    prop_assert_eq!(ask_the_kernel(Program::new(&filter, 0), arguments), Ok(expected), "{}", action);
    Ok(true)
}

#[test]
fn the_kernel_agrees() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1500));
    let compared = std::cell::Cell::new(0);
    let strategy = (body(), proptest::array::uniform6(argument()));
    runner
        .run(&strategy, |(body, arguments)| {
            compared.set(compared.get() + i32::from(agrees(&body, arguments)?));
            Ok(())
        })
        .unwrap();
    assert!(compared.get() > 500, "too few programs could be compared: {}", compared.get());
}
