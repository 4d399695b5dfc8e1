//! What holds for every price: amounts that can be checked by hand, that never jump where they must not, and no panic.
//!
//! Exists beside the published cases because those are points, and a price is a curve.

use billing::{
    catalog::{Catalog, CatalogProblem},
    money::{Currency, Money},
    pricing::{
        AtEnd, BelowZero, BlockPolicy, BlockTier, BlockTiers, Commitment, Graduated, GraduatedPercentage, Movement,
        Overflow, Package, PercentOf, PercentTier, Percentage, PriceError, PriceModel, Priced, Started, Step, StepKind,
        Tier, Units, UsagePrice, Volume, ZeroUnits, ZeroVolume,
    },
    terms::QUANTITY_MAX,
};
use proptest::{collection::vec, option, prelude::*};
use rust_decimal::Decimal;

use crate::sample::usd;

fn currency() -> Currency {
    usd(0).currency
}

fn decimal(most: i64, scale: u32) -> impl Strategy<Value = Decimal> {
    (0..=most).prop_map(move |mantissa| Decimal::new(mantissa, scale))
}

/// Anything that the type holds.
fn any_decimal() -> impl Strategy<Value = Decimal> {
    let near_zero = (-100_i64..100, 0..3_u32).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale));
    let any = (any::<[u32; 3]>(), any::<bool>(), 0..=28_u32)
        .prop_map(|([lo, mid, hi], negative, scale)| Decimal::from_parts(lo, mid, hi, negative, scale));
    prop_oneof![near_zero, any, Just(Decimal::MAX), Just(Decimal::MIN)]
}

/// Prices of tiers with a tenth of a cent, and flat amounts.
fn tiers(has_flat: bool, has_end: bool) -> impl Strategy<Value = Vec<Tier>> {
    let one = (1..50_000_i64, decimal(99_999, 3), decimal(if has_flat { 9_999 } else { 0 }, 2));
    vec(one, 1..6).prop_map(move |rows| {
        let mut end = Decimal::ZERO;
        let last = rows.len() - 1;
        let tier = |(i, (width, unit_amount, flat_amount)): (usize, (i64, Decimal, Decimal))| {
            end += Decimal::new(width, 2);
            let up_to = (i < last || has_end).then_some(end);
            Tier { up_to, unit_amount, flat_amount, ..Tier::default() }
        };
        rows.into_iter().enumerate().map(tier).collect()
    })
}

fn units() -> impl Strategy<Value = Decimal> {
    prop_oneof![decimal(300_000, 2), decimal(2_000, 0)]
}

fn graduated(tiers: Vec<Tier>) -> PriceModel {
    PriceModel::Graduated(Graduated { tiers, zero_units: ZeroUnits::Nothing, overflow: None })
}

fn volume(tiers: Vec<Tier>) -> PriceModel {
    PriceModel::Volume(Volume { tiers, at_end: AtEnd::ThisTier, zero_units: ZeroUnits::Nothing, overflow: None })
}

fn package(size: Decimal, amount: Decimal, free_units: Decimal) -> PriceModel {
    let minimum_packages = Decimal::ZERO;
    PriceModel::Package(Package { size, amount, free_units, started: Started::InFull, minimum_packages })
}

fn percentage(rate: Decimal, fixed_amount: Decimal, free: (Decimal, u64)) -> Percentage {
    Percentage {
        rate,
        fixed_amount,
        free_units: free.0,
        free_events: free.1,
        minimum_per_event: None,
        maximum_per_event: None,
        zero_volume: ZeroVolume::Nothing,
    }
}

fn priced(model: &PriceModel, units: &Units) -> Priced {
    model.price(units, currency()).expect("a price")
}

/// In major units.
fn cost(model: &PriceModel, quantity: Decimal) -> Decimal {
    (priced(model, &Units::of(quantity)).amount.minor() / Decimal::ONE_HUNDRED).normalize()
}

fn by_quantity() -> impl Strategy<Value = PriceModel> {
    let blocks = (tiers(false, false), 1..100_i64, any::<bool>()).prop_map(|(tiers, size, is_top)| {
        let of_tier = |t: Tier| BlockTier {
            block_size: Decimal::from(size),
            blocks: t.up_to.map(|end| end.ceil()),
            amount: t.unit_amount,
        };
        let policy = if is_top { BlockPolicy::TopTier } else { BlockPolicy::AllTiers };
        PriceModel::BlockTiers(BlockTiers { policy, tiers: tiers.into_iter().map(of_tier).collect(), overflow: None })
    });
    prop_oneof![
        decimal(99_999, 2).prop_map(|amount| PriceModel::Flat { amount }),
        (decimal(99_999, 4), decimal(50, 0))
            .prop_map(|(unit_amount, included)| PriceModel::PerSeat { unit_amount, included }),
        tiers(true, false).prop_map(graduated),
        tiers(true, false).prop_map(volume),
        (1..100_i64, decimal(9_999, 2), decimal(50, 0)).prop_map(|(size, amount, free)| package(
            Decimal::from(size),
            amount,
            free
        )),
        blocks,
    ]
}

fn percentages() -> impl Strategy<Value = PriceModel> {
    let limits = (option::of(decimal(300, 2)), option::of(decimal(300, 2)));
    let plain = (decimal(1_000, 2), decimal(99, 2), decimal(50_000, 2), 0..5_u64, limits);
    let plain = plain.prop_map(|(rate, fixed, free, events, (least, more))| {
        let maximum_per_event = more.map(|more| more + least.unwrap_or_default());
        let percentage = percentage(rate, fixed, (free, events));
        PriceModel::Percentage(Percentage { minimum_per_event: least, maximum_per_event, ..percentage })
    });
    let by_tiers = tiers(true, false).prop_map(|tiers| {
        let of_tier = |t: Tier| PercentTier { up_to: t.up_to, rate: t.unit_amount, flat_amount: t.flat_amount };
        let tiers = tiers.into_iter().map(of_tier).collect();
        PriceModel::GraduatedPercentage(GraduatedPercentage { tiers, zero_units: ZeroUnits::Nothing, overflow: None })
    });
    prop_oneof![plain, by_tiers, decimal(5_000, 2).prop_map(|rate| PriceModel::PercentOf(PercentOf { rate }))]
}

fn commitment(price: PriceModel, minimum: Option<Decimal>, maximum: Option<Decimal>) -> PriceModel {
    let price = Box::new(price);
    PriceModel::Commitment(Commitment { minimum_amount: minimum, maximum_amount: maximum, overage_factor: None, price })
}

/// Models that a catalog may hold.
fn published() -> impl Strategy<Value = PriceModel> {
    let inner = prop_oneof![by_quantity(), percentages()];
    let usage = by_quantity().prop_map(|price| {
        let (meter, below_zero) = ("calls".into(), BelowZero::Nothing);
        PriceModel::Usage(UsagePrice { meter, proration: None, below_zero, price: Box::new(price) })
    });
    let committed = (by_quantity(), decimal(99_999, 2)).prop_map(|(price, least)| commitment(price, Some(least), None));
    prop_oneof![3 => inner, 1 => usage, 1 => committed]
}

fn any_units() -> impl Strategy<Value = Units> {
    let movement = (any_decimal(), any_decimal()).prop_map(|(units, prorated)| Movement { units, prorated });
    prop_oneof![
        any_decimal().prop_map(Units::of),
        (any_decimal(), any::<u64>()).prop_map(|(quantity, count)| Units::counted(quantity, count)),
        vec(any_decimal(), 0..4).prop_filter_map("a sum", |amounts| Units::each(amounts).ok()),
        vec(movement, 0..4).prop_filter_map("a sum", |movements| Units::prorated(movements).ok()),
        any::<i64>().prop_map(|minor| Units::base(usd(minor))),
    ]
}

/// What a reader would compute from a step.
fn by_hand(step: &Step) -> Decimal {
    let counted = step.packages.unwrap_or(step.units);
    let price = step.percent.map(|rate| rate / Decimal::ONE_HUNDRED).or(step.unit_amount);
    counted * price.unwrap_or_default() + step.flat_amount
}

proptest! {
    #[test]
    fn no_price_panics_whatever_the_units(model in published(), units in any_units()) {
        if let Ok(priced) = model.price(&units, currency()) {
            let sum: Decimal = priced.steps.iter().map(|s| s.amount).sum();
            prop_assert_eq!(sum * Decimal::ONE_HUNDRED, priced.amount.minor());
        }
        let amounts = [units.quantity, Decimal::ONE, Decimal::MAX];
        let _ = model.each(&amounts, currency());
    }

    #[test]
    fn no_price_panics_that_was_never_checked(
        numbers in vec(any_decimal(), 6), ends in vec(option::of(any_decimal()), 0..4), units in any_units(),
    ) {
        let tier = |up_to: &Option<Decimal>| Tier {
            up_to: *up_to, unit_amount: numbers[0], flat_amount: numbers[1], package_size: Some(numbers[2]), cap: Some(numbers[3]),
        };
        let tiers: Vec<_> = ends.iter().map(tier).collect();
        let smooth: Vec<_> = tiers.iter().map(|t| Tier { package_size: None, ..t.clone() }).collect();
        let blocks = ends.iter().map(|end| BlockTier { block_size: numbers[2], blocks: *end, amount: numbers[0] });
        let percent = ends.iter().map(|end| PercentTier { up_to: *end, rate: numbers[0], flat_amount: numbers[1] });
        let overflow = Some(Overflow::LastTier);
        let events = percentage(numbers[0], numbers[1], (numbers[2], 1));
        for model in [
            graduated(tiers.clone()), graduated(smooth.clone()), volume(tiers), volume(smooth),
            package(numbers[0], numbers[1], numbers[2]),
            PriceModel::PerSeat { unit_amount: numbers[0], included: numbers[1] },
            PriceModel::BlockTiers(BlockTiers { policy: BlockPolicy::AllTiers, tiers: blocks.collect(), overflow }),
            PriceModel::GraduatedPercentage(GraduatedPercentage {
                tiers: percent.collect(), zero_units: ZeroUnits::FirstFlatAmount, overflow: Some(Overflow::NotBilled),
            }),
            PriceModel::Percentage(Percentage { minimum_per_event: Some(numbers[3]), maximum_per_event: Some(numbers[4]), ..events }),
            commitment(PriceModel::Flat { amount: numbers[0] }, Some(numbers[1]), Some(numbers[2])),
        ] {
            let _ = model.check(currency());
            let _ = model.price(&units, currency());
            let _ = model.each(&[units.quantity, numbers[5]], currency());
            let _ = model.amount(7, currency());
        }
    }

    #[test]
    fn every_step_can_be_checked_by_hand(model in by_quantity(), quantity in units()) {
        for step in priced(&model, &Units::of(quantity)).steps {
            prop_assert_eq!(by_hand(&step), step.amount, "{:?}", step);
        }
    }

    #[test]
    fn a_price_that_may_be_published_can_be_billed_and_is_written_back_as_it_was(
        model in published(), quantity in 0..=QUANTITY_MAX,
    ) {
        prop_assert_eq!(model.check(currency()), Ok(()));
        if model.is_by_quantity() {
            let amount = model.amount(quantity, currency()).expect("an amount");
            prop_assert!(amount.minor() >= Decimal::ZERO);
            prop_assert_eq!(amount, priced(&model, &Units::of(Decimal::from(quantity))).amount);
        }
        let json = serde_json::to_string(&model).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<PriceModel>(&json).expect("a model"), model);
    }

    #[test]
    fn a_graduated_price_never_falls_and_never_jumps_without_flat_amounts(
        tiers in tiers(false, false), less in units(), more in units(),
    ) {
        let dearest = tiers.iter().map(|t| t.unit_amount).max().unwrap_or_default();
        let model = graduated(tiers);
        let dearer = cost(&model, less + more) - cost(&model, less);
        prop_assert!(dearer >= Decimal::ZERO && dearer <= more * dearest);
    }

    #[test]
    fn a_graduated_price_with_flat_amounts_never_falls(tiers in tiers(true, false), less in units(), more in units()) {
        let model = graduated(tiers);
        prop_assert!(cost(&model, less) <= cost(&model, less + more));
    }

    #[test]
    fn a_volume_price_is_all_units_at_the_price_of_the_tier_reached(tiers in tiers(true, false), units in units()) {
        prop_assume!(!units.is_zero());
        let reached = tiers.iter().find(|t| t.up_to.is_none_or(|end| units <= end)).cloned().expect("a tier");
        prop_assert_eq!(cost(&volume(tiers), units), units * reached.unit_amount + reached.flat_amount);
    }

    #[test]
    fn packages_never_bill_less_for_more_and_never_bill_a_package_too_many(
        size in 1..500_i64, amount in decimal(9_999, 2), free in units(), less in units(), more in units(),
    ) {
        let size = Decimal::new(size, 1);
        let model = package(size, amount, free);
        prop_assert!(cost(&model, less) <= cost(&model, less + more));
        let paid = (less - free).max(Decimal::ZERO);
        let packages = priced(&model, &Units::of(less)).steps.iter().filter_map(|s| s.packages).sum::<Decimal>();
        prop_assert!(packages * size >= paid && (packages * size - paid) < size);
    }

    #[test]
    fn what_each_transaction_costs_adds_up_to_what_all_cost(
        model in prop_oneof![by_quantity(), percentages()], amounts in vec(units(), 1..6),
    ) {
        prop_assume!(!matches!(model, PriceModel::PercentOf(_)));
        let each = model.each(&amounts, currency()).expect("amounts");
        let all = priced(&model, &Units::each(amounts).expect("units"));
        prop_assert_eq!(each.iter().map(|a| a.minor()).sum::<Decimal>(), all.amount.minor());
    }

    /// Removals empty what additions filled, so that only the level at the end is left to pay.
    #[test]
    fn movements_for_the_whole_period_cost_what_the_level_at_the_end_costs(
        tiers in tiers(false, false), moves in vec((units(), 0..3_u8), 1..8),
    ) {
        let mut level = Decimal::ZERO;
        let mut movements = Vec::new();
        for (units, direction) in moves {
            let units = if direction == 0 { -units.min(level) } else { units };
            level += units;
            movements.push(Movement { units, prorated: units });
        }
        let model = graduated(tiers);
        let prorated = priced(&model, &Units::prorated(movements).expect("units"));
        prop_assert_eq!((prorated.amount.minor() / Decimal::ONE_HUNDRED).normalize(), cost(&model, level));
    }

    #[test]
    fn prorated_units_of_one_price_carry_all_of_the_money(
        price in decimal(99_999, 2), included in Just(Decimal::ZERO), moves in vec((1..1_000_i64, 1..=30_i64), 1..6),
    ) {
        let model = PriceModel::PerSeat { unit_amount: price, included };
        let part = |(units, days): &(i64, i64)| Decimal::from(units * days) / Decimal::from(30);
        let movements: Vec<_> = moves.iter()
            .map(|m| Movement { units: Decimal::from(m.0), prorated: part(m).round_dp(12) }).collect();
        let carried: Decimal = movements.iter().map(|m| m.prorated).sum();
        let amount = priced(&model, &Units::prorated(movements).expect("units")).amount.minor();
        prop_assert_eq!(amount, carried * price * Decimal::ONE_HUNDRED);
    }

    #[test]
    fn blocks_of_one_unit_cost_what_graduated_and_volume_prices_cost(widths in vec((1..50_i64, decimal(999, 2)), 1..5), units in 0..500_i64) {
        let (mut end, last) = (Decimal::ZERO, widths.len() - 1);
        let (mut tiers, mut blocks) = (Vec::new(), Vec::new());
        for (i, (width, amount)) in widths.iter().enumerate() {
            end += Decimal::from(*width);
            tiers.push(Tier { up_to: (i < last).then_some(end), unit_amount: *amount, ..Tier::default() });
            blocks.push(BlockTier { block_size: Decimal::ONE, blocks: (i < last).then(|| Decimal::from(*width)), amount: *amount });
        }
        let of = |policy| PriceModel::BlockTiers(BlockTiers { policy, tiers: blocks.clone(), overflow: None });
        let units = Decimal::from(units);
        prop_assert_eq!(cost(&of(BlockPolicy::AllTiers), units), cost(&graduated(tiers.clone()), units));
        prop_assert_eq!(cost(&of(BlockPolicy::TopTier), units), cost(&volume(tiers), units));
    }

    #[test]
    fn a_commitment_lies_between_its_least_and_its_most(model in by_quantity(), least in decimal(99_999, 2), more in decimal(99_999, 2), units in units()) {
        let (plain, most) = (cost(&model, units), least + more);
        prop_assert_eq!(cost(&commitment(model, Some(least), Some(most)), units), plain.clamp(least, most));
    }

    #[test]
    fn the_order_of_free_events_is_the_only_thing_that_changes_a_percentage(amounts in vec(units(), 1..8), rate in decimal(999, 2), fixed in decimal(99, 2)) {
        let model = PriceModel::Percentage(percentage(rate, fixed, (Decimal::ZERO, 0)));
        let (count, total) = (amounts.len() as u64, amounts.iter().sum::<Decimal>());
        let listed = priced(&model, &Units::each(amounts).expect("units"));
        let counted = priced(&model, &Units::counted(total, count));
        prop_assert_eq!(listed, counted);
    }
}

fn model(json: &str) -> PriceModel {
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

#[test]
fn nonsense_is_found_before_it_is_published_and_the_problem_says_what_to_mend() {
    let graduated = |tiers: &str| format!(r#"{{"model":"graduated","tiers":[{tiers}]}}"#);
    let more_tiers: Vec<_> = (1..=51).map(|i| format!(r#"{{"up_to":"{i}"}}"#)).collect();
    let most = graduated(&more_tiers[..50].join(",")).replace("}]}", r#"}],"overflow":"refused"}"#);
    assert_eq!(model(&most).check(currency()), Ok(()), "{most}");
    let table = [
        (graduated(""), "a price by tiers needs at least one tier"),
        (graduated(&more_tiers.join(",")), "a price has at most 50 tiers"),
        (graduated(r#"{"up_to":"10"},{"up_to":"10"},{}"#), "tiers[1].up_to must be above 10, the end of the tier before it"),
        (graduated(r#"{},{}"#), "tiers[0].up_to is missing: only the last tier may have no end"),
        (graduated(r#"{"up_to":"0"},{}"#), "tiers[0].up_to must be above 0"),
        (graduated(r#"{"up_to":"-5"},{}"#), "tiers[0].up_to must not be negative"),
        (graduated(r#"{"up_to":"10"}"#), "the last tier ends at 10: say in overflow whether units beyond it are refused, not-billed or last-tier, or leave out its up_to"),
        (graduated(r#"{}],"overflow":"refused","tiers_":["#), "unknown field"),
        (graduated(r#"{"unit_amount":"-1"}"#), "tiers[0].unit_amount must not be negative"),
        (graduated(r#"{"unit_amount":"0.0000000000001"}"#), "tiers[0].unit_amount has more than 12 decimals"),
        (graduated(r#"{"flat_amount":"0.001"}"#), "tiers[0].flat_amount has more decimals than USD"),
        (graduated(r#"{"package_size":"0"}"#), "tiers[0].package_size must be above 0"),
        (graduated(r#"{"flat_amount":"5","cap":"4"}"#), "tiers[0].cap is below its flat_amount, which could never be charged"),
        (r#"{"model":"volume","tiers":[{}],"overflow":"refused"}"#.into(), "overflow is never used, because the last tier has no end: leave it out"),
        (r#"{"model":"per-seat","unit_amount":"1","included":"-1"}"#.into(), "included must not be negative"),
        (r#"{"model":"package","size":"0","amount":"1"}"#.into(), "size must be above 0"),
        (r#"{"model":"package","size":"5","amount":"1","minimum_packages":"0.5"}"#.into(), "minimum_packages must be a whole number of packages"),
        (r#"{"model":"percentage","rate":"290"}"#.into(), "rate is in percent and must be at most 100"),
        (r#"{"model":"percentage","rate":"1","minimum_per_event":"2","maximum_per_event":"1"}"#.into(), "maximum_per_event must not be below minimum_per_event"),
        (r#"{"model":"graduated-percentage","tiers":[{"rate":"-1"}]}"#.into(), "tiers[0].rate must not be negative"),
        (r#"{"model":"percent-of","rate":"2000"}"#.into(), "rate is in percent and must be at most 1000"),
        (r#"{"model":"block-tiers","policy":"top-tier","tiers":[{"block_size":"10","amount":"1"},{"block_size":"10","amount":"1"}]}"#.into(), "tiers[0].blocks is missing: only the last tier may have no end"),
        (r#"{"model":"block-tiers","policy":"all-tiers","tiers":[{"block_size":"10","blocks":"1.5","amount":"1"}]}"#.into(), "tiers[0].blocks must be a whole number of blocks"),
        (r#"{"model":"usage","meter":"API calls","price":{"model":"flat","amount":"1"}}"#.into(), "meter must be a name (lower case letters, digits, - and _)"),
        (r#"{"model":"usage","meter":"calls","proration":"day","price":{"model":"package","size":"5","amount":"1"}}"#.into(), "a price by package cannot be prorated: leave out proration"),
        (r#"{"model":"usage","meter":"calls","price":{"model":"flat","amount":"-1"}}"#.into(), "price: amount must not be negative"),
        (r#"{"model":"commitment","price":{"model":"flat","amount":"1"}}"#.into(), "a commitment needs a minimum_amount, a maximum_amount or both"),
        (r#"{"model":"commitment","minimum_amount":"1","overage_factor":"0.5","price":{"model":"flat","amount":"1"}}"#.into(), "overage_factor must be 1 to 100"),
    ];
    for (json, problem) in table {
        let found = match serde_json::from_str::<PriceModel>(&json) {
            Ok(model) => model.check(currency()).expect_err(&json),
            Err(unread) => unread.to_string(),
        };
        assert!(found.starts_with(problem), "{json}: {found}");
    }
}

#[test]
fn packages_that_are_the_least_are_billed_without_a_unit_and_units_without_a_package_are_told() {
    let steps = |json: &str, units: i64| {
        let steps = priced(&model(json), &Units::of(units.into())).steps;
        steps.iter().map(|s| (s.kind, s.units.to_string(), s.packages.map(|p| p.to_string()))).collect::<Vec<_>>()
    };
    let of = |units: &str, packages: &str| vec![(StepKind::Package, units.to_owned(), Some(packages.to_owned()))];
    let least = r#"{"model":"package","size":"10","amount":"3","minimum_packages":"2"}"#;
    assert_eq!([steps(least, 0), steps(least, 25)], [of("0", "2"), of("25", "3")]);
    // A package that is not full is free, and what is in it is told all the same.
    let started = r#"{"model":"package","size":"10","amount":"3","started":"free"}"#;
    assert_eq!([steps(started, 4), steps(started, 0)], [of("4", "0"), vec![]]);
}

#[test]
fn a_price_that_is_just_the_most_is_not_cut() {
    let flat = |amount: &str| commitment(PriceModel::Flat { amount: amount.parse().unwrap() }, None, Some(10.into()));
    let kinds = |amount| priced(&flat(amount), &Units::of(1.into())).steps.iter().map(|s| s.kind).collect::<Vec<_>>();
    assert_eq!(kinds("10"), [StepKind::Flat]);
    let both = |least: &str, most: &str| {
        commitment(PriceModel::Flat { amount: 5.into() }, least.parse().ok(), most.parse().ok())
    };
    assert_eq!(both("10", "10").check(currency()), Ok(()), "a fixed sum");
    assert!(both("10", "9.99").check(currency()).is_err());
    assert_eq!(kinds("10.01"), [StepKind::Flat, StepKind::Cap]);
}

#[test]
fn what_lies_beyond_a_last_tier_is_refused_not_billed_or_billed_as_the_price_says() {
    let price = |model_name: &str, overflow: &str| {
        model(&format!(
            r#"{{"model":"{model_name}","tiers":[{{"up_to":"10","unit_amount":"5"}}],"overflow":"{overflow}"}}"#
        ))
    };
    let units = Decimal::from(15);
    for name in ["graduated", "volume"] {
        assert_eq!(cost(&price(name, "not-billed"), units), Decimal::from(50));
        assert_eq!(cost(&price(name, "last-tier"), units), Decimal::from(75));
        let refused = price(name, "refused").price(&Units::of(units), currency());
        assert_eq!(refused, Err(PriceError::BeyondLastTier { units, bound: Decimal::TEN }));
        let amount = price(name, "refused").amount(15, currency()).expect_err("too many").to_string();
        assert!(amount.starts_with("15 units are more than the 10 that the last tier covers"), "{amount}");
    }
}

#[test]
fn a_tier_may_be_capped_sold_in_packages_or_begin_at_its_end() {
    let capped = model(
        r#"{"model":"graduated","tiers":[{"up_to":"10","unit_amount":"2","flat_amount":"5","cap":"20"},{"unit_amount":"1"}]}"#,
    );
    assert_eq!([5, 10, 12].map(|q| cost(&capped, q.into())), [15, 20, 22].map(Decimal::from));
    // In graduated prices packages are counted within their tier, in volume prices over all units.
    let packs =
        r#""tiers":[{"up_to":"10","unit_amount":"3","package_size":"4"},{"unit_amount":"2","package_size":"5"}]}"#;
    let graduated = model(&format!(r#"{{"model":"graduated",{packs}"#));
    assert_eq!([9, 11, 16].map(|q| cost(&graduated, q.into())), [9, 11, 13].map(Decimal::from));
    let volume = model(&format!(r#"{{"model":"volume",{packs}"#));
    assert_eq!([9, 11, 16].map(|q| cost(&volume, q.into())), [9, 6, 8].map(Decimal::from));
    let first_units = model(
        r#"{"model":"volume","at_end":"next-tier","tiers":[{"up_to":"100","unit_amount":"2"},{"unit_amount":"1"}]}"#,
    );
    assert_eq!([99, 100].map(|q| cost(&first_units, q.into())), [198, 100].map(Decimal::from));
}

#[test]
fn units_that_contradict_themselves_and_missing_events_are_errors() {
    let fees = model(r#"{"model":"percentage","rate":"1","free_events":2}"#);
    let error = |units: &Units| fees.price(units, currency()).expect_err("an error").to_string();
    assert_eq!(
        error(&Units::of(Decimal::TEN)),
        "this price needs the amount of each event: give the events, not only the quantity"
    );
    let mut wrong = Units::each(vec![Decimal::ONE, Decimal::TWO]).expect("units");
    wrong.quantity = Decimal::TEN;
    assert_eq!(
        error(&wrong),
        "the events add up to 3 units and the quantity is 10: give one that agrees with the other"
    );
    let in_euro = Money::new(100, Currency::try_new("EUR").expect("a currency"));
    let support = model(r#"{"model":"percent-of","rate":"20"}"#);
    assert!(support.price(&Units::base(in_euro), currency()).is_err());
}

#[test]
fn a_catalog_holds_every_model_and_a_misspelt_key_of_a_price_is_refused() {
    let json = include_str!("../golden/catalog-price-models.json");
    let catalog: Catalog = serde_json::from_str(json).expect("a catalog");
    let problems = catalog.problems();
    let unbilled = |p: &CatalogProblem| p.problem.contains("cannot be billed by");
    assert!(problems.iter().all(unbilled), "{problems:?}");
    assert_eq!(problems.len(), 4, "usage and percentages wait for usage to come in: {problems:?}");
    for key in ["\"included\"", "\"started\"", "\"cap\"", "\"at_end\"", "\"below_zero\"", "\"overage_factor\""] {
        let misspelt = json.replacen(key, "\"misspelt\"", 1);
        let unread = serde_json::from_str::<Catalog>(&misspelt).expect_err(key).to_string();
        assert!(unread.contains("unknown field `misspelt`"), "{key}: {unread}");
    }
}
