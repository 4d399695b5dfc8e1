//! The waiting room: what is admitted, what waits, and that nothing is forgotten.

use usecases::{ports::DueKind, sweep::CIRCUIT_LIMIT};

use crate::world::{Death, World, at, job, run, run_until_it_dies};

fn with_ten_due() -> World {
    let world = World::new();
    for i in 0..10 {
        run(world.sign_up(&format!("c{i}"), &format!("k{i}"))).unwrap();
    }
    world.clocks.set_business(at("2027-02-01T00:00:00Z"));
    world.tick(u32::MAX, 900);
    for job in world.queue.take(DueKind::Renew) {
        run(world.work(DueKind::Renew, &job)).unwrap();
    }
    world
}

#[test]
fn collections_are_admitted_at_the_pace_of_the_gateway_and_each_once() {
    let world = with_ten_due();
    let mut admitted = Vec::new();
    for minute in 0..5 {
        let swept = world.tick(3, 900);
        let expected = if minute < 3 { 3 } else { usize::from(minute == 3) };
        assert_eq!((swept.collections, swept.held_back > 0), (expected, minute < 3), "minute {minute}");
        admitted.extend(world.queue.take(DueKind::Collect));
        world.clocks.pass_seconds(60);
    }
    admitted.sort();
    admitted.dedup();
    assert_eq!(admitted.len(), 10);
}

#[test]
fn what_was_admitted_and_never_done_is_admitted_again_after_a_pass() {
    let world = with_ten_due();
    assert_eq!(world.tick(u32::MAX, 900).collections, 10);
    assert_eq!(world.queue.take(DueKind::Collect).len(), 10, "and the worker loses them all");
    assert_eq!(world.tick(u32::MAX, 900).collections, 0, "it waits for the workers first");
    world.clocks.pass_seconds(901);
    assert_eq!(world.tick(u32::MAX, 900).collections, 10);
}

#[test]
fn two_sweeps_at_once_admit_twice_and_the_money_is_taken_once() {
    let world = World::with_invoice_due();
    world.tick(u32::MAX, 0);
    world.tick(u32::MAX, 0);
    let jobs = world.queue.take(DueKind::Collect);
    assert_eq!(jobs.len(), 2);
    for job in jobs {
        run(world.work(DueKind::Collect, &job)).unwrap();
    }
    assert_eq!(world.captured(), ["inv_ana-p1:1", "inv_ana-p2:1"]);
}

#[test]
fn a_sweep_while_a_claim_runs_sends_work_that_finds_nothing_to_do() {
    let world = World::with_invoice_due();
    world.die(Death::BeforeTheCall);
    run_until_it_dies(usecases::collect::collect(&world.ledger, &world.gateways, &job("inv_ana-p2")));
    world.die(Death::Never);
    assert_eq!(world.tick(u32::MAX, 0).collections, 1, "a claim keeps its place");
    let before = world.file("ana");
    for job in world.queue.take(DueKind::Collect) {
        run(world.work(DueKind::Collect, &job)).unwrap();
    }
    assert_eq!(world.file("ana"), before);
}

#[test]
fn a_silent_gateway_closes_the_door_for_collections_and_not_for_renewals() {
    let world = with_ten_due();
    for _ in 0..CIRCUIT_LIMIT {
        run(usecases::sweep::count_unknown(&world.ledger, "sandbox")).unwrap();
    }
    let swept = world.tick(u32::MAX, 0);
    assert_eq!((swept.collections, swept.held_back), (0, 10));
    world.clocks.set_business(at("2027-03-01T00:00:00Z"));
    assert_eq!(world.tick(u32::MAX, 0).renewals, 10);
    world.clocks.pass_seconds(180);
    assert_eq!(world.tick(u32::MAX, 0).collections, 10, "it opens again by itself");
}
