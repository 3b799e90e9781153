//! From contents to text, through the templates, and to JSON without them.
//!
//! Escaping is not left to the engine, which knows HTML alone: every value passes a filter of its form, which makes
//! hostile text harmless. A test holds the templates to that.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Serialize;
use tera::{Context, Tera, Value};

use super::Report;
use crate::text;

/// Columns that a line of text should fit in.
const WIDTH: usize = 80;

const TEMPLATES: [(&str, &str); 5] = [
    ("caps.txt", include_str!("../../../templates/caps.txt.tera")),
    ("caps-summary.txt", include_str!("../../../templates/caps-summary.txt.tera")),
    ("report.txt", include_str!("../../../templates/report.txt.tera")),
    ("report.md", include_str!("../../../templates/report.md.tera")),
    ("summary.txt", include_str!("../../../templates/summary.txt.tera")),
];

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template failed.
    #[error("template {template} does not fit its contents; this is a bug in ctrec")]
    Template {
        /// Which one.
        template: &'static str,
        /// What the engine says.
        #[source]
        source: tera::Error,
    },
    /// The serializer failed.
    #[error("the report could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Report {
    /// For a terminal: 80 columns where it can.
    pub fn text(&self) -> Result<String, RenderError> {
        render("report.txt", self)
    }

    /// Markdown, with tables as GitHub has them.
    pub fn markdown(&self) -> Result<String, RenderError> {
        render("report.md", self)
    }

    /// JSON, with everything that the other forms show.
    pub fn json(&self) -> Result<String, RenderError> {
        Ok(text::json(self)?)
    }
}

/// Fills one of the templates.
pub(super) fn render(template: &'static str, contents: &impl Serialize) -> Result<String, RenderError> {
    let failed = |source| RenderError::Template { template, source };
    let context = Context::from_serialize(contents).map_err(failed)?;
    engine().map_err(failed)?.render(template, &context).map_err(failed)
}

fn engine() -> Result<&'static Tera, tera::Error> {
    static ENGINE: OnceLock<Tera> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let mut engine = Tera::default();
    engine.autoescape_on(Vec::new());
    engine.register_filter("text", on_string(text::visible));
    engine.register_filter("whole", on_string(text::visible_lines));
    engine.register_filter("markdown", on_string(text::markdown));
    engine.register_filter("code", on_string(text::code));
    engine.register_filter("underline", on_string(|text| "=".repeat(text::visible(text).chars().count())));
    engine.register_filter("number", on_value(|value, _| value.to_string()));
    engine.register_filter("duration", on_value(|value, _| text::duration(value.as_u64().unwrap_or_default())));
    engine.register_filter("counted", on_value(counted));
    engine.register_filter("pad", on_value(pad));
    engine.register_filter("wrap", on_value(wrap));
    engine.add_raw_templates(TEMPLATES)?;
    Ok(ENGINE.get_or_init(|| engine))
}

/// A filter that takes a string, and a list as its strings with commas between.
fn on_string(change: fn(&str) -> String) -> impl tera::Filter {
    move |value: &Value, _: &HashMap<String, Value>| {
        Ok(Value::from(match value {
            Value::Array(items) => items.iter().map(|item| change(&plain(item))).collect::<Vec<_>>().join(", "),
            one => change(&plain(one)),
        }))
    }
}

/// A filter that cannot fail.
fn on_value(change: fn(&Value, &HashMap<String, Value>) -> String) -> impl tera::Filter {
    move |value: &Value, arguments: &HashMap<String, Value>| Ok(Value::from(change(value, arguments)))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned)
}

/// `{{ 2 | counted(noun="run") }}`: 2 runs.
fn counted(value: &Value, arguments: &HashMap<String, Value>) -> String {
    let count = usize::try_from(value.as_u64().unwrap_or_default()).unwrap_or(usize::MAX);
    text::counted(count, arguments.get("noun").and_then(Value::as_str).unwrap_or_default())
}

/// Fills up with spaces: to the right, or for a negative width to the left.
fn pad(value: &Value, arguments: &HashMap<String, Value>) -> String {
    let width = arguments.get("width").and_then(Value::as_i64).unwrap_or_default();
    let (text, columns) = (plain(value), usize::try_from(width.unsigned_abs()).unwrap_or(WIDTH));
    if width < 0 { format!("{text:>columns$}") } else { format!("{text:<columns$}") }
}

fn wrap(value: &Value, arguments: &HashMap<String, Value>) -> String {
    let indent = arguments.get("indent").and_then(Value::as_u64).unwrap_or_default();
    text::wrap(&plain(value), WIDTH, usize::try_from(indent).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_in_a_template_passes_a_filter_of_its_form() {
        let safe = |template: &str, last: &str| match template {
            "report.md" => ["markdown", "code", "whole", "number", "duration", "counted"].contains(&last),
            _ => ["text", "number", "duration", "counted", "underline", "pad", "wrap"].contains(&last),
        };
        for (name, template) in TEMPLATES {
            let mut found = 0;
            for value in template.split("{{").skip(1) {
                let expression = value.split("}}").next().unwrap();
                let filters: Vec<&str> =
                    expression.split('|').skip(1).map(|f| f.trim().split('(').next().unwrap()).collect();
                found += 1;
                assert!(filters.last().is_some_and(|last| safe(name, last)), "{name}: {expression}");
                if ["pad", "wrap"].contains(filters.last().unwrap()) {
                    assert!(
                        ["text", "whole", "number", "duration", "counted"].contains(filters.first().unwrap()),
                        "{name}: {expression}"
                    );
                }
            }
            assert!(found > 5, "{name} shows values");
        }
    }
}
