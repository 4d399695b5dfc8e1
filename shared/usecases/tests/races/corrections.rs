//! Corrections of an open invoice that meet its collection: whoever is first, what is captured is what is owed.

use usecases::{
    change_plan::{ChangeRequest, change_plan},
    collect::collect,
    error::Error,
    signup::Caller,
};

use crate::world::{World, interleave, job, run, schedules};

const INVOICE: &str = "inv_ana-p2";

async fn ask(world: &World, action: &str, more: serde_json::Value) -> Result<(), Error> {
    let mut body = serde_json::json!({"customer": "cus_ana", "subscription": "sub_ana", "action": action});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let request: ChangeRequest = serde_json::from_value(body).unwrap();
    let caller = Caller::new("web".into(), action.into(), "change-plan", action.as_bytes());
    change_plan(&world.ledger, &world.gateways, &caller, None, &request).await.map(|_| ())
}

/// State, what was to be paid, and credit of the contract.
fn books(world: &World) -> (&'static str, i64, i64) {
    let file = world.file("ana");
    let invoice = &file.invoices.iter().find(|i| i.value.id.as_str() == INVOICE).unwrap().value;
    (invoice.state.name(), invoice.payable().minor, file.subscriptions[0].value.credit_minor)
}

fn captured_minor(world: &World) -> i64 {
    let own = world.sandbox.log().into_iter().filter(|entry| entry.request.key.starts_with(INVOICE));
    own.filter_map(|entry| entry.movement()).map(|movement| movement.amount.minor).sum()
}

#[test]
fn a_void_and_an_attempt_never_both_happen() {
    let mut seen = [0, 0];
    for schedule in schedules().step_by(5) {
        let world = World::with_invoice_due();
        let job = job(INVOICE);
        let void = ask(&world, "void", serde_json::json!({"invoice": INVOICE}));
        let (voided, collected) = interleave(schedule, void, collect(&world.ledger, &world.gateways, &job));
        collected.unwrap();
        world.settle();
        let (state, came) = (books(&world).0, captured_minor(&world));
        assert_eq!((state, came), if voided.is_ok() { ("void", 0) } else { ("paid", 1_000) }, "{schedule:b}");
        seen[usize::from(voided.is_ok())] += 1;
    }
    assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
}

#[test]
fn a_note_lowers_the_attempt_or_is_credit_after_it() {
    for schedule in schedules().step_by(5) {
        let world = World::with_invoice_due();
        let job = job(INVOICE);
        let lines = serde_json::json!({"invoice": INVOICE, "lines": [{"line": 1, "amount": "4.00"}]});
        let (noted, collected) =
            interleave(schedule, ask(&world, "credit_note", lines), collect(&world.ledger, &world.gateways, &job));
        collected.unwrap();
        world.settle();
        let (state, owed, credit) = books(&world);
        assert_eq!((state, owed), ("paid", captured_minor(&world)), "{schedule:b}");
        let given = if noted.is_ok() { 400 } else { 0 };
        assert_eq!(1_000 - owed + credit, given, "{schedule:b}");
    }
}

#[test]
fn the_same_request_again_corrects_once() {
    let world = World::with_invoice_due();
    let note = || {
        ask(&world, "credit_note", serde_json::json!({"invoice": INVOICE, "lines": [{"line": 1, "amount": "4.00"}]}))
    };
    run(note()).unwrap();
    run(note()).unwrap();
    assert_eq!(books(&world), ("due", 600, 0));
    let write_off = || ask(&world, "write_off", serde_json::json!({"invoice": INVOICE}));
    run(write_off()).unwrap();
    run(write_off()).unwrap();
    assert_eq!(books(&world).0, "uncollectible");
}
