//! Stacked bars over months: what was won above the zero line, what was lost below it.

use std::fmt::Write;

use super::{Label, Plot, Scale, Series, Size, close, open, rectangle};
use crate::calendar::Month;

/// Bars of several parts; negative values are stacked downwards.
pub(crate) struct StackedBars {
    /// What the chart shows, in words.
    pub(crate) label: String,
    pub(crate) series: Vec<Series>,
    pub(crate) format: Label,
    /// Values are counts, so that the axis has no fractions.
    pub(crate) counts: bool,
}

impl StackedBars {
    /// Draws them.
    pub(crate) fn draw(&self, size: Size, months: &[Month]) -> String {
        let (mut lowest, mut highest) = (0.0_f64, 0.0_f64);
        for month in 0..months.len() {
            let (up, down) = self.sums(month);
            (lowest, highest) = (lowest.min(down), highest.max(up));
        }
        let scale = if self.counts { Scale::of_counts } else { Scale::new };
        let plot = Plot::new(size, months, scale(lowest, highest, 5), self.format, false);
        let mut svg = open(size, size.height(), &self.label);
        plot.axes(&mut svg, self.format, None);
        for month in 0..months.len() {
            self.bar(&mut svg, &plot, month);
        }
        let format = self.format;
        plot.tips(&mut svg, |month| {
            let mut tip = months.get(month).map(ToString::to_string).unwrap_or_default();
            for (series, value) in self.values(month) {
                let _ = write!(tip, "\n{}: {}", series.name, format(value));
            }
            tip
        });
        close(svg)
    }

    fn values(&self, month: usize) -> impl Iterator<Item = (&Series, f64)> {
        self.series.iter().filter_map(move |series| Some((series, series.values.get(month).copied().flatten()?)))
    }

    fn sums(&self, month: usize) -> (f64, f64) {
        self.values(month).fold(
            (0.0, 0.0),
            |(up, down), (_, value)| if value > 0.0 { (up + value, down) } else { (up, down + value) },
        )
    }

    fn bar(&self, svg: &mut String, plot: &Plot, month: usize) {
        let width = (plot.band() * 0.74).clamp(0.8, 42.0);
        let x = plot.x(month) - width / 2.0;
        let (mut up, mut down) = (0.0, 0.0);
        for (series, value) in self.values(month) {
            let from = if value > 0.0 { &mut up } else { &mut down };
            let to = *from + value;
            if value != 0.0 {
                rectangle(svg, series.class, (x, width), (plot.y(*from), plot.y(to)));
            }
            *from = to;
        }
    }
}
