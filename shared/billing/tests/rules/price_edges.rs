//! Prices at the edges of their rules: a limit that is exactly met, nothing at all, and what cannot be priced.
//!
//! Exists beside the properties because those seldom hit an edge: each table says on which side of it a case lies.

use billing::{
    calendar::{Instant, Period},
    money::Currency,
    pricing::{Movement, PriceError, PriceModel, Step, StepKind, Units},
    proration::{ProrationUnit, Share},
};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use crate::sample::{at, usd};

fn currency() -> Currency {
    usd(0).currency
}

fn d(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn model(json: &str) -> PriceModel {
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

fn steps(json: &str, units: &Units) -> Vec<Step> {
    model(json).price(units, currency()).unwrap_or_else(|e| panic!("{json}: {e}")).steps
}

fn kinds(json: &str, units: &Units) -> Vec<StepKind> {
    steps(json, units).iter().map(|step| step.kind).collect()
}

/// In cents.
fn cost(json: &str, units: &Units) -> String {
    let priced = model(json).price(units, currency()).unwrap_or_else(|e| panic!("{json}: {e}"));
    priced.amount.minor().normalize().to_string()
}

#[test]
fn a_number_that_is_exactly_the_limit_may_be_published_and_the_next_one_may_not() {
    let table = [
        (r#"{"model":"per-seat","unit_amount":"1","included":"#, "1000000000000", "1000000000000.1"),
        (r#"{"model":"per-seat","unit_amount":"#, "0.000000000001", "0.0000000000001"),
        (r#"{"model":"per-seat","unit_amount":"#, "10000000", "10000000.01"),
        (r#"{"model":"per-seat","unit_amount":"#, "0", "-0.01"),
        (r#"{"model":"flat","amount":"#, "0.01", "0.001"),
        (r#"{"model":"percentage","rate":"#, "100", "100.01"),
        (r#"{"model":"percentage","rate":"#, "0.0000000001", "0.00000000001"),
        (r#"{"model":"percent-of","rate":"#, "1000", "1000.01"),
        (r#"{"model":"percentage","rate":"1","minimum_per_event":"0.50","maximum_per_event":"#, "0.50", "0.49"),
        (
            r#"{"model":"commitment","price":{"model":"flat","amount":"1"},"minimum_amount":"1","overage_factor":"#,
            "100",
            "100.1",
        ),
        (
            r#"{"model":"commitment","price":{"model":"flat","amount":"1"},"minimum_amount":"1","overage_factor":"#,
            "1",
            "0.9",
        ),
    ];
    for (start, limit, beyond) in table {
        let checked = |number: &str| model(&format!(r#"{start}"{number}"}}"#)).check(currency());
        assert_eq!(checked(limit), Ok(()), "{start}{limit}");
        assert!(checked(beyond).is_err(), "{start}{beyond}");
    }
    let cap = |cap: &str| model(&format!(r#"{{"model":"graduated","tiers":[{{"flat_amount":"5","cap":"{cap}"}}]}}"#));
    assert_eq!(cap("5").check(currency()), Ok(()));
}

#[test]
fn what_comes_to_exactly_its_least_or_its_most_has_no_step_of_a_correction() {
    let least = r#"{"model":"commitment","minimum_amount":"10","price":{"model":"per-seat","unit_amount":"5"}}"#;
    let of = |units: i64| kinds(least, &Units::of(units.into()));
    assert_eq!([of(1), of(2)], [vec![StepKind::PerUnit, StepKind::TrueUp], vec![StepKind::PerUnit]]);
    assert_eq!(of(3), [StepKind::PerUnit], "what lies beyond it costs as much as what is within");
    let capped = r#"{"model":"volume","tiers":[{"unit_amount":"5","cap":"10"}]}"#;
    let of = |units: i64| kinds(capped, &Units::of(units.into()));
    assert_eq!([of(2), of(3)], [vec![StepKind::Tier], vec![StepKind::Tier, StepKind::Cap]]);
}

#[test]
fn each_transaction_has_a_price_unless_it_is_known_only_at_the_end_of_the_period() {
    let each = |json: &str, amounts: &[i64]| {
        let amounts: Vec<Decimal> = amounts.iter().map(|amount| Decimal::from(*amount)).collect();
        let each = model(json).each(&amounts, currency())?;
        Ok::<_, PriceError>(each.iter().map(|a| a.minor().normalize().to_string()).collect::<Vec<_>>())
    };
    let of = |amounts: [&str; 3]| Ok(amounts.map(str::to_owned).to_vec());
    let seats = r#"{"model":"per-seat","unit_amount":"4"}"#;
    let most = format!(r#"{{"model":"commitment","maximum_amount":"10","price":{seats}}}"#);
    assert_eq!(each(&most, &[1, 1, 1]), of(["400", "400", "200"]));
    let least = format!(r#"{{"model":"commitment","minimum_amount":"10","price":{seats}}}"#);
    assert_eq!(each(&least, &[1, 1, 1]), Err(PriceError::WholePeriodOnly("commitment")));
    // Metered or not, a percentage looks at each event where it must.
    let fees = r#"{"model":"percentage","rate":"10","free_events":1}"#;
    let metered = format!(r#"{{"model":"usage","meter":"calls","price":{fees}}}"#);
    for json in [fees, &metered] {
        assert_eq!(each(json, &[50, 50, 10]), of(["0", "500", "100"]), "{json}");
    }
}

#[test]
fn an_event_that_uses_up_the_free_units_pays_its_fee_and_one_that_leaves_some_does_not() {
    let json = r#"{"model":"percentage","rate":"10","fixed_amount":"0.30","free_units":"50"}"#;
    let of = |amounts: &[&str]| cost(json, &Units::each(amounts.iter().map(|a| d(a)).collect()).expect("units"));
    let table = [
        (&["49.99"][..], "0"),
        (&["50"], "30"),
        (&["50.01"], "30.1"),
        (&["49.99", "0.01"], "30"),
        (&["50", "10"], "160"),
    ];
    for (amounts, cents) in table {
        assert_eq!(of(amounts), cents, "{amounts:?}");
    }
    // Free events are counted, however large they are; both limits together end with the one that is used up first.
    let both = r#"{"model":"percentage","rate":"10","free_units":"50","free_events":2}"#;
    let of = |amounts: &[&str]| cost(both, &Units::each(amounts.iter().map(|a| d(a)).collect()).expect("units"));
    for (amounts, cents) in [(&["10", "10", "10"][..], "100"), (&["60", "10"], "200"), (&["10", "40", "10"], "100")] {
        assert_eq!(of(amounts), cents, "{amounts:?}");
    }
}

#[test]
fn a_fee_for_each_event_needs_to_know_how_many_there_were() {
    let error = |json: &str, units: &Units| model(json).price(units, currency()).expect_err(json);
    let fee = r#"{"model":"percentage","rate":"1","fixed_amount":"0.30"}"#;
    assert_eq!(error(fee, &Units::of(Decimal::TEN)), PriceError::EventsNeeded("the number of events"));
    assert_eq!(cost(fee, &Units::counted(Decimal::TEN, 2)), "70");
    assert_eq!(cost(r#"{"model":"percentage","rate":"1"}"#, &Units::of(Decimal::TEN)), "10");
    let first = r#"{"model":"percentage","rate":"1","free_events":1}"#;
    let needed = PriceError::EventsNeeded("the amount of each event");
    assert_eq!(
        [error(first, &Units::of(Decimal::TEN)), error(first, &Units::counted(Decimal::TEN, 2))],
        [needed.clone(), needed]
    );
    // What pays nothing altogether: fees only where the price says so, event by event, too.
    let none = Units::counted(Decimal::ZERO, 2);
    let fees = r#"{"model":"percentage","rate":"1","fixed_amount":"0.30","zero_volume":"event-fees"}"#;
    assert_eq!([cost(fee, &none), cost(fees, &none)], ["0", "60"]);
    let each = |json: &str| {
        let each = model(json).each(&[Decimal::ZERO, Decimal::ZERO], currency()).expect("amounts");
        each.iter().map(|amount| amount.minor().normalize().to_string()).collect::<Vec<_>>()
    };
    assert_eq!([each(fee), each(fees)], [["0", "0"], ["30", "30"]]);
}

#[test]
fn a_removal_that_carries_nothing_still_makes_room_where_the_units_counted() {
    let moved = |movements: &[(i64, i64)]| {
        let one = |(units, prorated): &(i64, i64)| Movement { units: (*units).into(), prorated: (*prorated).into() };
        Units::prorated(movements.iter().map(one).collect()).expect("movements")
    };
    let tiers = r#"{"model":"graduated","tiers":[{"up_to":"5","unit_amount":"2"},{"unit_amount":"1"}]}"#;
    let table = [
        // Five that stayed, and were gone at the end; the next five are the first five again.
        (&[(5, 5), (-5, 0), (5, 5)][..], "2000"),
        (&[(5, 5), (-3, 0), (5, 5)], "1800"),
        // What came and went before the period takes no room, and what leaves twice gives back nothing.
        (&[(5, 0), (-5, 0), (5, 5)], "1000"),
        (&[(5, 5), (5, 5)], "1500"),
    ];
    for (movements, cents) in table {
        assert_eq!(cost(tiers, &moved(movements)), cents, "{movements:?}");
    }
    // Units that cost nothing are charged nothing, and nothing is taken back of that.
    let free = r#"{"model":"graduated","tiers":[{"flat_amount":"3"}]}"#;
    assert_eq!(kinds(free, &moved(&[(5, 5)])), [StepKind::Tier]);
}

#[test]
fn what_is_sold_whole_is_whole_also_where_units_are_counted_in_parts() {
    // 12 and a third units.
    let parts = |count| Units::counted(Decimal::from(37), count).in_parts(Decimal::from(3));
    let packs = r#"{"model":"volume","tiers":[{"unit_amount":"2","package_size":"5"}]}"#;
    assert_eq!(cost(packs, &parts(1)), "600");
    let fees = r#"{"model":"percentage","rate":"3","fixed_amount":"0.10"}"#;
    assert_eq!(cost(fees, &parts(2)), "56.999999999999", "a fee is for an event, not for a part of one");
    assert_eq!(cost(r#"{"model":"percentage","rate":"3"}"#, &parts(2)), "37", "a rate alone is of parts, divided once");
    let bounded = r#"{"model":"volume","tiers":[{"up_to":"10","unit_amount":"1"}],"overflow":"not-billed"}"#;
    let told: Vec<_> = steps(bounded, &parts(1)).iter().map(|s| (s.kind, s.units.to_string(), s.fraction)).collect();
    let not_billed = (StepKind::Free, "2.333333333333".to_owned(), None);
    assert_eq!(told, [(StepKind::Tier, "10".to_owned(), None), not_billed]);
}

#[test]
fn whole_seconds_are_counted_between_two_instants_however_they_lie() {
    let period = |start: &str, end: &str| Period { ordinal: 1, index: 0, start: at(start), end: at(end) };
    let running = period("2027-06-01T00:00:00Z", "2027-06-01T00:00:10Z");
    let left = |when: &str, unit| Share::left_of(&running, at(when), Tz::UTC, unit).left;
    let late: [&str; 3] = ["2027-06-01T00:00:00Z", "2027-06-01T00:00:00.001Z", "2027-06-01T00:00:01Z"];
    assert_eq!(late.map(|when| left(when, ProrationUnit::Second)), [10, 9, 9]);
    assert_eq!(late.map(|when| left(when, ProrationUnit::Millisecond)), [10_000, 9_999, 9_000]);
    let before: Instant = at("2027-05-31T00:00:00Z");
    assert_eq!(Share::left_of(&running, before, Tz::UTC, ProrationUnit::Second).left, 10, "no more than all of it");
}

#[test]
fn what_is_no_price_of_units_cannot_be_metered() {
    let seats = r#"{"model":"per-seat","unit_amount":"1"}"#;
    let metered = |price: &str| format!(r#"{{"model":"usage","meter":"calls","price":{price}}}"#);
    let committed = format!(r#"{{"model":"commitment","minimum_amount":"1","price":{seats}}}"#);
    let table = [
        (metered(&metered(seats)), "a price by usage cannot be metered"),
        (metered(r#"{"model":"percent-of","rate":"20"}"#), "a price by percent-of cannot be metered"),
        (metered(&committed), "write the commitment around the usage price, not within it"),
    ];
    for (json, problem) in table {
        assert_eq!(model(&json).check(currency()), Err(problem.into()), "{json}");
    }
    assert_eq!(model(&committed.replace(seats, &metered(seats))).check(currency()), Ok(()));
}

#[test]
fn units_that_came_and_went_carry_what_they_carry_at_the_price_of_the_level_at_the_end() {
    let json = r#"{"model":"volume","tiers":[{"up_to":"10","unit_amount":"2","flat_amount":"5"},{"unit_amount":"1"}]}"#;
    let of = |movements: &[(i64, i64)]| {
        let one = |(units, prorated): &(i64, i64)| Movement { units: (*units).into(), prorated: (*prorated).into() };
        cost(json, &Units::prorated(movements.iter().map(one).collect()).expect("movements"))
    };
    let table = [
        // Nobody is left, and two units' worth of the period was used.
        (&[(5, 5), (-5, -3)][..], "900"),
        // Somebody is left, whose time is made up for by what left earlier.
        (&[(5, 3), (-3, -3)], "500"),
        (&[(5, 5), (-5, -5)], "0"),
        (&[(12, 12)], "1200"),
    ];
    for (movements, cents) in table {
        assert_eq!(of(movements), cents, "{movements:?}");
    }
}

#[test]
fn the_last_unit_of_a_last_tier_is_within_it() {
    for name in ["graduated", "volume"] {
        let json = format!(r#"{{"model":"{name}","tiers":[{{"up_to":"10","unit_amount":"5"}}],"overflow":"refused"}}"#);
        assert_eq!(cost(&json, &Units::of(Decimal::TEN)), "5000", "{name}");
        let beyond = model(&json).price(&Units::of(d("10.01")), currency());
        assert_eq!(beyond, Err(PriceError::BeyondLastTier { units: d("10.01"), bound: Decimal::TEN }), "{name}");
    }
}

#[test]
fn a_movement_over_several_tiers_loses_no_digit_and_what_is_not_billed_takes_its_part_along() {
    let moved = |units: i64, prorated: i64| {
        Units::prorated(vec![Movement { units: units.into(), prorated: prorated.into() }]).expect("a movement")
    };
    // A third of three units, one in each tier: together exactly one.
    let tiers = r#""tiers":[{"up_to":"1","unit_amount":"30"},{"up_to":"2","unit_amount":"30"},{"unit_amount":"30"}]"#;
    assert_eq!(cost(&format!(r#"{{"model":"graduated",{tiers}}}"#), &moved(3, 1)), "3000");
    // Ten units for half of the period, five of which are billed.
    let bounded = r#"{"model":"graduated","tiers":[{"up_to":"5","unit_amount":"2"}],"overflow":"not-billed"}"#;
    assert_eq!(cost(bounded, &moved(10, 5)), "500");
    // Removals give back at most what was charged.
    let json = r#"{"model":"graduated","tiers":[{"unit_amount":"2"}]}"#;
    let one = |units: i64, prorated: i64| Movement { units: units.into(), prorated: prorated.into() };
    let back = Units::prorated(vec![one(5, 1), one(-5, -3)]).expect("movements");
    assert_eq!((cost(json, &back), kinds(json, &back)), ("0".into(), vec![StepKind::Tier, StepKind::Floor]));
}
