//! The seven comparison reports: a lazy query each over the cubes, equal to the last bit with every peer.
//!
//! Their columns and arithmetic are frozen, because `tests/peers` computes them with other engines, too. What merchants read are
//! the marts (`crate::marts`), which say more.

pub(crate) mod churn_monthly;
pub(crate) mod cltv_segments;
pub(crate) mod cohort_retention;
pub(crate) mod dunning;
pub(crate) mod mrr_movements;
pub(crate) mod payments;
pub(crate) mod plan_changes;

use polars::prelude::*;
use strum::{EnumIter, IntoStaticStr};

use crate::cube::Cubes;

/// A comparison report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Report {
    /// Every movement by month, plan, channel and class.
    MrrMovements,
    /// The roll-forward of customers and run-rate by month, with churn rates.
    ChurnMonthly,
    /// What is left of the customers and the run-rate of a month, by age.
    CohortRetention,
    /// Customer lifetime value by first plan and channel.
    CltvSegments,
    /// Failed invoices and what was recovered, by month of the first failure.
    Dunning,
    /// Payment attempts and their success by month.
    Payments,
    /// Upgrades and downgrades from plan to plan.
    PlanChanges,
}

impl Report {
    /// The name: the report's file without `.csv`, and its folder of golden tests.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The columns, keys first. Rows are sorted by the keys.
    #[must_use]
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::MrrMovements => mrr_movements::COLUMNS,
            Self::ChurnMonthly => churn_monthly::COLUMNS,
            Self::CohortRetention => cohort_retention::COLUMNS,
            Self::CltvSegments => cltv_segments::COLUMNS,
            Self::Dunning => dunning::COLUMNS,
            Self::Payments => payments::COLUMNS,
            Self::PlanChanges => plan_changes::COLUMNS,
        }
    }

    /// The query.
    pub(crate) fn frame(self, cubes: &Cubes) -> PolarsResult<LazyFrame> {
        let frame = match self {
            Self::MrrMovements => mrr_movements::frame(cubes),
            Self::ChurnMonthly => churn_monthly::frame(cubes),
            Self::CohortRetention => cohort_retention::frame(cubes)?,
            Self::CltvSegments => cltv_segments::frame(cubes),
            Self::Dunning => dunning::frame(cubes),
            Self::Payments => payments::frame(cubes),
            Self::PlanChanges => plan_changes::frame(cubes),
        };
        Ok(frame.select(self.columns().iter().map(|name| col(*name)).collect::<Vec<_>>()))
    }
}
