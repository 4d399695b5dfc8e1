//! Stubs, segments and plain factors: parts of a price without a change.
//!
//! Exists because a first bill is asked about more often than any change.

use rust_decimal::Decimal;

use super::{
    Answer, Fraction, Line, PLAN, Tax,
    ask::{Kind, Question},
};
use crate::{
    calc::{
        CalcError,
        words::{Stretch, total},
    },
    calendar::recurrence::Span,
    money::Unrounded,
    profile::Profile,
    proration::{
        BeyondWhole, Factor, ProrationPolicy, Segment, Stub, factor, first_anchor, leading, parts, prorate,
        taxed_credit, trailing,
    },
};

/// A part before it is a line.
struct Piece {
    rule: &'static str,
    segment: Option<usize>,
    span: Option<Span>,
    factor: Factor,
}

pub(super) fn answer(question: &Question, profile: Profile, policy: &ProrationPolicy) -> Result<Answer, CalcError> {
    let pieces = match question.kind {
        Kind::LeadingStub => vec![leading_stub(question, policy)?],
        Kind::TrailingStub => vec![trailing_stub(question, policy)?],
        Kind::Segments => segments(question, policy)?,
        _ => vec![plain(question, policy)?],
    };
    let price = question.price()?;
    let (mut lines, mut amounts, mut exact) = (Vec::new(), Vec::new(), price.times(Decimal::ZERO, Decimal::ONE)?);
    for piece in pieces {
        let prorated = prorate(policy, price, piece.factor)?;
        amounts.push(prorated.amount);
        exact = prorated.unrounded;
        lines.push(Line {
            item: PLAN.into(),
            rule: piece.rule.into(),
            segment: piece.segment,
            period: piece.span.map(|span| Stretch::new(span.start, span.end, question.zone.0)),
            factor: Fraction::of(piece.factor)?,
            unit: policy.unit,
            full_minor: price.minor().normalize(),
            capped: false,
            unrounded_minor: prorated.unrounded.minor().normalize(),
            rounding: policy.rounding,
            total: prorated.amount.into(),
        });
    }
    let charge = total(question.currency, amounts)?;
    // One part is taxed from its exact amount; several are rounded before they are added.
    let taxable = if lines.len() == 1 { exact } else { Unrounded::from_money(charge) };
    let percent = question.tax_percent.map(|percent| percent.0);
    let tax = percent.map(|percent| tax(policy, taxable, percent)).transpose()?;
    Ok(Answer { charge: charge.into(), net: charge.into(), tax, ..Answer::new(question, profile, policy, lines) })
}

fn tax(policy: &ProrationPolicy, charge: Unrounded, percent: Decimal) -> Result<Tax, CalcError> {
    let nothing = charge.times(Decimal::ZERO, Decimal::ONE)?;
    let [credit, charge] = [nothing, charge].map(|side| taxed_credit(policy, side, percent));
    Ok(Tax { percent, credit: credit?.into(), charge: charge?.into() })
}

fn missing(field: &'static str, detail: &'static str) -> CalcError {
    CalcError::field(field, detail)
}

/// From the start to the first anchor: given, or found from the anchor day.
fn leading_stub(question: &Question, policy: &ProrationPolicy) -> Result<Piece, CalcError> {
    let zone = question.zone.0;
    let start = question.start.ok_or_else(|| missing("start", "is missing: when does the contract start?"))?.at(zone);
    let until = match (question.anchor, question.anchor_day) {
        (Some(anchor), None) => anchor.at(zone),
        (None, Some(day)) => first_anchor(start, day, &question.schedule()?)?,
        _ => return Err(missing("anchor", "give the first anchor, or the anchor_day, and not both")),
    };
    if until == start {
        return Ok(Piece {
            rule: "full-period",
            segment: None,
            span: None,
            factor: Factor::clamped(1, 1, policy.precision),
        });
    }
    let stub = Stub::leading(start, until, question.interval()?, zone)?;
    if start < stub.period.start {
        return Err(missing("anchor", "lies more than one interval after the start: give the first anchor after it"));
    }
    Ok(Piece { rule: "leading-stub", segment: None, span: Some(stub.span), factor: leading(policy, &stub, zone)? })
}

fn trailing_stub(question: &Question, policy: &ProrationPolicy) -> Result<Piece, CalcError> {
    let zone = question.zone.0;
    let from = question.anchor.ok_or_else(|| missing("anchor", "is missing: where does the last period start?"))?;
    let end = question.end.ok_or_else(|| missing("end", "is missing: when does the contract end?"))?;
    let stub = Stub::trailing(from.at(zone), end.at(zone), question.interval()?, zone)?;
    if stub.span.end > stub.period.end && policy.beyond == BeyondWhole::Cut {
        return Err(missing("end", "lies more than one interval after the anchor: give the last anchor before it"));
    }
    Ok(Piece { rule: "trailing-stub", segment: None, span: Some(stub.span), factor: trailing(policy, &stub, zone)? })
}

fn segments(question: &Question, policy: &ProrationPolicy) -> Result<Vec<Piece>, CalcError> {
    let zone = question.zone.0;
    let until = question.until.ok_or_else(|| missing("until", "is missing: up to which date is billed?"))?.at(zone);
    if question.segments.is_empty() {
        return Err(missing("segments", "are missing: give start, anchor_day and perhaps end of each"));
    }
    let schedule = question.schedule()?;
    let mut pieces = Vec::new();
    for (place, asked) in question.segments.iter().enumerate() {
        let end = asked.end.map(|when| when.at(zone));
        let segment = Segment { start: asked.start.at(zone), end, anchor_day: asked.anchor_day };
        for part in parts(policy, &segment, &schedule, until)? {
            let rule = if part.is_whole() { "full-period" } else { "stub" };
            pieces.push(Piece { rule, segment: Some(place + 1), span: Some(part.span), factor: part.factor });
        }
    }
    Ok(pieces)
}

/// Units of units, or one stretch of time of another.
fn plain(question: &Question, policy: &ProrationPolicy) -> Result<Piece, CalcError> {
    let zone = question.zone.0;
    let (span, factor) = match (question.numerator, question.denominator, question.part, question.whole) {
        (Some(numerator), Some(denominator), None, None) => {
            (None, Factor::clamped(numerator, denominator, policy.precision))
        }
        (None, None, Some(part), Some(whole)) => {
            let (part, whole) = (part.at("part", zone)?, whole.at("whole", zone)?);
            let part = Span::new(part.0, part.1);
            if part.end - part.start > whole.1 - whole.0 {
                return Err(missing("part", "is longer than the whole"));
            }
            (Some(part), factor(policy, part, Span::new(whole.0, whole.1), zone)?)
        }
        _ => return Err(missing("numerator", "give numerator and denominator, or part and whole")),
    };
    Ok(Piece { rule: "factor", segment: None, span, factor })
}
