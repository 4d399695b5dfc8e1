//! The day that a customer wants to be billed on, as requests say it, and the alignment that it is.
//!
//! Exists beside the verbs, because a sign-up and a change of a running contract ask the same question.

use billing::{
    calendar::{
        Instant, Interval,
        alignment::{Alignment, AlignmentPolicy, FirstAnchor, MonthOfYear},
        recurrence::DayOfMonth,
        to_instant,
    },
    customer::Customer,
    ids::SubscriptionId,
    refusal::Refusal,
    subscription::follow,
};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, Unexpected},
};

use crate::{error::Error, ports::Ledger, view::parse_field};

/// The field of requests that holds it.
pub(crate) const FIELD: &str = "billing_anchor";

/// Where periods are to be cut: exactly one of a day of the month, a month with a day, a weekday, a date, the calendar, or
/// the day that the contract begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorRequest {
    /// A day of the month, 1 to 31; the last one in a month without it.
    #[serde(default)]
    pub day: Option<u32>,
    /// With `day`: of this month, 1 to 12.
    #[serde(default)]
    pub month: Option<u32>,
    /// `Mon` to `Sun`, for intervals of weeks.
    #[serde(default)]
    pub weekday: Option<String>,
    /// A local date, past or future, that is a boundary: fits any interval.
    #[serde(default, deserialize_with = "local_date")]
    pub date: Option<NaiveDate>,
    /// The calendar's own months, quarters, years, weeks from Monday.
    #[serde(default)]
    pub calendar: bool,
    /// The day that the contract begins, also where the plan says otherwise.
    #[serde(default)]
    pub anniversary: bool,
}

impl AnchorRequest {
    /// The alignment that is meant. What the request does not say (which day is the first, at which time of day) is as the
    /// plan has it.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] for `billing_anchor`.
    pub(crate) fn alignment(&self, plan: Option<AlignmentPolicy>, zone: Tz) -> Result<AlignmentPolicy, Refusal> {
        let plan = plan.unwrap_or_default();
        let to = self.to(zone)?;
        // A day alone does not say in which month a quarter begins: the next one then, unless the plan knows better.
        let vague = matches!(to, Alignment::DayOfMonth { .. } | Alignment::Weekday { .. });
        let first = if vague && plan.first == FirstAnchor::InStep { FirstAnchor::Next } else { plan.first };
        Ok(AlignmentPolicy { to, first, ..plan })
    }

    fn to(&self, zone: Tz) -> Result<Alignment, Refusal> {
        let mut wanted = Vec::new();
        if let Some(day) = self.day {
            let day = parse_field(FIELD, DayOfMonth::try_new(day))?;
            wanted.push(match self.month {
                None => Alignment::DayOfMonth { day },
                Some(month) => Alignment::MonthDay { month: parse_field(FIELD, MonthOfYear::try_new(month))?, day },
            });
        } else if self.month.is_some() {
            return Err(refused("a month needs a day: {\"month\": 3, \"day\": 31}"));
        }
        if let Some(text) = &self.weekday {
            let weekday = text.parse::<Weekday>().map_err(|_| "weekday must be Mon, Tue, Wed, Thu, Fri, Sat or Sun");
            wanted.push(Alignment::Weekday { weekday: parse_field(FIELD, weekday)? });
        }
        if let Some(date) = self.date {
            wanted.push(Alignment::Anchor { at: to_instant(date.and_time(NaiveTime::MIN), zone) });
        }
        wanted.extend(self.calendar.then_some(Alignment::Calendar { first_weekday: Weekday::Mon }));
        wanted.extend(self.anniversary.then_some(Alignment::Anniversary));
        match wanted.as_slice() {
            [one] => Ok(*one),
            _ => Err(refused("give exactly one of day (with or without month), weekday, date, calendar, anniversary")),
        }
    }
}

/// A date of a JSON body; one that does not exist is refused with what would be one.
pub(crate) fn local_date<'de, D: Deserializer<'de>>(value: D) -> Result<Option<NaiveDate>, D::Error> {
    let Some(text) = Option::<String>::deserialize(value)? else { return Ok(None) };
    let expected = "a date that exists (2027-02-28)";
    text.parse().map(Some).map_err(|_| D::Error::invalid_value(Unexpected::Str(&text), &expected))
}

/// What a request says about the anchor.
pub(crate) struct Wanted<'a> {
    /// A day.
    pub(crate) day: Option<&'a AnchorRequest>,
    /// The contract to be aligned with.
    pub(crate) with: Option<&'a str>,
}

/// Which contract it is about.
pub(crate) struct Of<'a> {
    pub(crate) customer: &'a Customer,
    pub(crate) interval: Interval,
    /// What holds where the request is silent.
    pub(crate) plan: Option<AlignmentPolicy>,
    /// From when on.
    pub(crate) at: Instant,
}

/// The alignment that a request asks for; none when it says nothing.
pub(crate) async fn alignment(
    ledger: &Ledger,
    wanted: &Wanted<'_>,
    of: &Of<'_>,
) -> Result<Option<AlignmentPolicy>, Error> {
    let zone = of.customer.time_zone;
    let id = match (wanted.day, wanted.with) {
        (None, None) => return Ok(None),
        (Some(day), None) => return Ok(Some(day.alignment(of.plan, zone)?)),
        (Some(_), Some(_)) => return Err(refused("give billing_anchor or align_with, not both").into()),
        (None, Some(id)) => parse_field("align_with", SubscriptionId::try_new(id))?,
    };
    let leader = ledger.store.subscription(&of.customer.id, &id).await?;
    let leader = leader.ok_or_else(|| Refusal::NotFound { what: "subscription", id: id.to_string() })?;
    Ok(Some(follow(&leader.value, of.at, of.interval, zone)?))
}

/// A date (its midnight in the customer's zone) or an instant.
pub(crate) fn instant(field: &'static str, text: &str, zone: Tz) -> Result<Instant, Refusal> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.with_timezone(&Utc));
    }
    let date: NaiveDate =
        parse_field(field, text.parse().map_err(|_| "must be a date that exists (2027-02-28) or an RFC 3339 instant"))?;
    Ok(to_instant(date.and_time(NaiveTime::MIN), zone))
}

fn refused(detail: &str) -> Refusal {
    Refusal::InvalidField { field: FIELD, detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: &str) -> Result<AlignmentPolicy, String> {
        let request: AnchorRequest = serde_json::from_str(json).map_err(|e| e.to_string())?;
        request.alignment(None, Tz::Europe__Berlin).map_err(|e| e.to_string())
    }

    #[test]
    fn one_day_is_one_alignment() {
        let is = |json: &str, to: &str| {
            let wanted: Alignment = serde_json::from_str(to).unwrap();
            assert_eq!(asked(json).unwrap().to, wanted, "{json}");
        };
        is(r#"{"day": 15}"#, r#"{"day-of-month": {"day": 15}}"#);
        is(r#"{"day": 31, "month": 3}"#, r#"{"month-day": {"month": 3, "day": 31}}"#);
        is(r#"{"weekday": "Fri"}"#, r#"{"weekday": {"weekday": "Fri"}}"#);
        is(r#"{"date": "2027-06-30"}"#, r#"{"anchor": {"at": "2027-06-29T22:00:00Z"}}"#);
        is(r#"{"calendar": true}"#, r#"{"calendar": {}}"#);
        is(r#"{"anniversary": true}"#, r#""anniversary""#);
    }

    #[test]
    fn a_day_that_cannot_be_and_two_days_at_once_are_refused_by_name() {
        for bad in [
            "{}",
            r#"{"day": 0}"#,
            r#"{"day": 32}"#,
            r#"{"month": 3}"#,
            r#"{"month": 13, "day": 1}"#,
            r#"{"weekday": "someday"}"#,
            r#"{"day": 1, "calendar": true}"#,
        ] {
            let problem = asked(bad).unwrap_err();
            assert!(problem.starts_with("billing_anchor: "), "{bad}: {problem}");
        }
        assert!(asked(r#"{"date": "2027-02-30"}"#).unwrap_err().contains("expected a date that exists"));
        assert!(asked(r#"{"dya": 1}"#).unwrap_err().contains("unknown field"));
    }

    #[test]
    fn what_the_request_leaves_open_is_as_the_plan_says() {
        let plan = AlignmentPolicy { first: FirstAnchor::StartMonth, ..AlignmentPolicy::default() };
        let request = AnchorRequest { day: Some(1), ..AnchorRequest::default() };
        assert_eq!(request.alignment(Some(plan), Tz::UTC).unwrap().first, FirstAnchor::StartMonth);
        assert_eq!(request.alignment(None, Tz::UTC).unwrap().first, FirstAnchor::Next);
    }
}
