//! Billing dates that other systems publish, each computed here by the policy that its rule states.
//!
//! Exists because peers contradict each other: a case is mapped to a policy by its peer and its rule, never by its id, so that
//! a case that is not in the file would be answered by the same lines. What the policy cannot say is named, with the reason.

use billing::calendar::{
    Instant, Interval,
    alignment::{Alignment, AlignmentPolicy, BoundaryTime, FirstAnchor},
    recurrence::Recurrence,
    schedule::Schedule,
    to_instant,
    trial::{Trial, TrialAnchor, TrialLength},
};
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;

/// What peers count intervals in.
const UNITS: [&str; 3] = ["days", "weeks", "months"];

const CASES: &str = include_str!("../cases/billing_dates.json");

#[derive(Deserialize)]
struct Case {
    id: String,
    peer: String,
    rule: String,
    input: Value,
    expected: Value,
    #[serde(rename = "use")]
    purpose: String,
}

/// What one case comes to: nothing wrong, or what differs.
type Verdict = Result<(), String>;

/// An error of any kind as words.
#[expect(clippy::needless_pass_by_value, reason = "map_err gives it away")]
fn words(error: impl ToString) -> String {
    error.to_string()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Verdict {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?} instead of {expected:?}")) }
}

/// A date, or a date and time in UTC with or without seconds.
fn local(text: &str) -> Result<NaiveDateTime, String> {
    let text = text.trim_end_matches('Z');
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(date.and_time(NaiveTime::MIN));
    }
    let with_seconds = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S");
    with_seconds.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M")).map_err(|e| format!("{text}: {e}"))
}

fn instant(text: &str) -> Result<Instant, String> {
    Ok(local(text)?.and_utc())
}

/// A list of texts; what is not there is an empty one.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    Ok(serde_json::from_value::<Option<_>>(value.clone()).map_err(words)?.unwrap_or_default())
}

impl Case {
    fn text(&self, field: &str) -> Option<&str> {
        self.input[field].as_str()
    }

    fn zone(&self) -> Result<Tz, String> {
        self.text("timezone").unwrap_or("UTC").parse().map_err(words)
    }

    /// The start of the contract, whatever the peer calls it; where only an anchor is given, that. A date alone is the
    /// beginning of the local day.
    fn start(&self) -> Result<Instant, String> {
        let fields = ["start", "period_start", "subscribed_at", "reference_instant", "anchor"];
        let text = fields.iter().find_map(|field| self.text(field)).ok_or("no start is given")?;
        if text.contains('T') {
            return instant(text);
        }
        let is_month_and_day = text.len() == "MM-DD".len();
        let date = if is_month_and_day { local(&format!("2024-{text}"))? } else { local(text)? };
        Ok(to_instant(date, self.zone()?))
    }

    fn intervals(&self) -> Result<Interval, String> {
        if let Some(name) = self.text("interval") {
            return interval(name);
        }
        // Next to an anchor, a number of units is the interval; elsewhere it says for how long the case runs.
        let counted = UNITS.iter().find_map(|unit| Some((self.input[*unit].as_u64()?, unit)));
        match counted {
            Some((count, unit)) if self.text("anchor").is_some() => interval(&format!("{count}-{unit}")),
            _ => interval("monthly"),
        }
    }

    /// What boundaries are aligned to: the calendar, a day, a month and a day, or an instant, as the input says.
    fn alignment(&self) -> Result<Alignment, String> {
        if let Some(day) = self.input["anchor_day"].as_u64() {
            let day = u32::try_from(day).ok().and_then(|day| day.try_into().ok()).ok_or("the day is not in a month")?;
            return Ok(Alignment::DayOfMonth { day });
        }
        match self.text("anchor") {
            None if self.rule.contains("calendar anchor") => Ok(calendar()),
            None => Ok(Alignment::Anniversary),
            Some("calendar") => Ok(calendar()),
            Some(text) if text.len() == "MM-DD".len() => {
                let part = |range: std::ops::Range<usize>| {
                    text.get(range).and_then(|t| t.parse::<u32>().ok()).ok_or("not a month and a day")
                };
                let (month, day) = (part(0..2)?, part(3..5)?);
                Ok(Alignment::MonthDay { month: month.try_into().map_err(words)?, day: day.try_into().map_err(words)? })
            }
            Some(text) => Ok(Alignment::Anchor { at: instant(text)? }),
        }
    }

    /// Which first anchor the peer takes. Flexprice counts weeks from the anchor's weekday and other counted units from the
    /// start; its named periods keep step with the anchor.
    fn first(&self) -> FirstAnchor {
        let counts = |unit: &str| self.input[unit].is_u64();
        match self.peer.as_str() {
            "Kill Bill" | "Meteroid" => FirstAnchor::StartMonth,
            "Flexprice" if counts("weeks") => FirstAnchor::LongestStub,
            "Flexprice" if counts("days") || counts("months") => FirstAnchor::StartMonth,
            _ => FirstAnchor::InStep,
        }
    }

    fn policy(&self) -> Result<AlignmentPolicy, String> {
        // With Lago the local day is billed, from its beginning.
        let time = if self.peer == "Lago" { BoundaryTime::Midnight } else { BoundaryTime::OfAlignment };
        Ok(AlignmentPolicy { first: self.first(), time, ..AlignmentPolicy::to(self.alignment()?) })
    }

    fn schedule_of(&self, interval: Interval) -> Result<Schedule, String> {
        Schedule::try_new(self.start()?, interval, &self.policy()?, self.zone()?).map_err(words)
    }

    fn schedule(&self) -> Result<Schedule, String> {
        self.schedule_of(self.intervals()?)
    }

    /// The local date at an instant, as the files write it.
    fn date(&self, at: Instant) -> Result<String, String> {
        Ok(at.with_timezone(&self.zone()?).date_naive().to_string())
    }

    /// An instant, written as `like` is: a date, or a date and time.
    fn written(&self, at: Instant, like: &str) -> Result<String, String> {
        match like.rsplit_once('T') {
            None => self.date(at),
            Some((_, time)) if time.len() == "00:00Z".len() => Ok(at.format("%Y-%m-%dT%H:%MZ").to_string()),
            Some(_) => Ok(at.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        }
    }

    fn boundaries(&self, count: u32) -> Result<Vec<Instant>, String> {
        let schedule = self.schedule()?;
        (0..count).map(|index| schedule.boundary(index).map_err(words)).collect()
    }
}

/// An interval, by any of the names that peers have for it.
fn interval(name: &str) -> Result<Interval, String> {
    let ours = match name {
        "daily" => "day",
        "weekly" => "week",
        "biweekly" => "2-weeks",
        "monthly" => "month",
        "bimestrial" => "2-months",
        "quarterly" => "quarter",
        "half_year" | "half_yearly" | "semiannual" | "biannual" => "half-year",
        "yearly" | "annual" => "year",
        "sesquiennial" => "18-months",
        "biennial" => "2-years",
        "triennial" => "3-years",
        other => &other.replace('_', "-"),
    };
    ours.parse().map_err(|e| format!("{name}: {e}"))
}

fn calendar() -> Alignment {
    Alignment::Calendar { first_weekday: chrono::Weekday::Mon }
}

/// Between the first and the last published date there are these boundaries and no others.
fn dates(case: &Case, expected: &Value) -> Verdict {
    let expected = texts(expected)?;
    let found: Result<Vec<_>, _> = case.boundaries(200)?.into_iter().map(|at| case.date(at)).collect();
    let found: Vec<_> = found?
        .into_iter()
        .filter(|date| expected.first().is_some_and(|first| first <= date))
        .take(expected.len())
        .collect();
    same("dates", &found, &expected)
}

fn billing_days(case: &Case, expected: &Value, is: bool) -> Verdict {
    let schedule = case.schedule()?;
    for date in texts(expected)? {
        for time in ["00:00:00", "12:00:00", "23:59:59"] {
            let at = to_instant(local(&format!("{date}T{time}"))?, case.zone()?);
            same(&format!("a billing day at {at}"), &schedule.is_billing_day(at).map_err(words)?, &is)?;
        }
    }
    Ok(())
}

/// Runs the biller at each instant: how many periods began since the last run?
fn runs(case: &Case) -> Verdict {
    let schedule = case.schedule()?;
    let (mut last, mut invoices) = (schedule.start(), 0);
    let rounds = [
        ("run_before", "invoices_before"),
        ("runs", "invoices_after_runs"),
        ("run_after", "invoices_after_later_runs"),
    ];
    for (round, count) in rounds {
        for now in texts(&case.input[round])? {
            let now = instant(&now)?;
            invoices += schedule.due_between(last, now).map_err(words)?.count();
            last = now;
        }
        if let Some(expected) = case.expected[count].as_u64() {
            same(count, &(invoices as u64), &expected)?;
        }
    }
    Ok(())
}

fn period(case: &Case, expected: &Value) -> Verdict {
    let expected = texts(expected)?;
    let like = expected.first().ok_or("no period is given")?;
    let at = instant(case.text("at").ok_or("no instant is given")?)?;
    let span = if case.text("start").is_some() {
        case.schedule()?.period_at(at).map_err(words)?.ok_or("not within the contract")?.span
    } else {
        // A recurrence without a contract: it has periods before its anchor too.
        let anchor = local(case.text("anchor").ok_or("no anchor is given")?)?;
        Recurrence::through(anchor, case.intervals()?, case.zone()?).span_at(at).map_err(words)?
    };
    same("period", &vec![case.written(span.start, like)?, case.written(span.end, like)?], &expected)
}

fn first_billing_dates(case: &Case, expected: &Value) -> Verdict {
    for (interval, date) in expected.as_object().ok_or("no dates are given")? {
        let first = case.schedule_of(self::interval(interval)?)?.first_anchor().map_err(words)?;
        same(interval, &Some(case.date(first)?.as_str()), &date.as_str())?;
    }
    Ok(())
}

/// "[1st of month, 1st of next month) for each of N months from D": after a trial, on the anchor day.
fn monthly_after_trial(case: &Case, expected: &str) -> Verdict {
    let number = |text: &str| text.split(' ').find_map(|word| word.parse::<u32>().ok());
    let months = expected.split("each of").nth(1).and_then(number).ok_or("no number of months")?;
    let first: NaiveDate = expected.split("from ").nth(1).ok_or("no first month")?.trim().parse().map_err(words)?;
    let days = case.input["trial_days"].as_u64().and_then(|d| u32::try_from(d).ok()).unwrap_or(0);
    let trial = Trial { length: TrialLength::Days { days }, anchor: TrialAnchor::End };
    let policy = AlignmentPolicy { time: BoundaryTime::Midnight, ..case.policy()? };
    let trialed = trial.schedule(case.start()?, case.intervals()?, &policy, case.zone()?).map_err(words)?;
    for index in 0..months {
        let period = trialed.schedule.period(index).map_err(words)?.ok_or("a period is missing")?;
        let date = |n: u32| first.checked_add_months(chrono::Months::new(n)).map(|d| d.to_string());
        let [from, to] = [date(index), date(index + 1)];
        let found = [Some(case.date(period.span.start)?), Some(case.date(period.span.end)?)];
        same("period", &found, &[from, to])?;
        same("is a stub", &period.is_stub(), &false)?;
    }
    Ok(())
}

/// Checks everything that a case expects, by the name of the expectation.
fn check(case: &Case) -> Verdict {
    let expected = case.expected.as_object().ok_or("nothing is expected")?;
    for (name, value) in expected {
        match name.as_str() {
            "dates" => dates(case, value),
            "on" => billing_days(case, value, true),
            "not_on" => billing_days(case, value, false),
            "invoices_before" | "invoices_after_runs" | "invoices_after_later_runs" => runs(case),
            "day" => case
                .boundaries(120)?
                .iter()
                .skip(1)
                .try_for_each(|at| same("day", &Some(u64::from(at.day())), &value.as_u64())),
            "weekday" => case
                .boundaries(520)?
                .iter()
                .try_for_each(|at| same("weekday", &Some(at.format("%A").to_string().as_str()), &value.as_str())),
            "period" => period(case, value),
            "first_period" => {
                let span = case.schedule()?.period(0).map_err(words)?.ok_or("there is no first period")?.span;
                same("first period", &vec![case.date(span.start)?, case.date(span.end)?], &texts(value)?)
            }
            "elapsed_cycles" => {
                let at = instant(case.text("at").ok_or("no instant is given")?)?;
                same(name, &case.schedule()?.completed(at).map_err(words)?, &(value.as_u64().unwrap_or(0) as usize))
            }
            "first_billing_date" => first_billing_dates(case, value),
            "next" | "anchor" => {
                let like = value.as_str().ok_or("no date is given")?;
                same(name, &case.written(case.boundaries(2)?[1], like)?.as_str(), &like)
            }
            "periods" => monthly_after_trial(case, value.as_str().unwrap_or_default()),
            // What it costs belongs to prices; a whole month costs a month.
            "amount_each" => Ok(()),
            other => Err(format!("nothing here checks {other:?}")),
        }?;
    }
    Ok(())
}

fn cases(purpose: &str) -> Vec<Case> {
    let all: Vec<Case> = serde_json::from_str(CASES).expect("cases");
    all.into_iter().filter(|case| case.purpose == purpose).collect()
}

#[test]
fn published_dates_are_reproduced_by_the_policy_of_their_rule() {
    let cases: Vec<_> = cases("reproduce").into_iter().chain(cases("guard")).collect();
    assert!(cases.len() >= 34, "cases are missing");
    let wrong: Vec<_> = cases.iter().filter_map(|c| check(c).err().map(|e| format!("{}: {e}", c.id))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The policy that we recommend for the alignment of the case: every default.
fn by_default(case: &Case) -> Result<Vec<String>, String> {
    let policy = AlignmentPolicy::to(case.alignment()?);
    let schedule = Schedule::try_new(case.start()?, case.intervals()?, &policy, case.zone()?).map_err(words)?;
    (1..4).map(|i| case.date(schedule.boundary(i).map_err(words)?)).collect()
}

#[test]
fn what_peers_do_and_should_not_is_answered_sanely_by_default() {
    for case in cases("avoid") {
        let found = by_default(&case);
        match case.peer.as_str() {
            // A day alone does not say where a quarter begins, so the policy has to: we ask instead of guessing.
            "Meteroid" => assert!(found.is_err_and(|e| e.contains("give a month and a day")), "{}", case.id),
            // The anchor of every second month keeps its months.
            "Flexprice" if case.input["months"].is_u64() => {
                assert_eq!(found.expect("dates"), ["2024-05-14", "2024-07-14", "2024-09-14"], "{}", case.id);
            }
            // No first period is longer than the interval.
            "Flexprice" => assert_eq!(found.expect("dates"), ["2024-06-15", "2025-06-15", "2026-06-15"], "{}", case.id),
            other => panic!("{}: nothing is known to avoid with {other}", case.id),
        }
    }
}

#[test]
fn what_cannot_be_reproduced_is_known_and_has_a_reason() {
    let not_reproduced: Vec<_> = cases("avoid").into_iter().filter(|case| check(case).is_err()).map(|c| c.id).collect();
    // A first period longer than its interval (17 months): no policy here makes one.
    assert_eq!(not_reproduced, ["flexprice-annual-anchor-later"]);
}

#[test]
fn a_day_alone_for_a_quarter_is_clear_with_its_month() {
    let policy: AlignmentPolicy =
        serde_json::from_str(r#"{"to": {"month-day": {"month": 3, "day": 10}}}"#).expect("JSON");
    let start = instant("2021-01-01").expect("a date");
    let quarter =
        Schedule::try_new(start, "quarter".parse().expect("an interval"), &policy, Tz::UTC).expect("a schedule");
    assert_eq!(quarter.boundary(1), Ok(instant("2021-03-10").expect("a date")));
}
