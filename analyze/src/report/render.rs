//! From contents to text, through the templates, and to JSON without them.
//!
//! Escaping is not left to the engine, which knows HTML alone: every value passes a filter of its form, which makes
//! hostile text harmless. A test holds the templates to that. Colours come last, around what is harmless already.

use std::collections::HashMap;

use serde::Serialize;
use tera::{Context, Tera, Value};
use unicode_width::UnicodeWidthStr;

use super::Report;
use super::look::{Look, Style};
use crate::text;

/// Longest prose that is shown: sentences of ours that quote what a container chose.
const LONGEST_PROSE: usize = 2000;

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
    /// For people, on a terminal or elsewhere.
    pub fn text(&self, look: Look) -> Result<String, RenderError> {
        Ok(look.fitted(render("report.txt", self, look)?))
    }

    /// Markdown, with tables as GitHub has them.
    pub fn markdown(&self) -> Result<String, RenderError> {
        render("report.md", self, Look::PLAIN)
    }

    /// JSON, with everything that the other forms show.
    pub fn json(&self) -> Result<String, RenderError> {
        Ok(text::json(self)?)
    }
}

/// Fills one of the templates.
pub(super) fn render(template: &'static str, contents: &impl Serialize, look: Look) -> Result<String, RenderError> {
    let failed = |source| RenderError::Template { template, source };
    let context = Context::from_serialize(contents).map_err(failed)?;
    engine(template, look).map_err(failed)?.render(template, &context).map_err(failed)
}

fn engine(template: &str, look: Look) -> Result<Tera, tera::Error> {
    let mut engine = Tera::default();
    engine.autoescape_on(Vec::new());
    engine.register_filter("text", on_string(text::visible));
    engine.register_filter("prose", on_string(|text| text::shortened(text, LONGEST_PROSE)));
    engine.register_filter("whole", on_string(text::visible_lines));
    engine.register_filter("markdown", on_string(text::markdown));
    engine.register_filter("code", on_string(text::code));
    engine.register_filter("whole_code", on_string(text::whole_code));
    engine.register_filter("short", on_value(short));
    let name = move |value: &Value, arguments: &HashMap<_, _>| look.name(&plain(value), argument(arguments, "columns"));
    engine.register_filter("name", on_value(name));
    engine.register_filter("short_code", on_value(|value, arguments| text::code(&short(value, arguments))));
    let title = move |text: &str| look.name(text, look.prose());
    engine.register_filter("heading", on_string(move |text| look.paint(Style::Title, &title(text))));
    engine.register_filter("underline", on_string(move |text| "=".repeat(title(text).width())));
    engine.register_filter("number", on_value(|value, _| value.to_string()));
    engine.register_filter("duration", on_value(|value, _| text::duration(value.as_u64().unwrap_or_default())));
    engine.register_filter("counted", on_value(counted));
    engine.register_filter("pad", on_value(pad));
    engine.register_filter("wrap", on_value(move |value, arguments| wrap(value, arguments, look)));
    for (name, style) in PAINTS {
        engine.register_filter(name, on_value(move |value, _| paint(value, style, look)));
    }
    engine.add_raw_templates(TEMPLATES.into_iter().filter(|(name, _)| *name == template))?;
    Ok(engine)
}

/// Filters that paint. They come last: what they take is harmless by then.
const PAINTS: [(&str, Style); 4] =
    [("title", Style::Title), ("good", Style::Good), ("warning", Style::Warning), ("bad", Style::Bad)];

/// Line by line, so that a pager shows each of them in its colour.
fn paint(value: &Value, style: Style, look: Look) -> String {
    plain(value).lines().map(|line| look.paint(style, line)).collect::<Vec<_>>().join("\n")
}

/// A filter that takes a string, and a list as its strings with commas between.
fn on_string(change: impl Fn(&str) -> String + Send + Sync) -> impl tera::Filter {
    move |value: &Value, _: &HashMap<String, Value>| {
        Ok(Value::from(match value {
            Value::Array(items) => items.iter().map(|item| change(&plain(item))).collect::<Vec<_>>().join(", "),
            one => change(&plain(one)),
        }))
    }
}

/// A filter that cannot fail.
fn on_value(change: impl Fn(&Value, &HashMap<String, Value>) -> String + Send + Sync) -> impl tera::Filter {
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
    let (text, columns) = (plain(value), usize::try_from(width.unsigned_abs()).unwrap_or_default());
    let room = " ".repeat(columns.saturating_sub(text.width()));
    if width < 0 { room + &text } else { text + &room }
}

/// `{{ name | short(columns=40) }}`: in at most so many columns, and harmless.
fn short(value: &Value, arguments: &HashMap<String, Value>) -> String {
    text::shortened(&plain(value), argument(arguments, "columns"))
}

fn wrap(value: &Value, arguments: &HashMap<String, Value>, look: Look) -> String {
    text::wrap(&plain(value), look.prose(), argument(arguments, "indent"))
}

fn argument(arguments: &HashMap<String, Value>, name: &str) -> usize {
    let number = arguments.get(name).and_then(Value::as_u64).unwrap_or_default();
    usize::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_in_a_template_passes_a_filter_of_its_form() {
        let safe = |template: &str, last: &str| match template {
            "report.md" => {
                ["markdown", "code", "short_code", "whole_code", "number", "duration", "counted"].contains(&last)
            }
            _ => {
                [
                    "text",
                    "prose",
                    "short",
                    "name",
                    "number",
                    "duration",
                    "counted",
                    "heading",
                    "underline",
                    "pad",
                    "wrap",
                ]
                .contains(&last)
                    || PAINTS.iter().any(|(paint, _)| *paint == last)
            }
        };
        for (name, template) in TEMPLATES {
            let mut found = 0;
            for value in template.split("{{").skip(1) {
                let expression = value.split("}}").next().unwrap();
                let filters: Vec<&str> =
                    expression.split('|').skip(1).map(|f| f.trim().split('(').next().unwrap()).collect();
                found += 1;
                assert!(filters.last().is_some_and(|last| safe(name, last)), "{name}: {expression}");
                let first = filters.first().unwrap();
                assert!(["pad", "wrap"].iter().all(|layout| first != layout), "{name}: {expression}");
                assert!(PAINTS.iter().all(|(paint, _)| first != paint), "{name}: {expression}");
            }
            assert!(found > 5, "{name} shows values");
        }
    }
}
