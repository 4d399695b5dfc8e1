//! Horizontal bars: one value per name, with the number beside it.

use super::{Label, Scale, Size, close, line, open, rectangle, text};

/// One bar.
pub(crate) struct Rank {
    pub(crate) name: String,
    /// Class of the style sheet.
    pub(crate) class: &'static str,
    pub(crate) value: Option<f64>,
    /// The value in words; a dash if there is none.
    pub(crate) words: String,
}

/// Bars below each other.
pub(crate) struct Ranks {
    /// What the chart shows, in words.
    pub(crate) label: String,
    pub(crate) rows: Vec<Rank>,
    pub(crate) format: Label,
}

const ROW: f64 = 22.0;

impl Ranks {
    /// Draws them.
    #[expect(clippy::cast_precision_loss, reason = "rows and letters are few")]
    pub(crate) fn draw(&self, size: Size) -> String {
        let highest = self.rows.iter().filter_map(|row| row.value).fold(0.0, f64::max);
        let longest =
            |words: fn(&Rank) -> &str| self.rows.iter().map(|row| words(row).chars().count()).max().unwrap_or(0) as f64;
        let names = (longest(|row| &row.name) * super::LETTER + 12.0).min(size.width() * 0.45);
        let numbers = longest(|row| &row.words) * super::LETTER + 10.0;
        let (left, right) = (names, size.width() - numbers);
        let scale = Scale::new(0.0, highest, if size == Size::Wide { 6 } else { 3 });
        let x = |value: f64| left + scale.share(value) * (right - left);
        let bottom = self.rows.len() as f64 * ROW + 6.0;
        let mut svg = open(size, bottom + 22.0, &self.label);
        for tick in scale.ticks() {
            line(&mut svg, if *tick == 0.0 { "zero" } else { "grid" }, (x(*tick), 2.0), (x(*tick), bottom));
            text(&mut svg, "middle", x(*tick), bottom + 15.0, &(self.format)(*tick));
        }
        for (position, Rank { name, class, value, words }) in self.rows.iter().enumerate() {
            let y = position as f64 * ROW + 4.0;
            text(&mut svg, "end", left - 8.0, y + 13.0, name);
            let end = x(value.unwrap_or(0.0));
            rectangle(&mut svg, class, (left, end - left), (y + 2.0, y + ROW - 4.0));
            text(&mut svg, "start", end + 6.0, y + 13.0, words);
        }
        close(svg)
    }
}
