//! Refunds that meet each other, their own news, and dying workers.

use billing::gateway::GatewayEvent;
use usecases::{
    change_plan::{ChangeRequest, change_plan},
    collect::collect,
    error::Error,
    gateway_event::{Notice, gateway_event},
    reconcile::reconcile,
    signup::Caller,
};

use crate::world::{Death, World, interleave, job, run, run_until_it_dies, schedules};

const KEY: &str = "inv_ana-p1:r1";

fn request() -> ChangeRequest {
    serde_json::from_value(serde_json::json!({
        "customer": "cus_ana", "subscription": "sub_ana", "action": "credit_note", "invoice": "inv_ana-p1", "refund": true
    }))
    .unwrap()
}

async fn refund(world: &World, key: &str) -> Result<(), Error> {
    let caller = Caller::new("web".into(), key.into(), "change-plan", b"refund");
    change_plan(&world.ledger, &world.gateways, &caller, None, &request()).await.map(|_| ())
}

/// Ana's first invoice, paid, with a refund of all of it due.
fn with_refund_due() -> World {
    let world = World::new();
    run(world.sign_up("ana", "k1")).unwrap();
    run(refund(&world, "refund")).unwrap();
    world
}

/// States of the refunds, facts about refunds, and credit.
fn books(world: &World) -> (Vec<&'static str>, usize, i64) {
    let file = world.file("ana");
    let invoice = &file.invoices.iter().find(|i| i.value.id.as_str() == "inv_ana-p1").unwrap().value;
    let facts = invoice.facts.iter().filter(|f| f.what.event_type == billing::fact::EventType::Refund);
    let states = invoice.refunds.iter().map(|refund| refund.state.name());
    (states.collect(), facts.count(), file.subscriptions[0].value.credit_minor)
}

#[test]
fn two_workers_on_one_refund_call_once() {
    for schedule in schedules().step_by(2) {
        let world = with_refund_due();
        let job = job("inv_ana-p1");
        let sending = || collect(&world.ledger, &world.gateways, &job);
        let (one, other) = interleave(schedule, sending(), sending());
        one.unwrap();
        other.unwrap();
        assert_eq!(world.refund_calls(), 1, "{schedule:b}");
        assert_eq!(books(&world), (vec!["done"], 1, 0), "{schedule:b}");
    }
}

#[test]
fn an_answer_and_its_webhook_are_one_refund() {
    for schedule in schedules().step_by(7) {
        let world = with_refund_due();
        let job = job("inv_ana-p1");
        let webhook = async {
            for _ in 0..3 {
                if let Some(outcome) = world.sandbox.find_refund(KEY) {
                    let event = GatewayEvent::Refunded { key: KEY.into(), outcome };
                    gateway_event(&world.ledger, Notice { customer: job.customer.clone(), event }).await.unwrap();
                }
                usecases::get::customer(&world.ledger, "cus_ana").await.unwrap();
                usecases::get::invoice(&world.ledger, "cus_ana", "inv_ana-p1").await.unwrap();
            }
        };
        let (sent, ()) = interleave(schedule, collect(&world.ledger, &world.gateways, &job), webhook);
        sent.unwrap();
        assert_eq!(books(&world), (vec!["done"], 1, 0), "{schedule:b}");
    }
}

#[test]
fn two_people_who_refund_the_same_invoice_send_it_back_once() {
    for schedule in schedules().step_by(11) {
        let world = World::new();
        run(world.sign_up("ana", "k1")).unwrap();
        let (one, other) = interleave(schedule, refund(&world, "one"), refund(&world, "other"));
        assert_eq!([one, other].iter().filter(|done| done.is_ok()).count(), 1, "{schedule:b}");
        world.settle();
        assert_eq!((world.refund_calls(), books(&world)), (1, (vec!["done"], 1, 0)), "{schedule:b}");
    }
}

#[test]
fn a_worker_that_dies_leaves_a_refund_that_is_asked_about() {
    for (death, again) in [(Death::BeforeTheCall, 1), (Death::AfterTheCall, 0)] {
        let world = with_refund_due();
        let job = job("inv_ana-p1");
        world.die(death);
        run_until_it_dies(collect(&world.ledger, &world.gateways, &job));
        world.die(Death::Never);
        let before = world.refund_calls();
        run(collect(&world.ledger, &world.gateways, &job)).unwrap();
        assert_eq!((books(&world).0, world.refund_calls()), (vec!["calling"], before), "its claim stands");
        world.clocks.pass_seconds(61);
        run(collect(&world.ledger, &world.gateways, &job)).unwrap();
        assert_eq!(books(&world).0, ["pending"]);
        let asking = || reconcile(&world.ledger, &world.gateways, &job);
        let (one, other) = interleave(0b1010_1010, asking(), asking());
        one.unwrap();
        other.unwrap();
        world.settle();
        assert_eq!((world.refund_calls() - before, books(&world)), (again, (vec!["done"], 1, 0)), "{death:?}");
        let back: i64 = world.sandbox.refunds().iter().map(|e| e.request.amount.minor).sum();
        assert_eq!((world.sandbox.refunds().len(), back), (1, 1_000));
    }
}
