//! How an invoice is asked for.
//!
//! Exists apart so that the short ways to say a charge, a coupon or a tax are turned into the values that the rules take.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::told::NotApplied;
use crate::{
    calc::{
        CalcError, price,
        words::{Major, Number, When, Zone, money, unrounded},
    },
    calendar::Instant,
    discount::{Coupon, CouponDuration, Cut, Discount},
    document::{
        BillingProfile, Charge, CreditAmount, CreditRequest, DocumentStatus, Grant, LineCredit, SettlementWish,
    },
    money::{Currency, Money, Unrounded},
    percent::Percent,
    pricing::Units,
    profile::Profile,
    tax::{Seller, TaxBase, TaxCustomer, TaxEngine, TaxQuestion, TaxRate, TaxTable, TaxTreatment},
};

/// A question by invoice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::calc) struct Question {
    pub(super) id: Option<String>,
    pub(super) profile: Option<Profile>,
    /// Instead of the profile's: how documents and credit notes are computed.
    policy: Option<BillingProfile>,
    pub(super) currency: Currency,
    #[serde(default)]
    zone: Zone,
    /// The day of supply for taxes by country, and the instant at which grants are used.
    at: Option<When>,
    lines: Vec<LineAsked>,
    #[serde(default)]
    coupons: Vec<CouponAsked>,
    /// Which billed period since the coupons were redeemed, from 1.
    period_number: Option<u32>,
    tax_percent: Option<Percent>,
    #[serde(default)]
    taxes: Vec<TaxRate>,
    tax: Option<TaxAsked>,
    pub(super) credit: Option<Major>,
    pub(super) credit_minor: Option<i64>,
    #[serde(default)]
    pub(super) grants: Vec<GrantAsked>,
    #[serde(default)]
    credit_notes: Vec<CreditNoteAsked>,
    pub(super) account: Option<AccountAsked>,
}

/// One charge: an amount, units at a price each, or units by a price model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineAsked {
    id: Option<String>,
    item: Option<String>,
    amount: Option<Major>,
    amount_minor: Option<i64>,
    quantity: Option<Number>,
    unit_amount: Option<Major>,
    price: Option<Value>,
    #[serde(default = "yes")]
    discountable: bool,
    tax_percent: Option<Percent>,
    #[serde(default)]
    taxes: Vec<TaxRate>,
    /// The product class of the tax table.
    class: Option<String>,
    /// Why the line is not taxed.
    treatment: Option<TaxTreatment>,
}

const fn yes() -> bool {
    true
}

/// Who sells and who buys, for the built-in table of rates.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxAsked {
    seller: Seller,
    customer: TaxCustomer,
    #[serde(default)]
    inclusive: bool,
}

/// A coupon as catalogs write it, or in short.
#[derive(Debug)]
enum CouponAsked {
    Full(Box<Coupon>),
    Short(Short),
}

/// A coupon in short: a part, or an amount.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Short {
    source: Option<String>,
    percent: Option<Percent>,
    fixed: Option<Major>,
    fixed_minor: Option<i64>,
    /// The items that it takes something off; none: all.
    #[serde(default)]
    only: Vec<String>,
}

impl<'de> Deserialize<'de> for CouponAsked {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(d)?;
        let read = if value.get("benefit").is_some() || value.get("id").is_some() {
            serde_json::from_value(value).map(|coupon| Self::Full(Box::new(coupon)))
        } else {
            serde_json::from_value(value).map(Self::Short)
        };
        read.map_err(|e| de::Error::custom(format!("coupons: {e}")))
    }
}

/// A grant of prepaid credit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantAsked {
    id: String,
    amount: Option<Major>,
    amount_minor: Option<i64>,
    used: Option<Major>,
    used_minor: Option<i64>,
    granted_at: Option<When>,
    expires_at: Option<When>,
}

/// A credit note: of these lines, or of all that is left.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreditNoteAsked {
    #[serde(default)]
    lines: Vec<LineCreditAsked>,
}

/// What is credited of one line: a part of a whole, a net amount, a gross amount, or all that is left.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineCreditAsked {
    line: String,
    part: Option<i64>,
    whole: Option<i64>,
    net: Option<Major>,
    /// May have decimals: a net amount is rounded by the policy.
    net_minor: Option<Number>,
    gross: Option<Major>,
    gross_minor: Option<i64>,
}

impl LineCreditAsked {
    fn credit(&self, currency: Currency) -> Result<LineCredit, CalcError> {
        let field = format!("credit_notes[{}]", self.line);
        let net = match (self.net, self.net_minor) {
            (Some(_), Some(_)) => return Err(CalcError::field(field, "net is given twice: keep net or net_minor")),
            (Some(net), None) => Some(Unrounded::from_major(net.0, currency)?.minor()),
            (None, minor) => minor.map(|n| n.0),
        };
        let gross = money(&field, self.gross, self.gross_minor, currency)?;
        let amount = match (self.part, self.whole, net, gross) {
            (None, None, None, None) => CreditAmount::Rest,
            (Some(part), Some(whole), None, None) => CreditAmount::Share { part, whole },
            (None, None, Some(minor), None) => CreditAmount::Net { minor },
            (None, None, None, Some(amount)) => CreditAmount::Gross { amount },
            _ => {
                let detail = "give part and whole, or net, or gross, or none of them for all that is left";
                return Err(CalcError::field(field, detail));
            }
        };
        Ok(LineCredit { line: self.line.clone(), amount })
    }
}

/// What happened to the invoice since.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountAsked {
    #[serde(default = "open")]
    pub(super) status: DocumentStatus,
    /// Corrections of the charges without a credit note; below zero in the customer's favour.
    adjustments: Option<Major>,
    adjustments_minor: Option<i64>,
    /// What the invoice gave to the customer's credit (above zero) or took from it (below).
    credits: Option<Major>,
    credits_minor: Option<i64>,
    paid: Option<Major>,
    paid_minor: Option<i64>,
    refunded: Option<Major>,
    refunded_minor: Option<i64>,
    /// What is done with credit notes beyond what is due.
    #[serde(default)]
    pub(super) give_back: SettlementWish,
}

const fn open() -> DocumentStatus {
    DocumentStatus::Open
}

/// What credit notes are still set against.
pub(super) struct Settle {
    pub(super) due: Money,
    pub(super) refundable: Money,
    pub(super) wish: SettlementWish,
}

impl AccountAsked {
    pub(super) fn paid(&self, currency: Currency) -> Result<Money, CalcError> {
        not_negative("account.paid", or_nothing("account.paid", self.paid, self.paid_minor, currency)?)
    }

    pub(super) fn refunded(&self, currency: Currency) -> Result<Money, CalcError> {
        not_negative("account.refunded", or_nothing("account.refunded", self.refunded, self.refunded_minor, currency)?)
    }

    pub(super) fn adjustments(&self, currency: Currency) -> Result<Money, CalcError> {
        or_nothing("account.adjustments", self.adjustments, self.adjustments_minor, currency)
    }

    pub(super) fn credits(&self, currency: Currency) -> Result<Money, CalcError> {
        or_nothing("account.credits", self.credits, self.credits_minor, currency)
    }
}

fn or_nothing(field: &str, major: Option<Major>, minor: Option<i64>, currency: Currency) -> Result<Money, CalcError> {
    Ok(money(field, major, minor, currency)?.unwrap_or(Money::zero(currency)))
}

fn not_negative(field: &str, money: Money) -> Result<Money, CalcError> {
    if money.minor < 0 { Err(CalcError::field(field, "must be 0 or more")) } else { Ok(money) }
}

impl Question {
    /// The profile's policy, or the one that is written.
    pub(super) fn policy(&self, profile: Profile) -> Result<BillingProfile, CalcError> {
        Ok(match self.policy {
            Some(policy) => policy,
            None => profile.documents()?,
        })
    }

    pub(super) fn charges(&self, profile: Profile) -> Result<Vec<Charge>, CalcError> {
        let mut charges = Vec::with_capacity(self.lines.len());
        for (place, line) in self.lines.iter().enumerate() {
            let number = place + 1;
            let id = line.id.clone().unwrap_or_else(|| number.to_string());
            charges.push(Charge {
                item: line.item.clone().unwrap_or_else(|| "plan".into()),
                amount: line.charge(&format!("lines[{id}]"), self.currency, profile)?,
                discountable: line.discountable,
                treatment: self.treatment(line)?,
                id,
            });
        }
        Ok(charges)
    }

    /// How a line is taxed: what it says itself, else what the question says for all lines.
    fn treatment(&self, line: &LineAsked) -> Result<TaxTreatment, CalcError> {
        let of = |percent: Option<Percent>, rates: &[TaxRate]| match percent {
            Some(percent) => {
                vec![TaxRate { name: "tax".into(), percent, inclusive: false, on: TaxBase::Net }]
            }
            None => rates.to_vec(),
        };
        if let Some(treatment) = &line.treatment {
            return Ok(treatment.clone());
        }
        let own = of(line.tax_percent, &line.taxes);
        if !own.is_empty() {
            return Ok(TaxTreatment::Taxed { rates: own });
        }
        let Some(tax) = &self.tax else {
            return Ok(TaxTreatment::Taxed { rates: of(self.tax_percent, &self.taxes) });
        };
        let on =
            self.at.ok_or_else(|| CalcError::field("at", "is missing: taxes by country need the day of supply"))?;
        let asked = TaxQuestion {
            seller: &tax.seller,
            customer: &tax.customer,
            class: line.class.as_deref().unwrap_or("standard"),
            on: on.day(self.zone.0),
            inclusive: tax.inclusive,
        };
        Ok(TaxTable::built_in()?.treatment(&asked)?)
    }

    /// The discounts that hold, and the coupons that do not.
    pub(super) fn discounts(&self) -> Result<(Vec<Discount>, Vec<NotApplied>), CalcError> {
        let number = self.period_number.unwrap_or(1);
        let (mut discounts, mut not_applied) = (Vec::new(), Vec::new());
        for coupon in &self.coupons {
            match coupon {
                CouponAsked::Short(short) => discounts.push(short.discount(self.currency)?),
                CouponAsked::Full(coupon) => {
                    if let Some(problem) = coupon.problems().first() {
                        return Err(CalcError::field(format!("coupons[{}]", coupon.id), problem.as_str()));
                    }
                    match coupon.discount(self.currency, number)? {
                        Some(discount) => discounts.push(discount),
                        None => not_applied.push(NotApplied {
                            coupon: coupon.id.clone(),
                            why: format!("it does not hold in billed period {number}"),
                        }),
                    }
                }
            }
        }
        Ok((discounts, not_applied))
    }

    /// What is to be credited, one note after the other.
    pub(super) fn credit_notes(&self) -> Result<Vec<CreditRequest>, CalcError> {
        let request = |asked: &CreditNoteAsked| {
            if asked.lines.is_empty() {
                return Ok(CreditRequest::Whole);
            }
            let lines = asked.lines.iter().map(|line| line.credit(self.currency)).collect::<Result<_, _>>()?;
            Ok(CreditRequest::Lines { lines })
        };
        self.credit_notes.iter().map(request).collect()
    }

    /// When grants are used, and which there are.
    pub(super) fn grants(&self) -> Result<(Instant, Vec<Grant>), CalcError> {
        let zone = self.zone.0;
        let at = self.at.ok_or_else(|| CalcError::field("at", "is missing: when are the grants used?"))?.at(zone);
        let mut grants = Vec::with_capacity(self.grants.len());
        for grant in &self.grants {
            let field = format!("grants[{}].amount", grant.id);
            let amount = money(&field, grant.amount, grant.amount_minor, self.currency)?
                .ok_or_else(|| CalcError::field(field.as_str(), "is missing"))?;
            let used_field = format!("grants[{}].used", grant.id);
            let used = or_nothing(&used_field, grant.used, grant.used_minor, self.currency)?;
            grants.push(Grant {
                id: grant.id.clone(),
                amount: not_negative(&field, amount)?,
                used: not_negative(&used_field, used)?,
                granted_at: grant.granted_at.map_or(at, |when| when.at(zone)),
                expires_at: grant.expires_at.map(|when| when.at(zone)),
            });
        }
        Ok((at, grants))
    }
}

impl LineAsked {
    fn charge(&self, name: &str, currency: Currency, profile: Profile) -> Result<Money, CalcError> {
        let quantity = self.quantity.map(|n| n.0);
        let given = money(&format!("{name}.amount"), self.amount, self.amount_minor, currency)?;
        let unit = unrounded(&format!("{name}.unit_amount"), self.unit_amount, None, currency)?;
        let exact: Unrounded = match (given, unit, &self.price) {
            (Some(amount), None, None) if quantity.is_none() => return Ok(amount),
            (None, Some(unit), None) => unit.times(quantity.unwrap_or(rust_decimal::Decimal::ONE), 1.into())?,
            (None, None, Some(written)) => {
                let mut written = written.clone();
                if let Some(fields) = written.as_object_mut() {
                    fields.remove("interval");
                    fields.remove("currency");
                }
                let model = price::model(written, profile, currency)?;
                let units = Units::of(quantity.unwrap_or(rust_decimal::Decimal::ONE));
                price::amount(&model, &units, currency)?
            }
            _ => {
                let detail = "is needed, or unit_amount with quantity, or price with quantity: give one of the three";
                return Err(CalcError::field(format!("{name}.amount"), detail));
            }
        };
        Ok(exact.round(profile.price_rounding())?)
    }
}

impl Short {
    fn discount(&self, currency: Currency) -> Result<Discount, CalcError> {
        let fixed = money("coupons.fixed", self.fixed, self.fixed_minor, currency)?;
        let cut = match (self.percent, fixed) {
            (Some(percent), None) => Cut::Percent { percent },
            (None, Some(amount)) => Cut::Fixed { amount },
            _ => {
                return Err(CalcError::field(
                    "coupons",
                    "have either percent or fixed (or fixed_minor), or are written in full",
                ));
            }
        };
        let usual = if self.percent.is_some() { "percent" } else { "fixed" };
        let source = self.source.clone().unwrap_or_else(|| usual.into());
        Ok(Discount { source, cut, only: self.only.clone(), duration: CouponDuration::Once })
    }
}
