//! Two who meet over one item, in every order of their steps.

use usecases::{
    change_plan::{ChangeRequest, change_plan},
    collect::collect,
    error::Error,
    gateway_event::{Notice, gateway_event},
    reconcile::reconcile,
    renew::renew,
    signup::Caller,
};

use crate::world::{World, at, interleave, job, run, schedules};

#[test]
fn two_workers_on_one_renewal_make_one_invoice() {
    for schedule in schedules() {
        let world = World::with_ana();
        let (one, other) =
            interleave(schedule, renew(&world.ledger, &job("sub_ana")), renew(&world.ledger, &job("sub_ana")));
        one.unwrap();
        other.unwrap();
        let file = world.file("ana");
        assert_eq!((file.invoices.len(), file.subscriptions[0].value.next_ordinal), (2, 3), "{schedule:b}");
    }
}

#[test]
fn two_workers_on_one_invoice_take_the_money_once() {
    for schedule in schedules() {
        let world = World::with_invoice_due();
        let job = job("inv_ana-p2");
        let collecting = || collect(&world.ledger, &world.gateways, &job);
        let (one, other) = interleave(schedule, collecting(), collecting());
        one.unwrap();
        other.unwrap();
        assert_eq!(world.captured(), ["inv_ana-p1:1", "inv_ana-p2:1"], "{schedule:b}");
        assert_eq!(world.state_of("inv_ana-p2"), "paid", "{schedule:b}");
    }
}

fn change() -> ChangeRequest {
    serde_json::from_value(serde_json::json!({
        "customer": "cus_ana", "subscription": "sub_ana", "action": "change", "interval": "year"
    }))
    .unwrap()
}

#[test]
fn a_change_that_meets_the_renewal_ends_the_same_in_every_order() {
    let caller = Caller::new("web".into(), "change".into(), "change", b"x");
    let mut ends = Vec::new();
    for schedule in schedules().step_by(5) {
        let world = World::with_ana();
        world.clocks.set_business(at("2027-02-03T12:00:00Z"));
        let request = change();
        let changing = change_plan(&world.ledger, &world.gateways, &caller, None, &request);
        let job = job("sub_ana");
        let (renewed, changed) = interleave(schedule, renew(&world.ledger, &job), changing);
        renewed.unwrap();
        changed.unwrap();
        world.settle();
        let file = world.file("ana");
        // The change's invoice is named after the version it made, and the two orders make different versions.
        let totals: Vec<_> = file.invoices.iter().map(|i| (i.value.total.minor, i.value.state.name())).collect();
        ends.push((file.subscriptions[0].value.clone(), totals));
    }
    for (_, totals) in &mut ends {
        totals.sort_unstable();
    }
    ends.dedup();
    assert_eq!(ends.len(), 1, "{ends:#?}");
}

/// Either the change finds the second contract, or the sign-up finds the customer in another currency.
#[test]
fn a_change_of_currency_that_meets_a_sign_up_leaves_one_currency() {
    let caller = Caller::new("web".into(), "euros".into(), "change", b"x");
    let body = serde_json::json!({
        "customer": "cus_ana", "subscription": "sub_ana", "action": "change", "currency": "EUR"
    });
    let request: ChangeRequest = serde_json::from_value(body).unwrap();
    let mut won = std::collections::BTreeSet::new();
    for schedule in schedules().step_by(3) {
        let world = World::with_ana();
        world.clocks.set_business(at("2027-01-11T00:00:00Z"));
        let changing = change_plan(&world.ledger, &world.gateways, &caller, None, &request);
        let (changed, signed_up) = interleave(schedule, changing, world.sign_up_another("second"));
        let file = world.file("ana");
        let contracts = file.subscriptions.iter().map(|s| s.value.terms.price.currency);
        assert!(contracts.clone().all(|currency| currency == file.customer.value.currency), "{schedule:b}");
        let codes = [changed.err(), signed_up.err()].map(|error| match error {
            Some(Error::Refused(refusal)) => Some(refusal.code()),
            Some(other) => panic!("{other}"),
            None => None,
        });
        assert!(matches!(codes, [Some("invalid_field"), None] | [None, Some("wrong_currency")]), "{codes:?}");
        won.insert(codes);
    }
    assert_eq!(won.len(), 2, "only one of them was ever first");
}

#[test]
fn an_answer_and_its_webhook_are_one_capture() {
    for schedule in schedules().step_by(7) {
        let world = World::with_invoice_due();
        let job = job("inv_ana-p2");
        let webhook = async {
            // The gateway sends its news as soon as it has any.
            for _ in 0..3 {
                if let Some(outcome) = world.sandbox.find("inv_ana-p2:1") {
                    let event = billing::gateway::GatewayEvent::Settled { key: "inv_ana-p2:1".into(), outcome };
                    gateway_event(&world.ledger, Notice { customer: job.customer.clone(), event }).await.unwrap();
                }
                usecases::get::customer(&world.ledger, "cus_ana").await.unwrap();
                let _ = world.ledger.store.invoice(&job.customer, &"inv_ana-p1".to_owned().try_into().unwrap()).await;
            }
        };
        let (collected, ()) = interleave(schedule, collect(&world.ledger, &world.gateways, &job), webhook);
        collected.unwrap();
        let file = world.file("ana");
        let facts: Vec<_> = file.invoices[1].value.facts.iter().map(|f| f.what.event_type.to_string()).collect();
        assert_eq!(facts, ["renewal"], "{schedule:b}");
        assert_eq!(file.subscriptions[0].value.credit_minor, 0, "{schedule:b}");
    }
}

#[test]
fn two_who_ask_the_gateway_settle_it_once() {
    for schedule in schedules().step_by(3) {
        let world = World::with_invoice_due();
        world.die(crate::world::Death::AfterTheCall);
        crate::world::run_until_it_dies(collect(&world.ledger, &world.gateways, &job("inv_ana-p2")));
        world.die(crate::world::Death::Never);
        world.clocks.pass_seconds(61);
        run(collect(&world.ledger, &world.gateways, &job("inv_ana-p2"))).unwrap();
        assert_eq!(world.state_of("inv_ana-p2"), "pending");
        let job = job("inv_ana-p2");
        let asking = || reconcile(&world.ledger, &world.gateways, &job);
        let (one, other) = interleave(schedule, asking(), asking());
        one.unwrap();
        other.unwrap();
        let file = world.file("ana");
        assert_eq!(file.invoices[1].value.attempts.len(), 1, "{schedule:b}");
        assert_eq!(world.state_of("inv_ana-p2"), "paid", "{schedule:b}");
    }
}

#[test]
fn the_same_sign_up_twice_at_once_makes_one_contract_and_takes_the_money_once() {
    for schedule in schedules() {
        let world = World::new();
        let (one, other) = interleave(schedule, world.sign_up("ana", "k1"), world.sign_up("ana", "k1"));
        one.unwrap();
        other.unwrap();
        assert_eq!(world.captured(), ["inv_ana-p1:1"], "{schedule:b}");
        assert_eq!(world.file("ana").subscriptions[0].value.state.name(), "active", "{schedule:b}");
    }
}

#[test]
fn two_sign_ups_for_one_id_make_one_contract() {
    for schedule in schedules().step_by(3) {
        let world = World::new();
        let (one, other) = interleave(schedule, world.sign_up("ana", "k1"), world.sign_up("ana", "k2"));
        assert!(one.is_ok() != other.is_ok(), "{schedule:b}");
        assert_eq!(world.captured(), ["inv_ana-p1:1"], "{schedule:b}");
    }
}

#[test]
fn two_sign_ups_never_redeem_the_last_of_a_coupon_twice() {
    for schedule in schedules() {
        let world = World::new();
        let (one, other) = interleave(
            schedule,
            world.sign_up_with("ana", "k1", &["LAST"]),
            world.sign_up_with("bob", "k2", &["LAST"]),
        );
        assert!(one.is_ok() != other.is_ok(), "{schedule:b}");
        let refused = one.err().or(other.err()).unwrap();
        assert!(refused.to_string().contains("limited to 1 redemptions, and all are used"), "{refused} {schedule:b}");
        assert_eq!(run(world.ledger.store.redemptions("last")).unwrap(), 1, "{schedule:b}");
        assert_eq!(world.captured().len(), 1, "{schedule:b}");
    }
}

#[test]
fn a_customer_never_redeems_more_often_than_a_customer_may() {
    for schedule in schedules().step_by(3) {
        let world = World::with_ana();
        let request: ChangeRequest = serde_json::from_value(serde_json::json!({
            "customer": "cus_ana", "subscription": "sub_ana", "action": "apply_coupon", "coupon": "own"
        }))
        .unwrap();
        let callers = ["a", "b"].map(|key| Caller::new("web".into(), key.into(), "change", key.as_bytes()));
        let apply = |caller| change_plan(&world.ledger, &world.gateways, caller, None, &request);
        let (one, other) = interleave(schedule, apply(&callers[0]), apply(&callers[1]));
        assert!(one.is_ok() != other.is_ok(), "{schedule:b}");
        let file = world.file("ana");
        assert_eq!(file.customer.value.redeemed["own"], 1, "{schedule:b}");
        assert_eq!(file.subscriptions[0].value.discounts.len(), 1, "{schedule:b}");
    }
}

#[test]
fn two_invoices_that_wake_at_once_come_on_one_document() {
    for schedule in schedules() {
        let world = World::with_two_gathering();
        let (ana, anas) = (job("inv_ana-p2"), job("inv_anas-p2"));
        let collecting = |job| collect(&world.ledger, &world.gateways, job);
        let (one, other) = interleave(schedule, collecting(&ana), collecting(&anas));
        one.unwrap();
        other.unwrap();
        let states = ["inv_ana-p2", "inv_anas-p2", "inv_ana-d2"].map(|id| world.state_of(id));
        assert_eq!(states, ["grouped", "grouped", "due"], "{schedule:b}");
        assert_eq!(world.file("ana").invoices.len(), 5, "two opening invoices, two items, one document: {schedule:b}");
    }
}

#[test]
fn two_workers_on_one_document_take_the_money_once_for_all_on_it() {
    for schedule in schedules().step_by(3) {
        let world = World::with_two_gathering();
        run(collect(&world.ledger, &world.gateways, &job("inv_ana-p2"))).unwrap();
        let job = job("inv_ana-d2");
        let collecting = || collect(&world.ledger, &world.gateways, &job);
        let (one, other) = interleave(schedule, collecting(), collecting());
        one.unwrap();
        other.unwrap();
        assert_eq!(world.captured(), ["inv_ana-d2:1", "inv_ana-p1:1", "inv_anas-p1:1"], "{schedule:b}");
        let states = ["inv_ana-p2", "inv_anas-p2", "inv_ana-d2"].map(|id| world.state_of(id));
        assert_eq!(states, ["paid"; 3], "{schedule:b}");
    }
}

/// More open invoices than a transaction has writes: the contract ends, and nothing of it is collected any more.
#[test]
fn a_contract_with_very_many_open_invoices_ends_with_all_of_them() {
    let world = World::new();
    let body = serde_json::json!({
        "customer": {"id": "cus_ana", "currency": "USD"}, "plan": "team", "subscription": "sub_ana", "collection": "invoice",
    });
    run(world.send(body, "k1")).unwrap();
    world.clocks.set_business(at("2027-01-02T00:00:00Z"));
    for n in 0..110 {
        let caller = Caller::new("web".into(), format!("c{n}"), "change", b"x");
        let body = serde_json::json!({
            "customer": "cus_ana", "subscription": "sub_ana", "action": "charge", "amount": "1", "description": "a call",
        });
        let request: ChangeRequest = serde_json::from_value(body).unwrap();
        run(change_plan(&world.ledger, &world.gateways, &caller, None, &request)).unwrap();
    }
    for day in (20..=90).step_by(10) {
        world.clocks.set_business(at("2027-01-01T00:00:00Z") + chrono::TimeDelta::days(day));
        world.settle();
    }
    let file = world.file("ana");
    assert_eq!(file.subscriptions[0].value.state.name(), "canceled");
    let states: Vec<_> = file.invoices.iter().map(|i| i.value.state.name()).collect();
    let of = |name: &str| states.iter().filter(|state| **state == name).count();
    assert!(states.len() > 110, "{}", states.len());
    assert_eq!((of("uncollectible"), of("void")), (1, states.len() - 1), "{states:?}");
}
