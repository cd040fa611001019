//! Charts as SVG, drawn on the server, with the same figures as a table.
//!
//! Colours are place-holders, one per part of a chart: the style sheet replaces them by those of the theme, so one picture serves
//! light and dark. Texts are never drawn by script and can be read at every size.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::format;
use super::language::Language;
use crate::domain::{Currency, Money};

/// Width of the view box, of a chart that is read on a desk, and on a phone; the style sheet scales the picture.
pub const WIDE: u32 = 720;
pub const NARROW: u32 = 400;
const HEIGHT: u32 = 260;
/// Place-holders of the style sheet (`.chart-picture [fill="#010101"]`).
const GRID: RGBColor = RGBColor(1, 1, 1);
const TEXT: RGBColor = RGBColor(2, 2, 2);
/// The width that the labels below a chart do not have, and what a character of one takes.
const LABELS_MARGIN: u32 = 100;
const CHARACTER_WIDTH: usize = 9;
/// How many bars fill a chart if they are as wide as they may be; twice that stands between them.
const BARS_ACROSS: f64 = 20.0;

/// What a series means, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Accent,
    Good,
    Warn,
    Bad,
    Idle,
}

impl Tone {
    pub fn name(self) -> &'static str {
        match self {
            Self::Accent => "accent",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Idle => "idle",
        }
    }

    fn color(self) -> RGBColor {
        match self {
            Self::Accent => RGBColor(3, 3, 3),
            Self::Good => RGBColor(4, 4, 4),
            Self::Warn => RGBColor(5, 5, 5),
            Self::Bad => RGBColor(6, 6, 6),
            Self::Idle => RGBColor(7, 7, 7),
        }
    }
}

/// How the values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartKind {
    /// Bars, several series stacked on one another.
    Bars,
    Lines,
}

/// What the values are, which decides how their axis is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    Milliseconds,
    /// Values in whole units of the currency, `1.5` for €1.50.
    Money(Currency),
}

/// A series of values, one per label of its chart.
#[derive(Debug, Clone)]
pub struct Series {
    pub name: String,
    pub tone: Tone,
    /// `None` where there was nothing to measure: a line is broken there.
    pub values: Vec<Option<f64>>,
    /// The same values as the table shows them.
    pub texts: Vec<String>,
}

/// A chart to be drawn by the macro `chart`.
#[derive(Debug, Clone)]
pub struct Chart {
    /// States what the chart shows.
    pub title: String,
    pub kind: ChartKind,
    /// What the labels are: `Hour`, `Month`.
    pub label_title: String,
    pub labels: Vec<String>,
    pub unit: Unit,
    pub language: Language,
    pub series: Vec<Series>,
    /// [`WIDE`] or [`NARROW`].
    pub width: u32,
}

impl Chart {
    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
            || self.series.iter().all(|series| series.values.iter().flatten().all(|value| *value == 0.0))
    }

    /// The rows of the table: a label and the text of each series.
    pub fn rows(&self) -> Vec<(String, Vec<String>)> {
        let text = |series: &Series, at: usize| series.texts.get(at).cloned().unwrap_or_default();
        let row = |(at, label): (usize, &String)| {
            (label.clone(), self.series.iter().map(|series| text(series, at)).collect())
        };
        self.labels.iter().enumerate().map(row).collect()
    }

    /// The picture; empty if it cannot be drawn, since the table holds the figures.
    pub fn draw(&self) -> String {
        let mut svg = String::new();
        let outcome = self.draw_on(&SVGBackend::with_string(&mut svg, (self.width, HEIGHT)).into_drawing_area());
        if let Err(error) = outcome {
            tracing::error!(chart = %self.title, %error, "a chart cannot be drawn");
            return String::new();
        }
        // The size is the style sheet's business.
        let size = format!("width=\"{}\" height=\"{HEIGHT}\"", self.width);
        svg.replacen(&size, if self.width == WIDE { "class=\"plot\"" } else { "class=\"plot narrow\"" }, 1)
    }

    fn draw_on(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), String> {
        let says = |error: DrawingAreaErrorKind<_>| error.to_string();
        let count = self.labels.len();
        let (low, high) = self.range();
        let style = ("sans-serif", 15).into_font().color(&TEXT);
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .margin_top(14)
            .x_label_area_size(30)
            .y_label_area_size(64)
            .build_cartesian_2d(-0.5..count as f64 - 0.5, low..high)
            .map_err(says)?;
        // Only as many labels as do not overlap.
        let longest = self.labels.iter().map(|label| label.chars().count()).max().unwrap_or_default();
        let step = count.div_ceil(((self.width - LABELS_MARGIN) as usize / ((longest + 2) * CHARACTER_WIDTH)).max(1));
        let label = |x: &f64| {
            let at = x.floor().max(0.0) as usize;
            let is_shown = at.is_multiple_of(step) && *x >= 0.0 && x.fract() == 0.0;
            self.labels.get(at).filter(|_| is_shown).cloned().unwrap_or_default()
        };
        let value = |y: &f64| self.unit.label(self.language, *y);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(count + 1)
            .y_labels(5)
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(style)
            .x_label_formatter(&label)
            .y_label_formatter(&value)
            .draw()
            .map_err(says)?;
        match self.kind {
            ChartKind::Bars => {
                let mut floor = vec![0.0; count];
                // Few bars stay bars.
                let half = (count as f64 / BARS_ACROSS).min(0.38);
                for series in &self.series {
                    let color = series.tone.color().filled();
                    let bars: Vec<_> = series
                        .values
                        .iter()
                        .take(count)
                        .enumerate()
                        .map(|(at, value)| {
                            let (x, from) = (at as f64, floor[at]);
                            floor[at] += value.unwrap_or_default();
                            Rectangle::new([(x - half, from), (x + half, floor[at])], color)
                        })
                        .collect();
                    chart.draw_series(bars).map_err(says)?;
                }
            }
            ChartKind::Lines => {
                for series in &self.series {
                    let color = series.tone.color();
                    let points: Vec<_> = series
                        .values
                        .iter()
                        .take(count)
                        .enumerate()
                        .map(|(at, value)| value.map(|value| (at as f64, value)))
                        .collect();
                    for line in points.split(Option::is_none) {
                        let line = LineSeries::new(line.iter().flatten().copied(), color.stroke_width(2));
                        chart.draw_series(line).map_err(says)?;
                    }
                    // One between two gaps is seen too.
                    let dots = points.iter().flatten().map(|point| Circle::new(*point, 3, color.filled()));
                    chart.draw_series(dots).map_err(says)?;
                }
            }
        }
        area.present().map_err(says)
    }

    /// The values that the axis spans: always from zero, so that a small change looks small.
    fn range(&self) -> (f64, f64) {
        let value = |series: &Series, at: usize| series.values.get(at).copied().flatten().unwrap_or_default();
        let tops = (0..self.labels.len()).map(|at| match self.kind {
            ChartKind::Bars => self.series.iter().map(|series| value(series, at)).sum(),
            ChartKind::Lines => self.series.iter().map(|series| value(series, at)).fold(0.0, f64::max),
        });
        let high = tops.fold(0.0, f64::max);
        let low = self.series.iter().flat_map(|series| &series.values).flatten().copied().fold(0.0, f64::min);
        (low * 1.05, if high > 0.0 { high * 1.08 } else { 1.0 })
    }
}

impl Unit {
    /// A value on the axis.
    fn label(self, language: Language, value: f64) -> String {
        match self {
            Self::Count => short_number(language, value),
            Self::Milliseconds => format!("{}\u{a0}ms", short_number(language, value)),
            Self::Money(currency) => money_label(language, currency, value),
        }
    }
}

/// `€0.50`, `€2`, `€12.3k`; the symbol stands where whole amounts have it.
fn money_label(language: Language, currency: Currency, value: f64) -> String {
    if value.fract() != 0.0 && value.abs() < 1e3 {
        let unit = 10_f64.powi(i32::try_from(currency.minor_digits()).unwrap_or_default());
        return format::money(Money { amount: (value * unit).round() as i64, currency });
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let symbol = currency.symbol();
    let space = if symbol == currency.code() { "\u{a0}" } else { "" };
    format!("{sign}{symbol}{space}{}", short_number(language, value.abs()))
}

/// `12.3k` and `3M`, in Korean `1.2만` and `3억`; `0.25`.
fn short_number(language: Language, value: f64) -> String {
    let steps = match language {
        Language::English => [(1e6, 1e6, "M"), (1e4, 1e3, "k")],
        Language::Korean => [(1e8, 1e8, "억"), (1e4, 1e4, "만")],
    };
    let step = steps.into_iter().find(|(from, _, _)| value.abs() >= *from);
    let (scaled, suffix) = step.map_or((value, ""), |(_, unit, suffix)| (value / unit, suffix));
    let text = format!("{scaled:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euro() -> Currency {
        Currency::parse("currency", "EUR").unwrap()
    }

    fn chart(kind: ChartKind, values: &[f64]) -> Chart {
        let series = |name: &str, tone| Series {
            name: name.to_owned(),
            tone,
            values: values.iter().copied().map(Some).collect(),
            texts: values.iter().map(ToString::to_string).collect(),
        };
        Chart {
            title: "Sales by hour".to_owned(),
            kind,
            label_title: "Hour".to_owned(),
            labels: (0..values.len()).map(|hour| format!("{hour}:00")).collect(),
            unit: Unit::Money(euro()),
            language: Language::English,
            series: vec![series("<matched>", Tone::Good), series("asked", Tone::Warn)],
            width: WIDE,
        }
    }

    #[test]
    fn a_chart_has_the_place_holders_of_the_style_sheet_and_no_inline_style() {
        for kind in [ChartKind::Bars, ChartKind::Lines] {
            let svg = chart(kind, &[1.0, 5.0, 2.5]).draw();
            assert!(svg.contains("#040404") && svg.contains("#050505") && svg.contains("2:00"), "{svg}");
            assert!(
                svg.starts_with("<svg class=\"plot\"") && !svg.contains("style=") && !svg.contains("<script"),
                "{svg}"
            );
        }
    }

    #[test]
    fn the_table_holds_the_same_figures() {
        let chart = chart(ChartKind::Bars, &[1.0, 5.0]);
        assert_eq!(chart.rows()[1], ("1:00".to_owned(), vec!["5".to_owned(), "5".to_owned()]));
        assert!(!chart.is_empty());
        assert!(super::tests::chart(ChartKind::Bars, &[0.0, 0.0]).is_empty());
    }

    #[test]
    fn numbers_on_axes_are_short_and_as_the_language_writes_them() {
        let english = [(0.0, "0"), (0.25, "0.25"), (950.0, "950"), (12_300.0, "12.3k"), (3_000_000.0, "3M")];
        let korean = [(950.0, "950"), (12_300.0, "1.23만"), (3_000_000.0, "300만"), (250_000_000.0, "2.5억")];
        for (language, cases) in [(Language::English, &english[..]), (Language::Korean, &korean[..])] {
            for (value, text) in cases {
                assert_eq!(short_number(language, *value), *text);
            }
        }
    }

    #[test]
    fn money_on_axes_is_written_as_elsewhere() {
        let label =
            |code: &str, value| Unit::Money(Currency::parse("currency", code).unwrap()).label(Language::English, value);
        assert_eq!(label("EUR", 0.4), "€0.40");
        assert_eq!(label("EUR", 20.0), "€20");
        assert_eq!(label("KRW", 12_500.0), "₩12.5k");
        assert_eq!(label("SEK", 20.0), "SEK\u{a0}20");
        assert_eq!(Unit::Milliseconds.label(Language::English, 12.0), "12\u{a0}ms");
    }

    #[test]
    fn a_line_is_broken_where_nothing_was_measured() {
        let mut chart = chart(ChartKind::Lines, &[1.0, 5.0, 2.5, 3.0, 4.0]);
        chart.series.truncate(1);
        let lines =
            |chart: &Chart| chart.draw().matches("<polyline fill=\"none\" opacity=\"1\" stroke=\"#040404\"").count();
        assert_eq!(lines(&chart), 1);
        chart.series[0].values[2] = None;
        assert_eq!(lines(&chart), 2);
    }
}
