//! Bytes that cross from the kernel: `bpf/wire.h` as the skeleton gives it, read and written as plain memory.
//!
//! Lives here: the only place where bytes become types. Total: any bytes of the right length are a value, any other
//! length is an error. Does not: maps, meaning.

#![expect(unsafe_code, reason = "reinterprets plain memory; see the SAFETY comments")]

#[cfg(fuzzing)]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;

use std::mem::{size_of, size_of_val};

use crate::skel::types::{
    ctrec_abi, ctrec_audit, ctrec_cause, ctrec_check_flags, ctrec_event_kind, ctrec_kept, ctrec_limits, ctrec_loss,
    ctrec_origin, ctrec_outcome, ctrec_phase, ctrec_space,
};
pub(crate) use crate::skel::types::{
    ctrec_argument_key as ArgumentKey, ctrec_arrival as Arrival, ctrec_asker_key as AskerKey, ctrec_cell as Cell,
    ctrec_cells as Cells, ctrec_cgroup_key as CgroupKey, ctrec_check as Check, ctrec_check_count as CheckCount,
    ctrec_check_end as CheckEnd, ctrec_check_key as CheckKey, ctrec_container as KernelContainer, ctrec_count as Count,
    ctrec_errno as ErrnoCount, ctrec_event as Event, ctrec_identity_key as IdentityKey, ctrec_loss_key as LossKey,
    ctrec_new_program as NewProgram, ctrec_path as KernelPath, ctrec_pending as Pending, ctrec_place as Place,
    ctrec_program_key as ProgramKey, ctrec_range as Range, ctrec_slot_key as SlotKey, ctrec_sparse_key as SparseKey,
    ctrec_start_key as StartKey, ctrec_task as Task, ctrec_unfinished as Unfinished, ctrec_values as Values,
    ctrec_values_count as ValuesCount, ctrec_values_key as ValuesKey, ctrec_values_owner as ValuesOwner,
};

use ctrec_recording::{Abi, Audit, Cause, Namespace, Origin, Phase};

/// Call numbers that have a cell.
pub(crate) const CELLS: usize = ctrec_limits::CTREC_CELLS.0 as usize;
/// (number, errno) pairs beside the cells.
pub(crate) const ERRNOS: usize = ctrec_limits::CTREC_ERRNOS.0 as usize;
/// Kinds of checks that have a place of their own.
pub(crate) const CHECKS: u32 = ctrec_limits::CTREC_CHECKS.0;
/// Slots alive at once.
pub(crate) const SLOTS: u32 = ctrec_limits::CTREC_SLOTS.0;
/// Call numbers whose arguments may be kept.
pub(crate) const NUMBERS: usize = ctrec_limits::CTREC_NUMBERS.0 as usize;
/// Different values that are kept of one call of a slot.
pub(crate) const VALUES: u32 = ctrec_limits::CTREC_VALUES.0;
/// Flags of the arguments that are kept of a call, by index.
pub(crate) const KEPT: [u8; 3] =
    [kept(ctrec_kept::CTREC_KEPT_FIRST), kept(ctrec_kept::CTREC_KEPT_SECOND), kept(ctrec_kept::CTREC_KEPT_THIRD)];
/// Flag of a call whose argument is a whole word.
pub(crate) const KEPT_WHOLE: u8 = kept(ctrec_kept::CTREC_KEPT_WHOLE);
/// Slots whose cells are in one map.
pub(crate) const BANK: u32 = ctrec_limits::CTREC_BANK.0;
/// Slots that are made free in one go.
pub(crate) const FREED: u32 = ctrec_limits::CTREC_FREED.0;
/// Outcome of a sparse count that stands for success.
pub(crate) const SUCCEEDED: u32 = ctrec_outcome::CTREC_OUTCOME_SUCCEEDED.0;

/// Outcome that stands beside another: a filter gave the answer.
pub(crate) const REFUSED: u32 = ctrec_outcome::CTREC_OUTCOME_REFUSED.0;
/// Outcome of a call that had not returned.
pub(crate) const UNFINISHED: u32 = ctrec_outcome::CTREC_OUTCOME_UNFINISHED.0;
/// Outcome of a check outside of a call.
pub(crate) const NO_CALL: u32 = ctrec_outcome::CTREC_OUTCOME_NO_CALL.0;
/// Outcome of a check that nobody could follow to its call's end.
pub(crate) const UNKNOWN: u32 = ctrec_outcome::CTREC_OUTCOME_UNKNOWN.0;
/// Flags of a check.
pub(crate) const GRANTED: u32 = ctrec_check_flags::CTREC_CHECK_GRANTED.0;
pub(crate) const OVERRIDDEN: u32 = ctrec_check_flags::CTREC_CHECK_OVERRIDDEN.0;
pub(crate) const BOUNDED: u32 = ctrec_check_flags::CTREC_CHECK_BOUNDED.0;
pub(crate) const ROOT: u32 = ctrec_check_flags::CTREC_CHECK_ROOT.0;
pub(crate) const NEEDLESS: u32 = ctrec_check_flags::CTREC_CHECK_NEEDLESS.0;

/// A flag as the kernel side holds it.
#[expect(clippy::cast_possible_truncation, reason = "there are four flags, of 1 to 8")]
const fn kept(flag: ctrec_kept) -> u8 {
    flag.0 as u8
}

/// Bytes that are not what `wire.h` says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A record of another length.
    #[error("a kernel record of {type_name} has {got} bytes, not {expected}: the recorder and its kernel side differ")]
    Length {
        /// Rust name of the type.
        type_name: &'static str,
        /// Bytes there are.
        got: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// A value that is none of an enum's.
    #[error("a kernel record says {field} = {value}, which is not one of its values")]
    Value {
        /// Field.
        field: &'static str,
        /// Its value.
        value: u32,
    },
}

/// A type of `wire.h`.
///
/// # Safety
///
/// `repr(C)`, fixed-width integers and arrays of them only, no padding: every byte pattern is a value of it.
pub(crate) unsafe trait Wire: Copy {}

macro_rules! wire {
    ($($type:ty),*) => { $(
        // SAFETY: `wire.h` allows only fixed-width integers, arrays of them and explicit padding, and asserts sizes.
        unsafe impl Wire for $type {}
    )* };
}
wire!(
    ArgumentKey,
    Arrival,
    AskerKey,
    Check,
    CheckCount,
    CheckEnd,
    CheckKey,
    IdentityKey,
    NewProgram,
    Pending,
    ErrnoCount,
    ProgramKey,
    Cell,
    Cells,
    CgroupKey,
    KernelContainer,
    Count,
    Event,
    LossKey,
    KernelPath,
    Place,
    SlotKey,
    SparseKey,
    StartKey,
    Task,
    Unfinished,
    Values,
    ValuesCount,
    ValuesKey,
    ValuesOwner,
    u32,
    u64
);

/// A value from exactly its bytes.
pub(crate) fn read<T: Wire>(bytes: &[u8]) -> Result<T, WireError> {
    if bytes.len() != size_of::<T>() {
        return Err(WireError::Length {
            type_name: std::any::type_name::<T>(),
            got: bytes.len(),
            expected: size_of::<T>(),
        });
    }
    // SAFETY: the length is that of T, and `Wire` says that any bytes are a T; the read needs no alignment.
    Ok(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// The bytes of a value.
pub(crate) fn bytes<T: Wire>(value: &T) -> &[u8] {
    // SAFETY: `Wire` says that T has no padding, so all its bytes are initialised; the slice borrows `value`.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of_val(value)) }
}

/// An event, by its kind.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    /// A cgroup that may become a container was made.
    Cgroup(Box<Place>),
    /// A task entered a container from outside.
    Joined(Box<Arrival>),
    /// A slot was claimed.
    Slot(Event),
    /// The last task of a container ended.
    Empty,
    /// The workload executed a file not seen before.
    Program(NewProgram),
}

/// An event from its bytes: the head says what the rest is.
pub(crate) fn message(bytes: &[u8]) -> Result<Message, WireError> {
    let head: Event = read(bytes.get(..size_of::<Event>()).unwrap_or(bytes))?;
    Ok(match ctrec_event_kind(head.kind) {
        ctrec_event_kind::CTREC_EVENT_CGROUP => Message::Cgroup(Box::new(read(bytes)?)),
        ctrec_event_kind::CTREC_EVENT_JOINED => Message::Joined(Box::new(read(bytes)?)),
        ctrec_event_kind::CTREC_EVENT_SLOT => Message::Slot(read(bytes)?),
        ctrec_event_kind::CTREC_EVENT_EMPTY => read::<Event>(bytes).map(|_| Message::Empty)?,
        ctrec_event_kind::CTREC_EVENT_PROGRAM => Message::Program(read(bytes)?),
        _ => return Err(WireError::Value { field: "event kind", value: head.kind }),
    })
}

impl Place {
    /// The cgroup's path. Container-controlled: engines name cgroups, but workloads may make their own.
    pub(crate) fn cgroup_path(&self) -> String {
        text(&self.path, self.path_bytes)
    }
}

impl Arrival {
    /// File name of what the task that entered runs, as far as it is kept.
    pub(crate) fn program_name(&self) -> String {
        let end = self.program.iter().position(|byte| *byte == 0).unwrap_or(self.program.len());
        String::from_utf8_lossy(&self.program[..end]).into_owned()
    }

    /// Arguments of the process that moved it; `None` if they could not be read or are more than are kept.
    pub(crate) fn arguments(&self) -> Option<Vec<String>> {
        let bytes = self.arguments.get(..self.arguments_bytes as usize).filter(|bytes| !bytes.is_empty())?;
        let words = bytes.strip_suffix(&[0]).unwrap_or(bytes).split(|byte| *byte == 0);
        Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    }

    /// Working directory of that process; `None` if it is longer than is kept.
    pub(crate) fn folder(&self) -> Option<String> {
        (self.folder_truncated == 0).then(|| format!("/{}", join(&self.folder, self.folder_bytes)))
    }
}

impl KernelPath {
    /// The path, put together from its components. A memfd has no folder and keeps its name as it is.
    pub(crate) fn display(&self) -> String {
        let path = join(&self.components, self.length_bytes);
        if path.is_empty() || (path.starts_with("memfd:") && !path.contains('/')) { path } else { format!("/{path}") }
    }
}

/// A path that the kernel side wrote last component first.
fn join(components: &[u8], length: u32) -> String {
    let bytes = &components[..(length as usize).min(components.len())];
    let parts: Vec<_> = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty()).collect();
    parts.iter().rev().map(|part| String::from_utf8_lossy(part)).collect::<Vec<_>>().join("/")
}

fn text(bytes: &[u8], length: u32) -> String {
    String::from_utf8_lossy(&bytes[..(length as usize).min(bytes.len())]).into_owned()
}

/// Origin of a slot or start.
pub(crate) fn origin(value: u8) -> Result<Origin, WireError> {
    match ctrec_origin(value.into()) {
        ctrec_origin::CTREC_ORIGIN_INIT => Ok(Origin::Init),
        ctrec_origin::CTREC_ORIGIN_EXEC => Ok(Origin::Exec),
        _ => Err(WireError::Value { field: "origin", value: value.into() }),
    }
}

/// Phase of a slot or start.
pub(crate) fn phase(value: u8) -> Result<Phase, WireError> {
    match ctrec_phase(value.into()) {
        ctrec_phase::CTREC_PHASE_SETUP => Ok(Phase::Setup),
        ctrec_phase::CTREC_PHASE_RUNTIME => Ok(Phase::Runtime),
        ctrec_phase::CTREC_PHASE_WORKLOAD => Ok(Phase::Workload),
        _ => Err(WireError::Value { field: "phase", value: value.into() }),
    }
}

/// Whether a check is audited.
pub(crate) fn audit(value: u8) -> Result<Audit, WireError> {
    match ctrec_audit(value.into()) {
        ctrec_audit::CTREC_AUDIT_AUDITED => Ok(Audit::Audited),
        ctrec_audit::CTREC_AUDIT_PROBE => Ok(Audit::Probe),
        ctrec_audit::CTREC_AUDIT_UNKNOWN => Ok(Audit::Unknown),
        _ => Err(WireError::Value { field: "audit", value: value.into() }),
    }
}

/// A user namespace, as seen from the container's.
pub(crate) fn space(value: u8) -> Result<Namespace, WireError> {
    match ctrec_space(value.into()) {
        ctrec_space::CTREC_SPACE_CONTAINER => Ok(Namespace::Container),
        ctrec_space::CTREC_SPACE_INSIDE => Ok(Namespace::Inside),
        ctrec_space::CTREC_SPACE_OUTSIDE => Ok(Namespace::Outside),
        ctrec_space::CTREC_SPACE_UNKNOWN => Ok(Namespace::Unknown),
        _ => Err(WireError::Value { field: "namespace", value: value.into() }),
    }
}

/// What an identity came from.
pub(crate) fn cause(value: u8) -> Result<Cause, WireError> {
    match ctrec_cause(value.into()) {
        ctrec_cause::CTREC_CAUSE_EXECVE => Ok(Cause::Execve),
        ctrec_cause::CTREC_CAUSE_CAPSET => Ok(Cause::Capset),
        _ => Err(WireError::Value { field: "cause", value: value.into() }),
    }
}

/// The low half of a word.
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
pub(crate) fn low(word: u64) -> u32 {
    word as u32
}

/// Addresses of a sampled stack, innermost first.
pub(crate) fn frames(key: &AskerKey) -> impl Iterator<Item = u64> {
    key.frames.into_iter().take_while(|frame| *frame != 0)
}

/// Bit of x32 numbers.
const X32_BIT: i64 = 0x4000_0000;

/// A number without what marks it as one of x32.
pub(crate) fn without_x32_bit(number: i64) -> i64 {
    number & !X32_BIT
}

/// ABI of a call: that of its slot, except that x32 is x86-64 with bit 30 in the number.
pub(crate) fn abi(slot: u8, number: i64) -> Result<Abi, WireError> {
    match ctrec_abi(slot.into()) {
        ctrec_abi::CTREC_ABI_X86_64 if number >= 0 && number & X32_BIT != 0 => Ok(Abi::X32),
        ctrec_abi::CTREC_ABI_X86_64 => Ok(Abi::X86_64),
        ctrec_abi::CTREC_ABI_I386 => Ok(Abi::I386),
        ctrec_abi::CTREC_ABI_AARCH64 => Ok(Abi::Aarch64),
        ctrec_abi::CTREC_ABI_ARM => Ok(Abi::Arm),
        _ => Err(WireError::Value { field: "abi", value: slot.into() }),
    }
}

/// What a kernel loss is, in the words of the recording.
pub(crate) fn loss(value: u32) -> Result<(ctrec_recording::LossKind, &'static str), WireError> {
    use ctrec_recording::LossKind;
    Ok(match ctrec_loss(value) {
        ctrec_loss::CTREC_LOSS_SLOTS_FULL => (LossKind::SlotsFull, "slots"),
        ctrec_loss::CTREC_LOSS_TASKS_FULL => (LossKind::MapFull, "tasks"),
        ctrec_loss::CTREC_LOSS_SPARSE_FULL => (LossKind::MapFull, "sparse"),
        ctrec_loss::CTREC_LOSS_PROGRAMS_FULL => (LossKind::MapFull, "programs"),
        ctrec_loss::CTREC_LOSS_CONTAINERS_FULL => (LossKind::MapFull, "containers"),
        ctrec_loss::CTREC_LOSS_STARTS_FULL => (LossKind::MapFull, "starts"),
        ctrec_loss::CTREC_LOSS_ARGUMENTS_FULL => (LossKind::MapFull, "arguments"),
        ctrec_loss::CTREC_LOSS_RING_FULL => (LossKind::RingFull, "events"),
        ctrec_loss::CTREC_LOSS_CHECKS_FULL => (LossKind::MapFull, "checks"),
        ctrec_loss::CTREC_LOSS_ASKERS_FULL => (LossKind::MapFull, "askers"),
        ctrec_loss::CTREC_LOSS_IDENTITIES_FULL => (LossKind::MapFull, "identities"),
        ctrec_loss::CTREC_LOSS_VALUES_FULL => (LossKind::MapFull, "values of arguments"),
        ctrec_loss::CTREC_LOSS_MOVED_OUT => (LossKind::MovedOut, "processes of the workload"),
        ctrec_loss::CTREC_LOSS_READ_FAULT => (LossKind::ReadFault, "paths"),
        _ => return Err(WireError::Value { field: "loss", value }),
    })
}
