//! The plot: what each variant adds to a call, and what servers spend on a request. SVG, by hand.

use std::fmt::Write as _;

use super::{Results, VARIANTS};

const WIDTH: f64 = 860.0;
/// Where the bars begin: left of it are the words.
const LEFT: f64 = 220.0;
/// Room for a number after the longest bar.
const RIGHT: f64 = 90.0;
const BAR: f64 = 15.0;
const ROW: f64 = 2.0 * BAR + 12.0;
/// The colours of the first and of the second bar of a row: told apart by those who see no red or no green.
const COLOURS: [&str; 2] = ["#0072b2", "#e69f00"];

/// Bars in pairs, under a title.
struct Panel<'a> {
    title: &'a str,
    /// What the first and the second bar of a pair are.
    legend: [&'a str; 2],
    /// The words of a pair, and its values. What could not be measured has no bar.
    rows: Vec<(&'a str, [Option<f64>; 2])>,
    /// The part of the full width that a value takes.
    share: fn(f64) -> f64,
    ticks: &'a [(f64, &'a str)],
    unit: &'a str,
}

pub(crate) fn draw(results: &Results<'_>) -> String {
    let added = VARIANTS
        .iter()
        .skip(1)
        .map(|&(variant, words)| (words, ["one", "two"].map(|subject| results.added(subject, variant))));
    let spent = |server, variant| results.measured(server, variant).ok().map(|measured| measured.numbers[1]);
    let served =
        VARIANTS.iter().map(|&(variant, words)| (words, ["redis", "nginx"].map(|server| spent(server, variant))));
    let panels = [
        Panel {
            title: "Added to a call, in ns (logarithmic: each line is ten times the one before)",
            legend: ["one thread", "two threads at once"],
            rows: added.collect(),
            share: |ns| ns.max(10.0).log10() / 4.0 - 0.25,
            ticks: &[(10.0, "10"), (100.0, "100"), (1e3, "1 000"), (1e4, "10 000"), (1e5, "100 000")],
            unit: " ns",
        },
        Panel {
            title: "The server's processor time for a request, in µs (logarithmic)",
            legend: ["redis", "nginx"],
            rows: served.collect(),
            share: |us| us.max(1.0).log10() / 3.0,
            ticks: &[(1.0, "1"), (10.0, "10"), (100.0, "100"), (1e3, "1 000")],
            unit: " µs",
        },
    ];
    let mut body = String::new();
    let mut top = 0.0;
    for panel in &panels {
        top = panel.draw(&mut body, top);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" width=\"{WIDTH}\" height=\"{top}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

impl Panel<'_> {
    /// Draws it from a height on, and returns where it ends.
    fn draw(&self, svg: &mut String, top: f64) -> f64 {
        let first_row = top + 84.0;
        let end = self.rows.iter().fold(first_row, |height, _| height + ROW);
        text(svg, 20.0, top + 32.0, "start\" font-size=\"16\" font-weight=\"bold", self.title);
        for (at, (colour, words)) in [20.0, 220.0].into_iter().zip(COLOURS.into_iter().zip(self.legend)) {
            bar(svg, at, top + 45.0, BAR, colour);
            text(svg, at + BAR + 6.0, top + 57.0, "start", words);
        }
        for (value, label) in self.ticks {
            let x = self.x(*value);
            writeln!(svg, "<line x1=\"{x:.1}\" y1=\"{first_row}\" x2=\"{x:.1}\" y2=\"{end}\" stroke=\"#dddddd\"/>")
                .expect("a string takes all");
            text(svg, x, end + 16.0, "middle\" fill=\"#555555", label);
        }
        let mut height = first_row;
        for (words, values) in &self.rows {
            self.row(svg, height, words, *values);
            height += ROW;
        }
        end + 36.0
    }

    fn row(&self, svg: &mut String, top: f64, words: &str, values: [Option<f64>; 2]) {
        let weight = if words.starts_with('*') { "end\" font-weight=\"bold" } else { "end" };
        text(svg, LEFT - 10.0, top + ROW / 2.0 + 4.0, weight, words.trim_matches(['*', '`']));
        for ((y, colour), value) in [top + 6.0, top + 6.0 + BAR].into_iter().zip(COLOURS).zip(values) {
            let Some(value) = value else {
                text(svg, LEFT + 6.0, y + 12.0, "start\" fill=\"#555555", "could not be measured");
                continue;
            };
            bar(svg, LEFT, y, self.x(value) - LEFT, colour);
            let shown =
                if value < 10.0 { format!("{value:.1}{}", self.unit) } else { format!("{value:.0}{}", self.unit) };
            text(svg, self.x(value) + 6.0, y + 12.0, "start", &shown);
        }
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (self.share)(value).max(0.0)
    }
}

fn bar(svg: &mut String, x: f64, y: f64, width: f64, colour: &str) {
    let height = BAR - 1.0;
    writeln!(svg, "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{colour}\"/>")
        .expect("a string takes all");
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{words}</text>").expect("a string takes all");
}
