//! Lines over months, with gaps where there is no value.

use std::fmt::Write;

use super::{Label, Plot, Scale, Series, Size, close, open};
use crate::calendar::Month;

/// One or more lines on one axis.
pub(crate) struct Lines {
    /// What the chart shows, in words.
    pub(crate) label: String,
    pub(crate) series: Vec<Series>,
    pub(crate) format: Label,
    /// A second axis: the same lines read in another unit, which is the first one times this.
    pub(crate) second: Option<f64>,
    /// Whether the axis begins at zero; rates near 100 % do not.
    pub(crate) from_zero: bool,
}

impl Lines {
    /// Draws them.
    pub(crate) fn draw(&self, size: Size, months: &[Month]) -> String {
        let values = || self.series.iter().flat_map(|series| series.values.iter().flatten().copied());
        let lowest = values().fold(f64::INFINITY, f64::min);
        let floor = if self.from_zero || !lowest.is_finite() { 0.0_f64.min(lowest) } else { lowest };
        let highest = values().fold(0.0, f64::max);
        let scale = Scale::new(if floor.is_finite() { floor } else { 0.0 }, highest, 5);
        let second = self.second;
        let plot = Plot::new(size, months, scale, self.format, second.is_some());
        let mut svg = open(size, size.height(), &self.label);
        let format = self.format;
        match second {
            Some(factor) => plot.axes(&mut svg, format, Some(&|tick| format(tick * factor))),
            None => plot.axes(&mut svg, format, None),
        }
        for series in &self.series {
            path(&mut svg, &plot, series);
        }
        plot.tips(&mut svg, |month| {
            let mut tip = months.get(month).map(ToString::to_string).unwrap_or_default();
            for series in &self.series {
                if let Some(value) = series.values.get(month).copied().flatten() {
                    let _ = write!(tip, "\n{}: {}", series.name, format(value));
                }
            }
            tip
        });
        close(svg)
    }
}

fn path(svg: &mut String, plot: &Plot, series: &Series) {
    let mut data = String::new();
    let mut pen_down = false;
    for (month, value) in series.values.iter().enumerate() {
        let Some(value) = value else {
            pen_down = false;
            continue;
        };
        let _ = write!(data, "{}{:.1} {:.1}", if pen_down { "L" } else { "M" }, plot.x(month), plot.y(*value));
        pen_down = true;
    }
    let _ = write!(svg, r#"<path class="line {}" d="{data}"/>"#, series.class);
    // A single value is no line: the dot makes it visible, and marks the newest value otherwise.
    let newest = series.values.iter().enumerate().rev().find_map(|(month, value)| value.map(|value| (month, value)));
    if let Some((month, value)) = newest {
        let _ = write!(
            svg,
            r#"<circle class="dot {}" cx="{:.1}" cy="{:.1}" r="3"/>"#,
            series.class,
            plot.x(month),
            plot.y(value)
        );
    }
}
