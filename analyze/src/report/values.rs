//! Values of arguments, as a report shows them beside the calls.

use serde::Serialize;

use crate::behaviour::{CallId, SeenValues};
use crate::known::value_names;

/// Values that the arguments of a call had together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValuesReport {
    /// The arguments that are kept, by name: `AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP`.
    pub names: String,
    /// By number; `None` for an argument that is not kept.
    pub arguments: [Option<u64>; 3],
    /// A call with them returned without an error.
    pub succeeded: bool,
}

/// `succeeded`: any of the calls did. What a filter stopped may look as if it had.
pub(super) fn values_report(call: CallId, seen: &SeenValues, succeeded: bool) -> Vec<ValuesReport> {
    let of_one = |(arguments, ended_well): (&[Option<u64>; 3], &bool)| ValuesReport {
        names: value_names(call.name().unwrap_or_default(), arguments),
        arguments: *arguments,
        succeeded: *ended_well && succeeded,
    };
    seen.values.iter().map(of_one).collect()
}

/// For a field that is left out where it says nothing.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}

/// The same for a count.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(super) fn is_none(count: &usize) -> bool {
    *count == 0
}
