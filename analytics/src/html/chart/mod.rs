//! Charts as plain SVG: no script, no library, one shape per idea. Colours come from the page's style sheet by class, so that one
//! drawing serves light, dark and print.
//!
//! Every chart is drawn twice, for a desk and for a phone, instead of shrinking one drawing until its letters cannot be read.

mod bars;
mod lines;
mod ranks;
mod scale;

use std::fmt::Write;

pub(crate) use bars::StackedBars;
pub(crate) use lines::Lines;
pub(crate) use ranks::{Rank, Ranks};
use scale::Scale;

use crate::calendar::Month;

/// The width of a drawing, in its own units, which are shown about one to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// For desks and paper.
    Wide,
    /// For phones.
    Narrow,
}

impl Size {
    fn width(self) -> f64 {
        match self {
            Self::Wide => 1040.0,
            Self::Narrow => 358.0,
        }
    }

    fn height(self) -> f64 {
        match self {
            Self::Wide => 300.0,
            Self::Narrow => 240.0,
        }
    }
}

/// A named row of values, one per month. The position in the chart decides the colour.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Class of the style sheet: `c1` to `c6`, `muted`.
    pub(crate) class: &'static str,
    pub(crate) values: Vec<Option<f64>>,
}

/// How values are written at an axis.
pub(crate) type Label = fn(f64) -> String;

/// Width of a letter of the charts' 11 px type, to keep labels apart.
const LETTER: f64 = 6.2;

/// The rectangle in which values are drawn, with its axes.
struct Plot {
    size: Size,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    months: Vec<Month>,
    scale: Scale,
}

impl Plot {
    fn new(size: Size, months: &[Month], scale: Scale, label: Label, second_axis: bool) -> Self {
        let widest = scale.ticks().iter().map(|tick| label(*tick).chars().count()).max().unwrap_or(1);
        #[expect(clippy::cast_precision_loss, reason = "a handful of letters")]
        let margin = widest as f64 * LETTER + 12.0;
        let right = size.width() - if second_axis { margin + 8.0 } else { 6.0 };
        Self { size, left: margin, right, top: 14.0, bottom: size.height() - 26.0, months: months.to_vec(), scale }
    }

    /// The middle of a month's band.
    #[expect(clippy::cast_precision_loss, reason = "months are few")]
    fn x(&self, month: usize) -> f64 {
        self.left + (month as f64 + 0.5) * self.band()
    }

    #[expect(clippy::cast_precision_loss, reason = "months are few")]
    fn band(&self) -> f64 {
        (self.right - self.left) / self.months.len().max(1) as f64
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - self.scale.share(value) * (self.bottom - self.top)
    }

    /// Grid lines and numbers at the left, at the right too if the second axis has a label.
    fn axes(&self, svg: &mut String, left: Label, right: Option<&dyn Fn(f64) -> String>) {
        for tick in self.scale.ticks() {
            let (y, class) = (self.y(*tick), if *tick == 0.0 { "zero" } else { "grid" });
            line(svg, class, (self.left, y), (self.right, y));
            text(svg, "end", self.left - 6.0, y + 3.5, &left(*tick));
            if let Some(right) = right {
                text(svg, "start", self.right + 6.0, y + 3.5, &right(*tick));
            }
        }
        let step = self.month_step();
        for (position, month) in self.months.iter().enumerate() {
            if month.0.rem_euclid(step) == 0 {
                let name = if step >= 12 { month.0.div_euclid(12).to_string() } else { month.to_string() };
                line(svg, "tick", (self.x(position), self.bottom), (self.x(position), self.bottom + 4.0));
                text(svg, "middle", self.x(position), self.bottom + 17.0, &name);
            }
        }
    }

    /// Months between two labels, such that they do not touch.
    fn month_step(&self) -> i32 {
        let fits = |step: &i32| {
            let letters = if *step >= 12 { 4.0 } else { 7.0 };
            f64::from(*step) * self.band() >= letters * LETTER + 8.0
        };
        [1, 2, 3, 6, 12, 24, 60, 120].into_iter().find(fits).unwrap_or(240)
    }

    /// What a pointer over a month is told.
    fn tips(&self, svg: &mut String, tip: impl Fn(usize) -> String) {
        if self.size == Size::Narrow {
            return;
        }
        for month in 0..self.months.len() {
            let (x, height) = (self.x(month) - self.band() / 2.0, self.bottom - self.top);
            let _ = write!(
                svg,
                r#"<rect class="tip" x="{x:.1}" y="{:.1}" width="{:.1}" height="{height:.1}">"#,
                self.top,
                self.band()
            );
            let _ = write!(svg, "<title>{}</title></rect>", escape(&tip(month)));
        }
    }
}

/// Opens a drawing. What it shows is said in `label`, for those who do not see it.
fn open(size: Size, height: f64, label: &str) -> String {
    let class = if size == Size::Wide { "wide" } else { "narrow" };
    format!(
        r#"<svg class="{class}" viewBox="0 0 {} {height}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">"#,
        size.width(),
        escape(label)
    )
}

fn close(mut svg: String) -> String {
    svg.push_str("</svg>");
    svg
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = write!(
        svg,
        r#"<line class="{class}" x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/>"#,
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, anchor: &str, x: f64, y: f64, content: &str) {
    let _ = write!(svg, r#"<text text-anchor="{anchor}" x="{x:.1}" y="{y:.1}">{}</text>"#, escape(content));
}

/// A rectangle between two heights, whichever is the higher one.
fn rectangle(svg: &mut String, class: &str, (x, width): (f64, f64), (from, to): (f64, f64)) {
    let (top, height) = (from.min(to), (from - to).abs());
    let _ = write!(svg, r#"<rect class="{class}" x="{x:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}"/>"#);
}

/// Text that cannot become markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn months(count: i32) -> Vec<Month> {
        (0..count).map(|i| Month(2_025 * 12 + i)).collect()
    }

    #[test]
    fn names_cannot_become_markup() {
        let series = Series { name: "<script>".to_owned(), class: "c1", values: vec![Some(1.0)] };
        let chart = Lines {
            label: "\"onload=".to_owned(),
            series: vec![series],
            format: |value| value.to_string(),
            second: None,
            from_zero: true,
        };
        let svg = chart.draw(Size::Wide, &months(1));
        assert!(!svg.contains("<script>") && !svg.contains("\"onload="), "{svg}");
    }

    #[test]
    fn month_labels_keep_apart_at_any_length() {
        for (count, size, expected) in
            [(6, Size::Wide, 1), (84, Size::Wide, 6), (84, Size::Narrow, 12), (240, Size::Narrow, 60)]
        {
            let plot = Plot::new(size, &months(count), Scale::new(0.0, 10.0, 4), |value| value.to_string(), false);
            assert_eq!(plot.month_step(), expected, "{count} months, {size:?}");
        }
    }
}
