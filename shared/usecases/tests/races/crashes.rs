//! Workers that die, and commits that fail or whose answer gets lost, at the worst moment.

use usecases::{
    collect::collect,
    error::{CONFLICT_TRIES, Error},
    ports::DueKind,
    renew::renew,
    signup::SignupStatus,
};

use crate::world::{Death, Fault, World, job, run, run_until_it_dies};

/// The deadline passes; a second later (the index holds whole seconds) the gateway is asked.
fn settle_after_the_deadline(world: &World) {
    for seconds in [61, 1] {
        world.clocks.pass_seconds(seconds);
        world.settle();
    }
}

/// After a worker died over its claim: nothing happens before the deadline, then the gateway is asked, then it is settled.
fn settles_after_the_deadline(world: &World) {
    world.settle();
    assert_eq!(world.state_of("inv_ana-p2"), "collecting", "a claim stands until its deadline");
    settle_after_the_deadline(world);
    assert_eq!(world.state_of("inv_ana-p2"), "paid");
    assert_eq!(world.captured(), ["inv_ana-p1:1", "inv_ana-p2:1"]);
    assert_eq!(world.file("ana").subscriptions[0].value.credit_minor, 0);
}

#[test]
fn a_worker_that_dies_between_claim_and_call_costs_nothing_but_time() {
    let world = World::with_invoice_due();
    world.die(Death::BeforeTheCall);
    run_until_it_dies(collect(&world.ledger, &world.gateways, &job("inv_ana-p2")));
    world.die(Death::Never);
    settles_after_the_deadline(&world);
}

#[test]
fn a_worker_that_dies_after_the_call_is_found_out_by_asking() {
    let world = World::with_invoice_due();
    world.die(Death::AfterTheCall);
    run_until_it_dies(collect(&world.ledger, &world.gateways, &job("inv_ana-p2")));
    world.die(Death::Never);
    settles_after_the_deadline(&world);
}

#[test]
fn a_request_that_dies_leaves_a_sign_up_that_settles_by_itself() {
    for death in [Death::BeforeTheCall, Death::AfterTheCall] {
        let world = World::new();
        world.die(death);
        run_until_it_dies(world.sign_up("ana", "k1"));
        world.die(Death::Never);
        let reply = run(world.sign_up("ana", "k1")).unwrap();
        assert_eq!(reply.status, SignupStatus::Pending, "{death:?}");
        settle_after_the_deadline(&world);
        assert_eq!(run(world.sign_up("ana", "k1")).unwrap().status, SignupStatus::Active, "{death:?}");
        assert_eq!(world.captured(), ["inv_ana-p1:1"], "{death:?}");
    }
}

#[test]
fn a_storm_of_conflicts_takes_the_money_once() {
    for storm in 1..4 {
        let world = World::with_invoice_due();
        // Before the claim, and again before the answer is written.
        let faults = std::iter::repeat_n(Fault::Conflict, storm);
        world.next_commits(faults.clone().chain([Fault::None]).chain(faults));
        run(collect(&world.ledger, &world.gateways, &job("inv_ana-p2"))).unwrap();
        assert_eq!(world.captured(), ["inv_ana-p1:1", "inv_ana-p2:1"], "{storm}");
        assert_eq!(world.state_of("inv_ana-p2"), "paid", "{storm}");
    }
}

#[test]
fn a_storm_that_does_not_end_leaves_the_answer_to_be_asked_for() {
    let world = World::with_invoice_due();
    world.next_commits([Fault::None].into_iter().chain(std::iter::repeat_n(Fault::Conflict, 1 + CONFLICT_TRIES)));
    // The answer cannot be written. The worker looks again, finds its own claim, and must not charge again.
    run(collect(&world.ledger, &world.gateways, &job("inv_ana-p2"))).unwrap();
    settles_after_the_deadline(&world);
}

#[test]
fn a_claim_whose_commit_lost_its_answer_is_not_charged_blindly() {
    let world = World::with_invoice_due();
    world.next_commits([Fault::AnswerLost]);
    let done = run(collect(&world.ledger, &world.gateways, &job("inv_ana-p2")));
    assert!(matches!(done, Err(Error::Unavailable { .. })));
    assert_eq!(world.captured(), ["inv_ana-p1:1"]);
    settles_after_the_deadline(&world);
}

#[test]
fn an_answer_whose_commit_lost_its_answer_is_delivered_again_to_no_effect() {
    let world = World::with_invoice_due();
    world.next_commits([Fault::None, Fault::AnswerLost]);
    assert!(run(collect(&world.ledger, &world.gateways, &job("inv_ana-p2"))).is_err());
    run(collect(&world.ledger, &world.gateways, &job("inv_ana-p2"))).unwrap();
    assert_eq!(world.captured(), ["inv_ana-p1:1", "inv_ana-p2:1"]);
    assert_eq!(world.file("ana").invoices[1].value.facts.len(), 1);
}

#[test]
fn a_renewal_whose_commit_lost_its_answer_is_not_made_twice() {
    let world = World::with_ana();
    world.next_commits([Fault::AnswerLost]);
    assert!(run(renew(&world.ledger, &job("sub_ana"))).is_err());
    run(renew(&world.ledger, &job("sub_ana"))).unwrap();
    assert_eq!(world.file("ana").invoices.len(), 2);
}

#[test]
fn messages_of_last_month_find_nothing_to_do() {
    let world = World::with_invoice_due();
    world.settle();
    let before = world.file("ana");
    for kind in DueKind::ALL {
        let item = if kind == DueKind::Renew { "sub_ana" } else { "inv_ana-p1" };
        run(world.work(kind, &job(item))).unwrap();
    }
    assert_eq!(world.file("ana"), before);
}

#[test]
fn a_message_about_nothing_is_refused_and_changes_nothing() {
    let world = World::with_ana();
    for (kind, item) in [
        (DueKind::Renew, "sub_nobody"),
        (DueKind::Collect, "inv_nothing-p1"),
        (DueKind::Collect, "sub_ana"),
        (DueKind::Reconcile, "x"),
    ] {
        let done = run(world.work(kind, &job(item)));
        assert!(matches!(done, Err(Error::Refused(_))), "{item}");
    }
}
