//! Published prices of other billing systems, each through the model that its rule states.
//!
//! Exists because a claim to bill like another system is worth what its own figures say. The map from a case to a price
//! goes by peer and rule, never by case. `pricing_tiers.json` is the shared selection, `pricing_more.json` holds further
//! figures from the same sources.

use billing::{
    money::{Currency, Money, Rounding, Unrounded},
    pricing::{
        AtEnd, BelowZero, BlockPolicy, BlockTier, BlockTiers, Graduated, GraduatedPercentage, Movement, Overflow,
        Package, PercentTier, Percentage, PriceModel, Started, Tier, Units, UsagePrice, Volume, ZeroUnits, ZeroVolume,
        ends_of_ranges,
    },
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Case {
    id: String,
    peer: String,
    rule: String,
    input: Value,
    expected: Value,
}

/// Prices and units whose amounts are to be added; or why no model here states the rule.
type Claim = Result<Vec<(PriceModel, Units)>, String>;

fn cases() -> Vec<Case> {
    let files = [include_str!("../cases/pricing_tiers.json"), include_str!("../cases/pricing_more.json")];
    files.iter().flat_map(|json| serde_json::from_str::<Vec<Case>>(json).expect("cases")).collect()
}

fn eur() -> Currency {
    Currency::try_new("EUR").expect("a currency")
}

fn decimal(value: &Value) -> Decimal {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|_| panic!("{text} is not a decimal"))
}

/// The number under `field`, or 0.
fn number(input: &Value, field: &str) -> Decimal {
    input.get(field).map(decimal).unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn end(value: &Value) -> Option<Decimal> {
    (!value.is_null()).then(|| decimal(value))
}

/// Rows of `[from, to, ...]` as ends.
fn ends(rows: &[Value]) -> Vec<Option<Decimal>> {
    let ranges: Vec<_> = rows.iter().map(|row| (decimal(&row[0]), end(&row[1]))).collect();
    ends_of_ranges(&ranges).expect("ranges that touch")
}

/// `[from, to, unit, flat]`, `[first, unit]` or `[bound, cents]`.
fn tiers(input: &Value) -> Vec<Tier> {
    let tier = |up_to, unit_amount| Tier { up_to, unit_amount, ..Tier::default() };
    if let Some(rows) = input.get("tiers") {
        let flat = |(row, up_to): (&Value, _)| Tier { flat_amount: decimal(&row[3]), ..tier(up_to, decimal(&row[2])) };
        return list(rows).iter().zip(ends(list(rows))).map(flat).collect();
    }
    if let Some(rows) = input.get("tiers_from") {
        let rows = list(rows);
        let next = (1..=rows.len()).map(|i| rows.get(i).map(|row| decimal(&row[0])));
        let mut tiers: Vec<_> = rows.iter().zip(next).map(|(row, up_to)| tier(up_to, decimal(&row[1]))).collect();
        tiers[0].flat_amount = number(input, "flat_fee");
        return tiers;
    }
    list(&input["tiers_bound"]).iter().map(|row| tier(end(&row[0]), decimal(&row[1]) / Decimal::ONE_HUNDRED)).collect()
}

fn zero_units(case: &Case) -> ZeroUnits {
    if case.peer == "Lago" { ZeroUnits::FirstFlatAmount } else { ZeroUnits::Nothing }
}

fn by_tiers(case: &Case, is_volume: bool) -> PriceModel {
    let (tiers, zero_units) = (tiers(&case.input), zero_units(case));
    let is_bounded = tiers.last().is_some_and(|t| t.up_to.is_some());
    let overflow = is_bounded.then_some(if is_volume { Overflow::Refused } else { Overflow::NotBilled });
    if is_volume {
        let at_end = if case.input.get("tiers_from").is_some() { AtEnd::NextTier } else { AtEnd::ThisTier };
        return PriceModel::Volume(Volume { tiers, at_end, zero_units, overflow });
    }
    PriceModel::Graduated(Graduated { tiers, zero_units, overflow })
}

fn package(case: &Case) -> PriceModel {
    let size = ["package_size", "block", "package"].iter().find_map(|field| case.input.get(field));
    PriceModel::Package(Package {
        size: decimal(size.expect("a size")),
        amount: number(&case.input, "price"),
        free_units: number(&case.input, "free_units"),
        started: Started::InFull,
        minimum_packages: Decimal::from(u8::from(case.rule.contains("at least one package"))),
    })
}

fn percentage(input: &Value) -> (PriceModel, Units) {
    let model = Percentage {
        rate: number(input, "rate_pct"),
        fixed_amount: number(input, "fixed"),
        free_units: number(input, "free_units"),
        free_events: input.get("free_events").and_then(Value::as_u64).unwrap_or_default(),
        minimum_per_event: input.get("min_per_event").map(decimal),
        maximum_per_event: input.get("max_per_event").map(decimal),
        zero_volume: ZeroVolume::Nothing,
    };
    let units = match (input.get("per_event"), input.get("events").and_then(Value::as_u64)) {
        (Some(events), _) => Units::each(list(events).iter().map(decimal).collect()).expect("events"),
        (None, Some(count)) => Units::counted(number(input, "total"), count),
        (None, None) => Units::of(number(input, "total")),
    };
    (PriceModel::Percentage(model), units)
}

fn percent_tiers(input: &Value) -> PriceModel {
    let rows = list(&input["tiers_rate_pct_flat"]);
    let tier = |(row, up_to): (&Value, _)| PercentTier { up_to, rate: decimal(&row[2]), flat_amount: decimal(&row[3]) };
    let tiers = rows.iter().zip(ends(rows)).map(tier).collect();
    PriceModel::GraduatedPercentage(GraduatedPercentage { tiers, zero_units: ZeroUnits::Nothing, overflow: None })
}

fn movements(case: &Case) -> (PriceModel, Units) {
    let input = &case.input;
    let prorated = list(&input["event_prorated_units"]).iter().map(decimal);
    let both = list(&input["event_units"]).iter().map(decimal).zip(prorated);
    let movements = both.map(|(units, prorated)| Movement { units, prorated }).collect();
    let price = Box::new(by_tiers(case, case.rule.contains("all units at the tier reached")));
    let usage = UsagePrice { meter: "seats".into(), proration: None, below_zero: BelowZero::Nothing, price };
    (PriceModel::Usage(usage), Units::prorated(movements).expect("movements"))
}

fn blocks(input: &Value) -> Claim {
    let policy = match input["policy"].as_str() {
        Some("TOP_TIER") => BlockPolicy::TopTier,
        Some("ALL_TIER" | "ALL_TIERS") => BlockPolicy::AllTiers,
        other => return Err(format!("no block policy is called {other:?}")),
    };
    let of_unit = |(name, unit): (&String, &Value)| {
        let tier = |row: &Value| BlockTier {
            block_size: decimal(&unit["block"]),
            blocks: Some(decimal(&row[0])).filter(|blocks| *blocks >= Decimal::ZERO),
            amount: decimal(&row[1]),
        };
        let tiers = list(&unit["tiers"]).iter().map(tier).collect();
        let model = PriceModel::BlockTiers(BlockTiers { policy, tiers, overflow: None });
        (model, Units::of(decimal(&input["usage"][name])))
    };
    Ok(input["units"].as_object().into_iter().flatten().map(of_unit).collect())
}

/// The price that the rule of a case states. Nothing here may look at its id.
fn claim(case: &Case) -> Claim {
    let input = &case.input;
    let has = |field: &str| input.get(field).is_some();
    let units = || Units::of(number(input, "units"));
    if has("event_units") {
        return Ok(vec![movements(case)]);
    }
    if input["units"].is_object() {
        return blocks(input);
    }
    if has("tiers_rate_pct_flat") {
        return Ok(vec![(percent_tiers(input), units())]);
    }
    if has("rate_pct") {
        return Ok(vec![percentage(input)]);
    }
    if has("tiers") || has("tiers_from") || has("tiers_bound") {
        let is_volume = case.rule.starts_with("all units at the tier reached") || case.rule == "volume";
        return Ok(vec![(by_tiers(case, is_volume), units())]);
    }
    if has("package_size") || has("block") || has("package") {
        return Ok(vec![(package(case), units())]);
    }
    if has("rate") {
        let model = PriceModel::PerSeat { unit_amount: number(input, "rate"), included: Decimal::ZERO };
        return Ok(vec![(model, units())]);
    }
    Err("no price model states this rule".into())
}

fn exact(amounts: &[Unrounded]) -> Decimal {
    amounts.iter().map(|a| a.minor()).sum()
}

/// What the claim comes to in cents, or the error in words.
fn total(claim: &[(PriceModel, Units)]) -> Result<Decimal, String> {
    let mut amounts = Vec::new();
    for (model, units) in claim {
        model.check(eur())?;
        amounts.push(model.price(units, eur()).map_err(|e| e.to_string())?.amount);
    }
    Ok(exact(&amounts))
}

/// Lago prorates in binary floats and its tests round to cents, so there ours are rounded too.
fn agrees(case: &Case, ours: Decimal, theirs: Decimal) -> bool {
    let cents = theirs * Decimal::ONE_HUNDRED;
    if case.rule.contains("prorated units carry the money") { ours.round() == cents } else { ours == cents }
}

fn problem(case: &Case) -> Result<(), String> {
    let claim = claim(case)?;
    let expected = &case.expected;
    if let Some(amounts) = expected.get("amounts") {
        let transactions: Vec<_> = list(&case.input["transactions"]).iter().map(decimal).collect();
        let ours = claim[0].0.each(&transactions, eur()).map_err(|e| e.to_string())?;
        let theirs: Vec<_> = list(amounts).iter().map(decimal).collect();
        let same = ours.iter().map(|a| a.minor() / Decimal::ONE_HUNDRED).eq(theirs);
        return if same { Ok(()) } else { Err(format!("{ours:?}")) };
    }
    if let Some(cents) = expected.get("graduated_cents") {
        let volume = total(&[(by_tiers(case, true), Units::of(number(&case.input, "units")))]);
        if (expected["volume"] == "error") != volume.is_err() {
            return Err(format!("volume: {volume:?}"));
        }
        let graduated = total(&[(by_tiers(case, false), Units::of(number(&case.input, "units")))])?;
        return if graduated == decimal(cents) { Ok(()) } else { Err(format!("graduated: {graduated}")) };
    }
    let theirs = match expected.get("amount_cents") {
        Some(cents) => decimal(cents) / Decimal::ONE_HUNDRED,
        None => decimal(&expected["amount"]),
    };
    let ours = total(&claim)?;
    if agrees(case, ours, theirs) { Ok(()) } else { Err(format!("{ours} cents and not {theirs}")) }
}

/// Rules of the published cases that no model here states: none.
const NOT_SUPPORTED: [&str; 0] = [];

#[test]
fn every_published_price_comes_out() {
    let cases = cases();
    assert_eq!(cases.iter().filter(|c| claim(c).is_err()).map(|c| c.rule.as_str()).collect::<Vec<_>>(), NOT_SUPPORTED);
    let wrong: Vec<_> = cases.iter().filter_map(|c| Some(format!("{}: {}", c.id, problem(c).err()?))).collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n  {}", wrong.len(), cases.len(), wrong.join("\n  "));
    assert!(cases.len() >= 75, "cases are missing");
}

#[test]
fn a_wrong_figure_would_be_found() {
    for mut case in cases() {
        for (field, wrong) in [("amount", "0.01"), ("amount_cents", "1"), ("graduated_cents", "1")] {
            if case.expected.get(field).is_some() {
                case.expected[field] = Value::from(wrong);
                assert!(problem(&case).is_err(), "{} agrees with {wrong}", case.id);
            }
        }
    }
}

#[test]
fn the_line_of_a_price_below_a_cent_is_rounded_once() {
    let model = PriceModel::PerSeat { unit_amount: Decimal::new(1, 3), included: Decimal::ZERO };
    let priced = model.price(&Units::of(Decimal::from(105)), eur()).expect("a price");
    assert_eq!(priced.amount.round(Rounding::HalfUp), Ok(Money::new(11, eur())));
}
