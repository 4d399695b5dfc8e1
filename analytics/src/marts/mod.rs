//! The marts: what merchants and analysts read, as Parquet and CSV. Definitions are in the crate's README.

mod churn_monthly;
mod churn_reasons;
mod cltv_segments;
mod cohort_retention;
mod decline_codes;
mod dunning;
mod mrr_by_plan;
mod mrr_monthly;
mod payments;
mod plan_changes;

use polars::prelude::*;
use strum::{EnumIter, IntoStaticStr};

use crate::cube::Cubes;
use crate::query::{columns, sorted};

/// A mart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Mart {
    /// MRR and ARR by month, with the movements between start and end.
    MrrMonthly,
    /// The same by plan, with transfers between plans.
    MrrByPlan,
    /// Churn of customers and run-rate by month, voluntary, involuntary and by pause, with and without pauses.
    ChurnMonthly,
    /// Churned customers and run-rate by month and reason.
    ChurnReasons,
    /// Customers, run-rate and cash of every cohort by age.
    CohortRetention,
    /// Customer lifetime value by first plan and channel.
    CltvSegments,
    /// Failed invoices and what was recovered at which attempt.
    Dunning,
    /// Payment attempts, their success and their money.
    Payments,
    /// Declines by code, and what became of the invoices.
    DeclineCodes,
    /// Upgrades and downgrades from plan to plan.
    PlanChanges,
}

impl Mart {
    /// The name: its files without extension, and its folder of golden tests.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The columns that identify a row, and by which rows are sorted.
    #[must_use]
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::MrrMonthly | Self::ChurnMonthly => &["month"],
            Self::MrrByPlan => &["month", "plan"],
            Self::ChurnReasons => &["month", "reason"],
            Self::CohortRetention => &["cohort", "age"],
            Self::CltvSegments => &["plan", "channel"],
            Self::Dunning | Self::Payments => &["month", "channel"],
            Self::DeclineCodes => &["month", "code"],
            Self::PlanChanges => &["month", "from_plan", "to_plan"],
        }
    }

    /// The columns after the keys and the currency.
    #[must_use]
    pub fn values(self) -> &'static [&'static str] {
        match self {
            Self::MrrMonthly => mrr_monthly::VALUES,
            Self::MrrByPlan => mrr_by_plan::VALUES,
            Self::ChurnMonthly => churn_monthly::VALUES,
            Self::ChurnReasons => churn_reasons::VALUES,
            Self::CohortRetention => cohort_retention::VALUES,
            Self::CltvSegments => cltv_segments::VALUES,
            Self::Dunning => dunning::VALUES,
            Self::Payments => payments::VALUES,
            Self::DeclineCodes => decline_codes::VALUES,
            Self::PlanChanges => plan_changes::VALUES,
        }
    }

    /// The query. Amounts are in `currency`.
    pub(crate) fn frame(self, cubes: &Cubes, currency: &str) -> PolarsResult<LazyFrame> {
        let frame = match self {
            Self::MrrMonthly => mrr_monthly::frame(cubes),
            Self::MrrByPlan => mrr_by_plan::frame(cubes)?,
            Self::ChurnMonthly => churn_monthly::frame(cubes),
            Self::ChurnReasons => churn_reasons::frame(cubes),
            Self::CohortRetention => cohort_retention::frame(cubes)?,
            Self::CltvSegments => cltv_segments::frame(cubes),
            Self::Dunning => dunning::frame(cubes),
            Self::Payments => payments::frame(cubes),
            Self::DeclineCodes => decline_codes::frame(cubes),
            Self::PlanChanges => plan_changes::frame(cubes),
        };
        let mut selected = columns(self.keys());
        selected.push(lit(currency.to_owned()).alias("currency"));
        selected.extend(columns(self.values()));
        Ok(sorted(frame.select(selected), self.keys()))
    }
}

/// Run-rate as MRR in minor units: a twelfth, half to even, for display. Sums are taken before, never after.
fn monthly(mrr12: &str) -> Expr {
    let (quotient, rest) = (col(mrr12).floor_div(lit(12_i64)), col(mrr12) % lit(12_i64));
    let odd = (quotient.clone() % lit(2_i64)).eq(lit(1_i64));
    let up = rest.clone().gt(lit(6_i64)).or(rest.eq(lit(6_i64)).and(odd));
    when(up).then(quotient.clone() + lit(1_i64)).otherwise(quotient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twelfth_is_rounded_half_to_even() {
        let frame = df!("mrr12" => [0_i64, 5, 6, 7, 12, 18, 30, 31, 90_000]).unwrap();
        let rounded = frame.lazy().select([monthly("mrr12").alias("mrr")]).collect().unwrap();
        let rounded: Vec<i64> = rounded.column("mrr").unwrap().i64().unwrap().into_no_null_iter().collect();
        assert_eq!(rounded, [0, 0, 0, 1, 1, 2, 2, 3, 7_500]);
    }
}
