//! Values of arguments: which arguments the kernel side keeps, and what is new of what it kept.
//!
//! Lives here: differences. Does not: reading maps (see `kernel`), the rows (see `gathered::values`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ctrec_recording::Abi;
use ctrec_recording::values::{KEPT_CALLS, KEPT_VALUES, KeptCall};

use crate::error::RecordError;
use crate::gathered::{CallKey, Gathered, ValuesRow};
use crate::kernel::Kernel;
use crate::wire::{self, ValuesKey, ValuesOwner, WireError};

const _: () = assert!(KEPT_VALUES == wire::VALUES, "the recording and the kernel side mean the same limit");

/// Whose calls each of the kernel side's tables of kept arguments is about.
#[cfg(target_arch = "x86_64")]
const NUMBERINGS: [Abi; 3] = [Abi::X86_64, Abi::I386, Abi::X32];
#[cfg(target_arch = "aarch64")]
const NUMBERINGS: [Abi; 2] = [Abi::Aarch64, Abi::Arm];

/// For the kernel side: which arguments of which call are kept.
pub(crate) fn kept_arguments() -> [[u8; wire::NUMBERS]; NUMBERINGS.len()] {
    NUMBERINGS.map(kept_of)
}

fn kept_of(abi: Abi) -> [u8; wire::NUMBERS] {
    let mut of_abi = [0; wire::NUMBERS];
    for call in &KEPT_CALLS {
        let index = call.number(abi).and_then(|number| usize::try_from(wire::without_x32_bit(number)).ok());
        if let Some(place) = index.and_then(|index| of_abi.get_mut(index)) {
            *place = flags(call);
        }
    }
    of_abi
}

fn flags(call: &KeptCall) -> u8 {
    let which = call.arguments.iter().fold(0, |flags, index| flags | wire::KEPT[*index]);
    if call.whole { which | wire::KEPT_WHOLE } else { which }
}

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct ValuesSeen {
    /// By slot, number and values: whether calls with them succeeded, and whether some failed.
    known: HashMap<(u32, i32, [u64; 3]), (bool, bool)>,
    /// Calls of slots with more than are kept.
    many: BTreeSet<(u32, i32)>,
}

impl ValuesSeen {
    /// Reads what is new since the last time. `place` gives the call of a slot, if its container's are to be read.
    pub(crate) fn gather(
        &mut self,
        kernel: &Kernel<'_>,
        place: &dyn Fn(u32, i32) -> Result<Option<CallKey>, WireError>,
        gathered: &mut Gathered,
    ) -> Result<(), RecordError> {
        for (ValuesKey { slot, number, arguments }, values) in kernel.values()? {
            let Some(place) = place(slot, number)? else { continue };
            let known = self.known.entry((slot, number, arguments)).or_default();
            let now = (values.succeeded != 0, values.failed != 0);
            let new = [(true, now.0 && !known.0), (false, now.1 && !known.1)];
            *known = now;
            for (succeeded, _) in new.into_iter().filter(|(_, is_new)| *is_new) {
                gathered.add_values(ValuesRow { place, values: Some(kept(&place, arguments)), succeeded });
            }
        }
        for (ValuesOwner { slot, number }, count) in kernel.value_counts()? {
            let Some(place) = place(slot, number)?.filter(|_| count.many != 0) else { continue };
            if self.many.insert((slot, number)) {
                gathered.add_values(ValuesRow { place, values: None, succeeded: false });
            }
        }
        Ok(())
    }

    /// Another run is told everything again: the one before may be removed.
    pub(crate) fn begin_run(&mut self) {
        *self = Self::default();
    }

    /// Forgets slots that are no more: their indices will mean something else.
    pub(crate) fn keep_slots<T>(&mut self, slots: &BTreeMap<u32, T>) {
        self.known.retain(|(slot, ..), _| slots.contains_key(slot));
        self.many.retain(|(slot, _)| slots.contains_key(slot));
    }
}

/// The arguments that the recording has of a call.
fn kept(place: &CallKey, arguments: [u64; 3]) -> [Option<u64>; 3] {
    let which = KeptCall::of(place.abi, place.number).map_or(&[][..], |call| call.arguments);
    [0, 1, 2].map(|index| which.contains(&index).then_some(arguments[index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_where_the_kernel_side_looks_for_it() {
        let [x86_64, i386, x32] = [Abi::X86_64, Abi::I386, Abi::X32].map(kept_of);
        assert_eq!((x86_64[41], i386[359], x32[41]), (7, 7, 7), "socket");
        assert_eq!((x86_64[16], i386[54], x32[514], x32[16]), (2, 2, 2, 0), "ioctl");
        assert_eq!((x86_64[9], i386[192], x86_64[234]), (4 | wire::KEPT_WHOLE, 4, 4), "mmap, mmap2, tgkill");
        assert_eq!((x86_64[0], x86_64[435], i386[102], i386[90]), (0, 0, 0, 0), "none, or behind a pointer");
        let [aarch64, arm] = [Abi::Aarch64, Abi::Arm].map(kept_of);
        assert_eq!((aarch64[198], arm[281], aarch64[41]), (7, 7, 0), "socket");
        assert_eq!((aarch64[222], arm[192], arm[221]), (4 | wire::KEPT_WHOLE, 4, 2), "mmap, mmap2, fcntl64");
        let counted = |of_abi: &[u8]| of_abi.iter().filter(|flags| **flags != 0).count();
        let numbers = |abi| KEPT_CALLS.iter().filter(|call| call.number(abi).is_some()).count();
        assert_eq!(counted(&i386), numbers(Abi::I386));
        assert_eq!(counted(&x32), numbers(Abi::X32));
        assert_eq!(counted(&arm), numbers(Abi::Arm));
        assert_eq!(kept_arguments(), NUMBERINGS.map(kept_of));
    }
}
