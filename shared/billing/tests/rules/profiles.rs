//! What each profile says, cell by cell: the rules it has, the first anchor by interval, and the fields it puts into a price.
//!
//! Exists because a cell of the table that is lost would be answered by our own rules, and look right.

use billing::{
    calendar::alignment::{BoundaryTime, FirstAnchor},
    profile::{Profile, Rules},
};
use serde_json::Value;
use strum::IntoEnumIterator;

#[test]
fn the_first_anchor_follows_from_profile_and_interval() {
    let intervals = ["day", "2-weeks", "month", "2-months", "quarter", "half-year", "year", "2-years"];
    let (start, step, stub) = (FirstAnchor::StartMonth, FirstAnchor::InStep, FirstAnchor::LongestStub);
    for profile in Profile::all() {
        let expected = match profile.name() {
            "flexprice" => [start, stub, start, start, step, step, step, stub],
            "killbill" | "killbill-30" | "meteroid" => [start; 8],
            _ => [step; 8],
        };
        let found = intervals.map(|i| profile.alignment(i.parse().expect("an interval")).first);
        assert_eq!(found, expected, "{profile}");
    }
}

#[test]
fn whole_local_days_are_billed_where_the_profile_says_so() {
    for profile in Profile::all() {
        let expected = if profile.name() == "lago" { BoundaryTime::Midnight } else { BoundaryTime::OfAlignment };
        assert_eq!(profile.alignment("month".parse().expect("an interval")).time, expected, "{profile}");
    }
}

#[test]
fn what_a_profile_has_no_rules_for_is_answered_by_ours() {
    use Rules::{Dates, Documents, Ladder, Prices, Proration};
    for profile in Profile::all() {
        let own: Vec<Rules> = Rules::iter().filter(|of| profile.rules(*of) == profile.name()).collect();
        let expected: &[Rules] = match profile.name() {
            "default" => &[Dates, Prices, Proration, Documents, Ladder],
            "stripe-classic" | "stripe-flexible" | "flexprice" => &[Dates, Prices, Proration],
            "lago" | "meteroid" => &[Dates, Prices, Proration, Documents],
            "killbill" | "killbill-30" => &[Dates, Prices, Proration, Ladder],
            "polar" | "polar-seats" => &[Prices, Proration, Documents, Ladder],
            "chargebee-day" | "chargebee-millisecond" => &[Prices, Proration],
            _ => &[Proration],
        };
        assert_eq!(own, expected, "{profile}");
    }
}

/// What the profiles put into a price, as "profile field value".
fn filled(price: &str) -> Vec<String> {
    let before: Value = serde_json::from_str(price).expect("JSON");
    let put = |name: &str| {
        let mut price = before.clone();
        name.parse::<Profile>().expect("a profile").complete_price(&mut price);
        let new = price.as_object().expect("a price").iter().filter(|(field, _)| before.get(field).is_none());
        new.map(|(field, value)| format!("{name} {field} {}", value.as_str().expect("a word"))).collect::<Vec<_>>()
    };
    ["default", "lago", "polar", "killbill", "meteroid"].map(put).concat()
}

/// Nothing into a price of another model, nothing where the price says it, and no end of tiers that have none.
#[test]
fn a_profile_fills_its_own_fields_of_its_own_models() {
    const ZERO: &str = "lago zero_units first-flat-amount";
    const NEXT: &str = "meteroid at_end next-tier";
    let cases: &[(&str, &[&str])] = &[
        (r#"{"model":"flat"}"#, &[]),
        (r#"{"model":"package"}"#, &[]),
        (r#"{"model":"usage"}"#, &["lago below_zero nothing"]),
        (r#"{"model":"usage","below_zero":"refused"}"#, &[]),
        (r#"{"model":"graduated","tiers":[{}]}"#, &[ZERO]),
        (r#"{"model":"graduated","tiers":[{"up_to":"9"}]}"#, &[ZERO, "polar overflow not-billed"]),
        (r#"{"model":"volume","tiers":[{"up_to":"9"},{"up_to":null}]}"#, &[ZERO, NEXT]),
        (r#"{"model":"volume","tiers":[{"up_to":"9"}]}"#, &[ZERO, "polar overflow refused", NEXT]),
        (r#"{"model":"volume","tiers":[{"up_to":"9"}],"overflow":"last-tier","at_end":"this-tier"}"#, &[ZERO]),
        (r#"{"model":"block-tiers","policy":"all-tiers","tiers":[{"blocks":"5"}]}"#, &["killbill overflow not-billed"]),
        (r#"{"model":"block-tiers","policy":"top-tier","tiers":[{"blocks":"5"}]}"#, &["killbill overflow last-tier"]),
        (r#"{"model":"block-tiers","policy":"another","tiers":[{"blocks":"5"}]}"#, &[]),
        (r#"{"model":"block-tiers","policy":"top-tier","tiers":[{}]}"#, &[]),
    ];
    for (price, expected) in cases {
        assert_eq!(filled(price), *expected, "{price}");
    }
}
