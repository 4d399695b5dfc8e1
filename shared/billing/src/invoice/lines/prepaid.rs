//! Lines of prepaid credit: what it pays of the usage on an invoice, one line for each grant.
//!
//! Exists apart from the lines of usage, because credit pays after taxes: what usage costs, and its tax, stay as they are. How
//! much is taken is computed, not stored: never more than the usage of the decision costs, nor than the credit that there was.

use rust_decimal::Decimal;

use super::{Explanation, Line, LineKind, usage};
use crate::{
    document::{Drawn, take},
    invoice::{
        Basis,
        adjust::{self, Adjustment},
    },
    money::{Money, Rounding},
    prepaid::PrepaidSource,
    refusal::Refusal,
};

/// The lines of the prepaid credit on a document, that of earlier decisions that it carries included.
pub(super) fn lines(basis: &Basis) -> Result<Vec<Line>, Refusal> {
    match basis {
        Basis::Prepaid { base, sources } => {
            let taken = drawn(base, sources)?.uses.into_iter();
            let line = |(source, taken): (&PrepaidSource, Money)| {
                let why = Explanation {
                    adjustment: Some(Box::new(Adjustment::Prepaid(source.clone()))),
                    ..adjust::plain(
                        "prepaid",
                        Decimal::from(source.left.minor),
                        -Decimal::from(taken.minor),
                        Rounding::default(),
                    )
                };
                Ok(Line { quantity: 1, ..adjust::of_terms(LineKind::PrepaidUsed, base.terms(), taken.negated()?, why) })
            };
            // Sources of which nothing is taken have no use, and no line.
            let of = |used: crate::document::GrantUse| {
                sources.iter().find(|s| s.grant == used.grant).map(|s| (s, used.amount))
            };
            taken.filter_map(of).map(line).collect()
        }
        Basis::Carried { base, earlier } => {
            let all = earlier.iter().chain(std::iter::once(&**base)).map(lines).collect::<Result<Vec<_>, _>>()?;
            Ok(all.into_iter().flatten().collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// What is taken from which of `sources` for the usage of `base`.
///
/// # Errors
/// [`Refusal::Money`] when what the usage costs cannot be computed.
pub(crate) fn drawn(base: &Basis, sources: &[PrepaidSource]) -> Result<Drawn, Refusal> {
    Ok(take(sources.iter().map(|source| (source.grant.as_str(), source.most())), cost(base)?)?)
}

/// What the usage of `base` costs that prepaid credit pays, with its taxes and what came late; not below zero.
///
/// # Errors
/// [`Refusal::Money`] when it cannot be computed.
pub(crate) fn cost(base: &Basis) -> Result<Money, Refusal> {
    let currency = base.terms().price.currency;
    let Basis::Metered { base, usage: charges, .. } = base else { return Ok(Money::zero(currency)) };
    let paid: Vec<_> = charges.iter().filter(|charge| charge.item.prepaid).cloned().collect();
    let gross = adjust::gross(usage::lines(base.terms(), &paid)?, base.adjustments(), currency)?;
    Ok(Money::new(gross.minor.max(0), currency))
}
