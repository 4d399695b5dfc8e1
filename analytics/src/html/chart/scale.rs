//! A value axis that ends on round numbers.

/// An axis from its first to its last tick.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    ticks: Vec<f64>,
}

impl Scale {
    /// An axis that covers `min` to `max` in about `count` steps of 1, 2 or 5 times a power of ten.
    pub(crate) fn new(min: f64, max: f64, count: u32) -> Self {
        Self::with_least_step(min, max, count, 0.0)
    }

    /// The same for things that are counted: no step is smaller than one of them.
    pub(crate) fn of_counts(min: f64, max: f64, count: u32) -> Self {
        Self::with_least_step(min, max, count, 1.0)
    }

    fn with_least_step(min: f64, max: f64, count: u32, least: f64) -> Self {
        let span = if max > min { max - min } else { 1.0 };
        let raw = span / f64::from(count.max(1));
        let power = 10_f64.powf(raw.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].into_iter().map(|unit| unit * power).find(|step| *step >= raw * 0.999).unwrap_or(raw);
        let step = step.max(least);
        let (first, last) = ((min / step).floor(), (max.max(min + step * 0.5) / step).ceil());
        let mut ticks = Vec::new();
        let mut tick = first;
        while tick <= last {
            // Multiplied, not added up, so that zero is zero.
            ticks.push(tick * step);
            tick += 1.0;
        }
        Self { ticks }
    }

    /// Where the labels are.
    pub(crate) fn ticks(&self) -> &[f64] {
        &self.ticks
    }

    /// How far up the axis a value is, from 0 to 1.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let (Some(first), Some(last)) = (self.ticks.first(), self.ticks.last()) else { return 0.0 };
        (value - first) / (last - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_on_round_numbers_around_the_values() {
        assert_eq!(Scale::new(0.0, 87.0, 4).ticks(), [0.0, 50.0, 100.0]);
        assert_eq!(Scale::new(-12.0, 31.0, 5).ticks(), [-20.0, -10.0, 0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(Scale::new(0.0, 0.0, 4).ticks().first(), Some(&0.0));
        assert_eq!(Scale::of_counts(0.0, 1.0, 5).ticks(), [0.0, 1.0]);
        assert!((Scale::new(0.0, 100.0, 4).share(25.0) - 0.25).abs() < 1e-12);
    }
}
