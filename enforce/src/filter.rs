//! A seccomp filter: a classic BPF program that the kernel would accept.
//!
//! Lives here: the program and the checks that make it one. Does not: what it decides (see [`crate::simulate`]),
//! where it comes from (see [`crate::compile`] and [`crate::live`]).

use thiserror::Error;

use crate::instruction::{Instruction, MEMORY_WORDS, Operation};

/// Most instructions that the kernel takes.
const MOST_INSTRUCTIONS: usize = 4096;

/// A seccomp filter that the kernel accepts.
///
/// The constructor applies the kernel's own checks, so everything that runs a filter may rely on them: jumps go
/// forward and stay inside, every path ends in a return, loads are inside the call's data, and scratch memory is
/// written before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    instructions: Vec<Instruction>,
    operations: Vec<Operation>,
}

/// Why a program is no filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FilterError {
    /// Not a whole number of instructions.
    #[error("the program has {bytes} bytes, which is no multiple of {}", Instruction::BYTES)]
    Cut {
        /// Length of the program.
        bytes: usize,
    },
    /// Empty, or more than the kernel takes.
    #[error("the program has {count} instructions; the kernel takes 1 to {MOST_INSTRUCTIONS}")]
    Length {
        /// Instructions of the program.
        count: usize,
    },
    /// An operation that seccomp does not have, or an operand out of its range.
    #[error("instruction {index} (code {code:#x}, operand {operand:#x}) is not one that seccomp has")]
    Unknown {
        /// Which instruction, from 0.
        index: usize,
        /// Its code.
        code: u16,
        /// Its operand.
        operand: u32,
    },
    /// A jump past the end.
    #[error("instruction {index} jumps out of the program")]
    Jump {
        /// Which instruction, from 0.
        index: usize,
    },
    /// Scratch memory that no path here has written.
    #[error("instruction {index} reads scratch memory before it is written")]
    Memory {
        /// Which instruction, from 0.
        index: usize,
    },
    /// The last instruction does not return.
    #[error("the last instruction is not a return")]
    NoReturn,
}

impl Filter {
    /// Checks a program as the kernel does.
    pub fn new(instructions: Vec<Instruction>) -> Result<Self, FilterError> {
        if instructions.is_empty() || instructions.len() > MOST_INSTRUCTIONS {
            return Err(FilterError::Length { count: instructions.len() });
        }
        let operations = instructions
            .iter()
            .enumerate()
            .map(|(index, instruction)| {
                let Instruction { code, operand, .. } = *instruction;
                instruction.operation().ok_or(FilterError::Unknown { index, code, operand })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let filter = Self { instructions, operations };
        filter.check_jumps()?;
        filter.check_memory()?;
        Ok(filter)
    }

    /// Reads a program as the kernel lays it out, in the byte order of this machine.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FilterError> {
        let (chunks, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(FilterError::Cut { bytes: bytes.len() });
        }
        Self::new(chunks.iter().copied().map(Instruction::from_bytes).collect())
    }

    /// The program as the kernel lays it out, in the byte order of this machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.instructions.iter().flat_map(|instruction| instruction.to_bytes()).collect()
    }

    /// The program.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Where instruction `index` can go next; nothing for a return.
    pub(crate) fn successors(&self, index: usize) -> Successors {
        let Instruction { jump_true, jump_false, .. } = self.instructions[index];
        let next = index + 1;
        match self.operations[index] {
            Operation::ReturnConstant(_) | Operation::ReturnAccumulator => Successors::None,
            // A distance that does not fit is out of every program; saturating keeps it so.
            Operation::Jump(distance) => {
                Successors::One(next.saturating_add(usize::try_from(distance).unwrap_or(usize::MAX)))
            }
            Operation::Branch(..) => {
                Successors::Two { held: next + usize::from(jump_true), failed: next + usize::from(jump_false) }
            }
            _ => Successors::One(next),
        }
    }

    fn check_jumps(&self) -> Result<(), FilterError> {
        let end = self.instructions.len();
        for index in 0..end {
            let inside = match self.successors(index) {
                Successors::None => true,
                // The last instruction falls through to nothing; the check below names that better.
                Successors::One(next) => next < end || next == index + 1,
                Successors::Two { held, failed } => held < end && failed < end,
            };
            if !inside {
                return Err(FilterError::Jump { index });
            }
        }
        match self.successors(end - 1) {
            Successors::None => Ok(()),
            _ => Err(FilterError::NoReturn),
        }
    }

    /// The kernel's own pass, with its simplification: what is written before a return counts as written after it.
    fn check_memory(&self) -> Result<(), FilterError> {
        let all = u16::MAX;
        let mut at_entry = vec![all; self.instructions.len()];
        let mut written: u16 = 0;
        for (index, operation) in self.operations.iter().enumerate() {
            written &= at_entry[index];
            match *operation {
                Operation::Store(_, slot) => written |= bit(slot),
                Operation::LoadMemory(_, slot) if written & bit(slot) == 0 => {
                    return Err(FilterError::Memory { index });
                }
                Operation::Jump(_) | Operation::Branch(..) => {
                    for target in self.successors(index) {
                        at_entry[target] &= written;
                    }
                    written = all;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn bit(slot: usize) -> u16 {
    const { assert!(MEMORY_WORDS == 16, "one bit of a u16 for each word") };
    1 << slot
}

/// Where an instruction can go next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Successors {
    None,
    One(usize),
    Two { held: usize, failed: usize },
}

impl IntoIterator for Successors {
    type Item = usize;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<usize>, 2>>;

    fn into_iter(self) -> Self::IntoIter {
        let targets = match self {
            Self::None => [None, None],
            Self::One(next) => [Some(next), None],
            Self::Two { held, failed } => [Some(held), Some(failed)],
        };
        targets.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn program(code: &[(u16, u8, u8, u32)]) -> Result<Filter, FilterError> {
        Filter::new(
            code.iter()
                .map(|&(code, jump_true, jump_false, operand)| Instruction { code, jump_true, jump_false, operand })
                .collect(),
        )
    }

    #[test]
    fn what_the_kernel_rejects_is_rejected() {
        let allow = (0x06, 0, 0, 0x7fff_0000);
        assert_eq!(program(&[]), Err(FilterError::Length { count: 0 }));
        assert_eq!(program(&vec![allow; 4097]), Err(FilterError::Length { count: 4097 }));
        assert!(program(&vec![allow; 4096]).is_ok());
        assert_eq!(program(&[(0x00, 0, 0, 1)]), Err(FilterError::NoReturn));
        assert_eq!(program(&[(0x05, 0, 0, 1), allow]), Err(FilterError::Jump { index: 0 }));
        assert_eq!(program(&[(0x05, 0, 0, u32::MAX), allow]), Err(FilterError::Jump { index: 0 }));
        assert_eq!(program(&[(0x15, 0, 1, 5), allow]), Err(FilterError::Jump { index: 0 }));
        assert_eq!(program(&[(0x15, 1, 0, 5), allow]), Err(FilterError::Jump { index: 0 }));
        assert_eq!(program(&[(0x60, 0, 0, 3), allow]), Err(FilterError::Memory { index: 0 }));
        assert!(program(&[(0x02, 0, 0, 3), (0x60, 0, 0, 3), allow]).is_ok());
        // One of two paths to the read does not write.
        let half_written = [(0x15, 1, 0, 0), (0x02, 0, 0, 3), (0x60, 0, 0, 3), allow];
        assert_eq!(program(&half_written), Err(FilterError::Memory { index: 2 }));
    }

    #[test]
    fn operations_that_seccomp_lacks_are_rejected() {
        let allow = (0x06, 0, 0, 0x7fff_0000);
        let refused = [
            (0x20, 2),  // unaligned load
            (0x20, 64), // load past the data
            (0x28, 0),  // half-word load
            (0x40, 0),  // indirect load
            (0x94, 3),  // modulo
            (0x34, 0),  // division by a constant zero
            (0x64, 32), // shift by the whole width
            (0x60, 16), // memory word 16 of 16
            (0x0e, 0),  // return of the index register
            (0x8c, 0),  // negation with a register operand
            (0x0d, 0),  // jump with a register operand
            (0xff, 0),
            (0x1004, 0),
        ];
        for (code, operand) in refused {
            let expected = Err(FilterError::Unknown { index: 0, code, operand });
            assert_eq!(program(&[(code, 0, 0, operand), allow]), expected);
        }
    }

    #[test]
    fn a_cut_program_is_named_as_such() {
        assert_eq!(Filter::from_bytes(&[0; 9]), Err(FilterError::Cut { bytes: 9 }));
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_keeps_the_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            if let Ok(filter) = Filter::from_bytes(&bytes) {
                prop_assert_eq!(filter.to_bytes(), bytes);
            }
        }
    }
}
