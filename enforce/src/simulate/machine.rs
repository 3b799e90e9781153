//! The machine that runs a filter on words that are known in part.
//!
//! Lives here: registers, one step, and the walk over every path that the known bits leave open. Does not: what the
//! outcome means.
//!
//! Filters jump forward only, so one sweep from the first instruction to the last meets every state. States that
//! reach the same instruction alike are followed once; where too many differ they are joined into what they agree on,
//! which keeps the time within bounds for a program made to have as many paths as it can.

use std::{collections::BTreeSet, mem};

use super::{Bits, WORDS};
use crate::{
    action::RawAction,
    filter::{Filter, Successors},
    instruction::{Calculation, MEMORY_WORDS, Operand, Operation, Register, Test},
};

/// States kept apart at one instruction. The filters of libseccomp need one to three.
const MOST_STATES: usize = 32;

/// Everything that an instruction can depend on, apart from the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    accumulator: Bits,
    index: Bits,
    memory: [Bits; MEMORY_WORDS],
}

impl State {
    const START: Self =
        Self { accumulator: Bits::exact(0), index: Bits::exact(0), memory: [Bits::UNKNOWN; MEMORY_WORDS] };

    fn register(&mut self, register: Register) -> &mut Bits {
        match register {
            Register::Accumulator => &mut self.accumulator,
            Register::Index => &mut self.index,
        }
    }

    fn operand(&self, operand: Operand) -> Bits {
        match operand {
            Operand::Constant(value) => Bits::exact(value),
            Operand::Index => self.index,
        }
    }

    fn join(mut self, other: &Self) -> Self {
        self.accumulator = self.accumulator.join(other.accumulator);
        self.index = self.index.join(other.index);
        for (word, other) in self.memory.iter_mut().zip(other.memory) {
            *word = word.join(other);
        }
        self
    }
}

/// Every value that the filter may return.
pub(super) fn outcomes(filter: &Filter, words: &[Bits; WORDS]) -> BTreeSet<RawAction> {
    let mut walk =
        Walk { filter, words, waiting: vec![Vec::new(); filter.operations().len()], outcomes: BTreeSet::new() };
    walk.reach(0, State::START);
    for at in 0..walk.waiting.len() {
        for state in mem::take(&mut walk.waiting[at]) {
            walk.step(at, state);
        }
    }
    walk.outcomes
}

struct Walk<'a> {
    filter: &'a Filter,
    words: &'a [Bits; WORDS],
    /// By instruction: the states in which it is reached.
    waiting: Vec<Vec<State>>,
    outcomes: BTreeSet<RawAction>,
}

impl Walk<'_> {
    fn reach(&mut self, at: usize, state: State) {
        let states = &mut self.waiting[at];
        if states.contains(&state) {
            return;
        }
        states.push(state);
        if states.len() > MOST_STATES {
            let joined = states.iter().fold(state, State::join);
            *states = vec![joined];
        }
    }

    fn step(&mut self, at: usize, mut state: State) {
        match self.filter.operations()[at] {
            Operation::LoadData(offset) => state.accumulator = self.words[word(offset)],
            Operation::LoadConstant(register, value) => *state.register(register) = Bits::exact(value),
            Operation::LoadMemory(register, slot) => *state.register(register) = state.memory[slot],
            Operation::Store(register, slot) => state.memory[slot] = *state.register(register),
            Operation::AccumulatorToIndex => state.index = state.accumulator,
            Operation::IndexToAccumulator => state.accumulator = state.index,
            Operation::Negate => {
                state.accumulator = calculate(Calculation::Subtract, Bits::exact(0), state.accumulator);
            }
            Operation::Calculate(calculation, operand) => {
                let right = state.operand(operand);
                if calculation == Calculation::Divide && !self.divides(right) {
                    return;
                }
                state.accumulator = calculate(calculation, state.accumulator, right);
            }
            Operation::ReturnConstant(value) => {
                self.outcomes.insert(RawAction(value));
            }
            Operation::ReturnAccumulator => self.leave(state.accumulator),
            Operation::Jump(_) => {}
            Operation::Branch(test, operand) => {
                return self.branch(at, state, compare(test, state.accumulator, state.operand(operand)));
            }
        }
        if let Successors::One(next) = self.filter.successors(at) {
            self.reach(next, state);
        }
    }

    /// Division by zero ends the filter with the value 0. Says whether it may go on.
    fn divides(&mut self, divisor: Bits) -> bool {
        let zero = divisor.equals(Bits::exact(0));
        if zero != Some(false) {
            self.outcomes.insert(RawAction::KILL_THREAD);
        }
        zero != Some(true)
    }

    /// The value of the accumulator is returned. Where it is not known it may be any action.
    fn leave(&mut self, value: Bits) {
        match value.as_exact() {
            Some(value) => {
                self.outcomes.insert(RawAction(value));
            }
            None => self.outcomes.extend(RawAction::EVERY),
        }
    }

    fn branch(&mut self, at: usize, state: State, held: Option<bool>) {
        if let Successors::Two { held: if_held, failed: if_failed } = self.filter.successors(at) {
            if held != Some(false) {
                self.reach(if_held, state);
            }
            if held != Some(true) {
                self.reach(if_failed, state);
            }
        }
    }
}

/// Offsets are multiples of four below 64: the filter's constructor saw to it.
fn word(offset: u32) -> usize {
    usize::try_from(offset / 4).map_or(0, |word| word % WORDS)
}

fn calculate(calculation: Calculation, left: Bits, right: Bits) -> Bits {
    match calculation {
        Calculation::Add => left.calculate(right, u32::wrapping_add),
        Calculation::Subtract => left.calculate(right, u32::wrapping_sub),
        Calculation::Multiply => left.calculate(right, u32::wrapping_mul),
        // Zero has left the filter already.
        Calculation::Divide => left.calculate(right, |left, right| left.checked_div(right).unwrap_or(0)),
        Calculation::Or => left.or(right),
        Calculation::And => left.and(right),
        Calculation::Xor => left.xor(right),
        Calculation::ShiftLeft => left.shift_left(right),
        Calculation::ShiftRight => left.shift_right(right),
    }
}

/// `None` where the unknown bits decide.
fn compare(test: Test, left: Bits, right: Bits) -> Option<bool> {
    match test {
        Test::Equal => left.equals(right),
        Test::Greater => left.exceeds(right),
        Test::GreaterOrEqual => right.exceeds(left).map(|exceeds| !exceeds),
        Test::AnyBit => left.shares_a_bit_with(right),
    }
}
