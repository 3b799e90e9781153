//! One instruction of a classic BPF program, and what it means.
//!
//! Lives here: the kernel's eight bytes, and their reading as an [`Operation`], which refuses what seccomp refuses.
//! Does not: anything that needs the other instructions of the program (see [`Filter`](crate::Filter)).

/// Bytes that a filter can load: `struct seccomp_data`.
pub(crate) const DATA_BYTES: u32 = 64;
/// Words of scratch memory.
pub(crate) const MEMORY_WORDS: usize = 16;

/// An instruction as the kernel holds it: `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instruction {
    /// Class, operation, operand source and size.
    pub code: u16,
    /// Instructions to skip where a test holds.
    pub jump_true: u8,
    /// Instructions to skip where it does not.
    pub jump_false: u8,
    /// Immediate operand: constant, offset, index or jump distance.
    pub operand: u32,
}

/// A register. The kernel calls the index register X.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Register {
    Accumulator,
    Index,
}

/// The right-hand side of a test or a calculation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operand {
    Constant(u32),
    Index,
}

/// A calculation on the accumulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calculation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Or,
    And,
    ShiftLeft,
    ShiftRight,
    Xor,
}

/// A test of the accumulator, unsigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

/// What an instruction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Load the 32-bit word at this byte offset of the call's data.
    LoadData(u32),
    LoadConstant(Register, u32),
    LoadMemory(Register, usize),
    Store(Register, usize),
    Calculate(Calculation, Operand),
    Negate,
    Jump(u32),
    Branch(Test, Operand),
    ReturnConstant(u32),
    ReturnAccumulator,
    AccumulatorToIndex,
    IndexToAccumulator,
}

impl Instruction {
    /// Bytes of one instruction.
    pub const BYTES: usize = 8;

    pub(crate) fn statement(code: u16, operand: u32) -> Self {
        Self { code, jump_true: 0, jump_false: 0, operand }
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let [code_0, code_1, jump_true, jump_false, k0, k1, k2, k3] = bytes;
        Self {
            code: u16::from_ne_bytes([code_0, code_1]),
            jump_true,
            jump_false,
            operand: u32::from_ne_bytes([k0, k1, k2, k3]),
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let [code_0, code_1] = self.code.to_ne_bytes();
        let [k0, k1, k2, k3] = self.operand.to_ne_bytes();
        [code_0, code_1, self.jump_true, self.jump_false, k0, k1, k2, k3]
    }

    /// What the instruction does; `None` where seccomp refuses it: an unknown operation (classic BPF has some that
    /// seccomp has not, such as modulo and packet loads), or an operand that is out of range.
    pub(crate) fn operation(self) -> Option<Operation> {
        let operand = self.operand;
        let slot = usize::try_from(operand).ok().filter(|slot| *slot < MEMORY_WORDS);
        Some(match self.code {
            0x20 if operand < DATA_BYTES && operand.is_multiple_of(4) => Operation::LoadData(operand),
            0x80 => Operation::LoadConstant(Register::Accumulator, DATA_BYTES),
            0x81 => Operation::LoadConstant(Register::Index, DATA_BYTES),
            0x00 => Operation::LoadConstant(Register::Accumulator, operand),
            0x01 => Operation::LoadConstant(Register::Index, operand),
            0x60 => Operation::LoadMemory(Register::Accumulator, slot?),
            0x61 => Operation::LoadMemory(Register::Index, slot?),
            0x02 => Operation::Store(Register::Accumulator, slot?),
            0x03 => Operation::Store(Register::Index, slot?),
            0x84 => Operation::Negate,
            0x05 => Operation::Jump(operand),
            0x06 => Operation::ReturnConstant(operand),
            0x16 => Operation::ReturnAccumulator,
            0x07 => Operation::AccumulatorToIndex,
            0x87 => Operation::IndexToAccumulator,
            code if code & 0x07 == 0x04 => calculation(code, operand)?,
            code if code & 0x07 == 0x05 => branch(code, operand)?,
            _ => return None,
        })
    }
}

fn calculation(code: u16, operand: u32) -> Option<Operation> {
    let calculation = match code & 0xfff0 {
        0x00 => Calculation::Add,
        0x10 => Calculation::Subtract,
        0x20 => Calculation::Multiply,
        0x30 => Calculation::Divide,
        0x40 => Calculation::Or,
        0x50 => Calculation::And,
        0x60 => Calculation::ShiftLeft,
        0x70 => Calculation::ShiftRight,
        0xa0 => Calculation::Xor,
        _ => return None,
    };
    let right = right_hand_side(code, operand);
    let refused = match (calculation, right) {
        (Calculation::Divide, Operand::Constant(divisor)) => divisor == 0,
        (Calculation::ShiftLeft | Calculation::ShiftRight, Operand::Constant(distance)) => distance >= u32::BITS,
        _ => false,
    };
    (!refused).then_some(Operation::Calculate(calculation, right))
}

fn branch(code: u16, operand: u32) -> Option<Operation> {
    let test = match code & 0xfff0 {
        0x10 => Test::Equal,
        0x20 => Test::Greater,
        0x30 => Test::GreaterOrEqual,
        0x40 => Test::AnyBit,
        _ => return None,
    };
    Some(Operation::Branch(test, right_hand_side(code, operand)))
}

fn right_hand_side(code: u16, operand: u32) -> Operand {
    if code & 0x08 == 0 { Operand::Constant(operand) } else { Operand::Index }
}
