//! What a recording shows of each container, for people (text, Markdown) and for programs (JSON).
//!
//! Lives here: the contents of a report, and its forms. The layouts are `templates/*.tera`; JSON is the contents as
//! they are, never a template. Does not: judgement (see `recommend`).

mod calls;
mod capabilities;
mod contents;
mod listing;
mod look;
mod render;
mod summary;
mod table;
#[cfg(test)]
mod tests;
mod values;
mod verdict;

pub use calls::{CallReport, Count, NumbersReport, SourceReport};
pub use capabilities::{
    CapabilityReport, ClassReport, NeedReport, capabilities_json, capabilities_summary, capabilities_text,
};
pub use contents::{ContainerReport, LossReport, Report, StartReport, WhoReport};
pub use look::{Look, Style};
pub use render::RenderError;
pub use summary::{learning, summary};
pub use values::ValuesReport;
pub use verdict::Verdict;
