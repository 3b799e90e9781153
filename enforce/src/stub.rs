//! What runc puts in front of libseccomp's filter.
//!
//! Lives here: the stub by which a call newer than everything that the profile names looks absent (ENOSYS) rather
//! than forbidden, so that programs fall back. Does not: how runc arranges the instructions; the decisions are the
//! same, and the runtime tests compare them.

use std::collections::BTreeMap;

use ctrec_analyze::profile::{Abi, Action, Architecture};

use crate::{action::RawAction, instruction::Instruction, simulate::AuditArch};

const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const NUMBER_OFFSET: u32 = 0;
const ARCHITECTURE_OFFSET: u32 = 4;
const X32_BIT: u32 = 1 << 30;
const ENOSYS: u16 = 38;

/// runc leaves the stub out where unlisted calls are let through or handed to a tracer.
pub(crate) fn wanted(default_action: Action) -> bool {
    !matches!(default_action, Action::Allow | Action::Log | Action::Trace(_))
}

/// The stub: for each architecture, ENOSYS above the number given. What it does not decide goes on to the filter
/// behind it.
pub(crate) fn instructions(largest: &BTreeMap<Architecture, u32>) -> Vec<Instruction> {
    largest.iter().flat_map(|(architecture, number)| section(*architecture, *number)).collect()
}

/// A section of its own for each architecture: a few instructions more than shared ones, and no jump that could become
/// too long.
fn section(architecture: Architecture, largest: u32) -> impl Iterator<Item = Instruction> {
    // x86-64 and x32 share an architecture; a bit of the number tells them apart.
    let mode = match architecture {
        Architecture::X86_64 => Some(skip_if(JUMP_ANY_BIT, X32_BIT, 2)),
        Architecture::X32 => Some(skip_unless(JUMP_ANY_BIT, X32_BIT, 2)),
        Architecture::X86 | Architecture::Aarch64 | Architecture::Arm => None,
    };
    let rest = if mode.is_some() { 4 } else { 3 };
    let section = [
        Some(Instruction::statement(LOAD, ARCHITECTURE_OFFSET)),
        Some(skip_unless(JUMP_EQUAL, AuditArch::from(abi(architecture)).0, rest)),
        Some(Instruction::statement(LOAD, NUMBER_OFFSET)),
        mode,
        Some(skip_unless(JUMP_GREATER, largest, 1)),
        Some(Instruction::statement(RETURN, RawAction::of(Action::Errno(ENOSYS)).0)),
    ];
    section.into_iter().flatten()
}

/// Skips the `rest` of a section unless the test holds.
fn skip_unless(code: u16, operand: u32, rest: u8) -> Instruction {
    Instruction { code, jump_true: 0, jump_false: rest, operand }
}

/// Skips the `rest` of a section if the test holds.
fn skip_if(code: u16, operand: u32, rest: u8) -> Instruction {
    Instruction { code, jump_true: rest, jump_false: 0, operand }
}

fn abi(architecture: Architecture) -> Abi {
    match architecture {
        Architecture::X86_64 => Abi::X86_64,
        Architecture::X86 => Abi::I386,
        Architecture::X32 => Abi::X32,
        Architecture::Aarch64 => Abi::Aarch64,
        Architecture::Arm => Abi::Arm,
    }
}
