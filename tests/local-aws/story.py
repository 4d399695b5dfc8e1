"""A month with a deployed stack: sell, refuse, sign up, renew, decline, ask, listen, report.

Exists as the part of deploy.py that says what is expected; every wait has an end, and every expectation is printed.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import tooling
from actors import Merchant, Shop, Subscriber, order
from emulator import Answer, Emulator, Failed, request, wait_for


class Story:
    """Counts what was expected and what was seen, and prints it as it happens."""

    def __init__(self) -> None:
        self.passed = self.failed = 0
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.began:6.1f} s] {text}", flush=True)

    def expect(self, what: str, holds: object, seen: object = "") -> None:
        if holds:
            self.passed += 1
            self.say(f"ok    {what}")
        else:
            self.failed += 1
            self.say(f"FAIL  {what}\n             seen: {str(seen)[:1500]}")


def sell(story: Story, merchant: Merchant) -> Shop:
    said = merchant.perennial("catalog", "publish", str(tooling.ROOT / "infra" / "cli" / "data" / "catalog.toml"))
    story.expect("the merchant publishes the catalog with the command line", "on sale" in said, said)
    key = merchant.perennial("keys", "create", "--storefront", "web").strip()
    story.expect("and gives the storefront a key", key.startswith("key_"), key[:4])
    return Shop(merchant.aws, merchant.outputs, key)


def refuse(story: Story, shop: Shop) -> None:
    """Every no is problem+json with a status of its own, and costs nothing."""

    def no(what: str, status: int, answer: Answer) -> None:
        kind = answer.headers.get("content-type", "")
        body = answer.json() if "json" in kind else {}
        good = (
            answer.status == status
            and kind.startswith("application/problem+json")
            and body.get("code")
            and body.get("detail")
        )
        story.expect(
            f"{what}: {status} as problem+json ({body.get('code', '?')})",
            good,
            f"{answer.status} {kind} {answer.text[:300]}",
        )

    no(
        "no key",
        401,
        shop.signup_url.send("POST", "/signup", order("cus_x"), Idempotency_Key="n1", Content_Type="application/json"),
    )
    no("a wrong key", 401, shop.signup("n2", order("cus_x"), key="key_wrong"))
    no("an unknown field", 400, shop.signup("n3", {**order("cus_x"), "discount": 99}))
    no("a body that is not JSON", 400, shop.signup("n4", "{"))
    no("a card number", 422, shop.signup("n5", order("cus_x", token="4242424242424242")))
    no("a plan that is not sold", 422, shop.signup("n6", {**order("cus_x"), "plan": "golden"}))
    no("another method", 405, shop.signup_url.send("GET", "/signup", Authorization=f"Bearer {shop.key}"))
    no(
        "a customer who is not there",
        404,
        shop.get_url.send("GET", "/customers/cus_nobody", Authorization=f"Bearer {shop.key}"),
    )
    no(
        "an unsigned gateway event",
        401,
        shop.event_url.send("POST", "/gateway-event", {"type": "settled"}, Content_Type="application/json"),
    )


def sign_up(story: Story, shop: Shop) -> dict:
    answer = shop.signup("ana-1", order("cus_ana"))
    body = answer.json()
    good = answer.status == 201 and body["status"] == "active" and body["subscription"]["state"] == "active"
    story.expect("Ana signs up through the function URL and is active at once: 201", good, answer.text)
    again = shop.signup("ana-1", order("cus_ana"))
    same = again.json().get("subscription", {}).get("id") == body["subscription"]["id"]
    story.expect(
        "the same request again changes nothing and answers the same", again.status == 201 and same, again.text
    )
    other = shop.signup("ana-1", order("cus_ana", quantity=2))
    story.expect("the same key with another body is refused", 400 <= other.status < 500, other.text)
    declined = shop.signup("ben-1", order("cus_ben", token="pm_card_visa_chargeDeclinedInsufficientFunds"))
    story.expect(
        "Ben's card is declined: 402 with the code",
        declined.status == 402 and "insufficient_funds" in declined.text,
        declined.text,
    )
    fails = shop.signup("cia-1", order("cus_cia", token="pm_card_chargeCustomerFail"))
    story.expect("Cia signs up with a card that will fail next month", fails.status == 201, fails.text)
    lost = shop.signup("dan-1", order("cus_dan", token="pm_sandbox_answerLost"))
    story.expect(
        "the gateway's answer for Dan is lost: 202, pending",
        lost.status == 202 and lost.json()["status"] == "pending",
        lost.text,
    )
    paid = lambda: [i for i in shop.invoices("cus_dan") if i["state"] == "paid"]
    story.expect("the gateway's signed event settles it", wait_for("Dan's payment", paid, seconds=30), "")
    return body["subscription"]


def look(story: Story, shop: Shop, subscription: dict) -> None:
    customer = shop.get("/customers/cus_ana")
    story.expect(
        "Ana's page shows the contract and what she may use",
        customer["subscriptions"][0]["id"] == subscription["id"] and customer["entitlements"],
        customer,
    )
    (invoice,) = shop.invoices("cus_ana")
    story.expect(
        "her first invoice is paid: 69.00 EUR",
        invoice["state"] == "paid" and invoice["total"]["minor"] == 6900,
        invoice,
    )
    answer = shop.change(
        "ana-2",
        subscription["version"],
        {"customer": "cus_ana", "subscription": subscription["id"], "action": "change", "quantity": 2, "preview": True},
    )
    story.expect(
        "a preview of a second seat answers and changes nothing",
        answer.status == 200 and len(shop.invoices("cus_ana")) == 1,
        answer.text,
    )
    stale = shop.change(
        "ana-3",
        subscription["version"] + 7,
        {"customer": "cus_ana", "subscription": subscription["id"], "action": "change", "quantity": 2},
    )
    story.expect(
        "a change against a version that is not there is refused: 409 or 412", stale.status in (409, 412), stale.text
    )
    origin = "https://shop.example.com"
    asked = shop.signup_url.send(
        "OPTIONS",
        "/signup",
        Origin=origin,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization,idempotency-key",
    )
    allowed = asked.headers.get("access-control-allow-origin")
    story.expect(
        "a browser on the shop's page may ask, and only from there",
        allowed == origin,
        f"{asked.status} {asked.headers}",
    )


def charges(gateway_port: int, customer: str) -> list[dict]:
    log = request(gateway_port, "GET", "/log").json()
    return [c for c in log["charges"] if c["request"]["customer"] == customer]


def renew(story: Story, merchant: Merchant, shop: Shop, gateway_port: int) -> None:
    """The heart: a month passes, and nobody does anything."""
    before = charges(gateway_port, "cus_ana")
    story.expect("the gateway took Ana's money once so far", len(before) == 1, before)
    merchant.set_clock("2027-02-28T12:00:00Z")
    story.say("the test clock stands at 28 February, 12:00; waiting for the schedule's tick ...")
    second = lambda: len(shop.invoices("cus_ana")) == 2
    wait_for("the tick to renew Ana (schedule -> sweep -> queue -> renew)", second, seconds=200, every=2)
    story.expect("the schedule's tick renewed Ana: schedule -> sweep -> queue -> renew", True)
    paid = lambda: all(i["state"] == "paid" for i in shop.invoices("cus_ana"))
    ticked = merchant.sweep()
    story.say(f"a tick by hand: {json.dumps(ticked)}")
    story.expect(
        "the next tick collected it: sweep -> queue -> collect -> gateway",
        wait_for("the collection", paid, seconds=60),
        "",
    )
    newest, oldest = shop.invoices("cus_ana")
    month = (oldest["period"], newest["period"])
    story.expect(
        "31 January is followed by 28 February, without a gap",
        oldest["period"]["end"] == newest["period"]["start"] and newest["period"]["start"].startswith("2027-02-2"),
        month,
    )
    merchant.sweep()
    time.sleep(3)
    after = charges(gateway_port, "cus_ana")
    keys = {c["request"]["key"] for c in after}
    story.expect(
        "the gateway's log shows exactly one more charge, under a key of its own",
        len(after) == 2 and len(keys) == 2,
        after,
    )


def decline(story: Story, merchant: Merchant, shop: Shop, gateway_port: int) -> None:
    late = lambda: [i for i in shop.invoices("cus_cia") if len(i["attempts"]) == 1 and i["state"] != "paid"]
    (invoice,) = wait_for("Cia's declined renewal", late, seconds=60)
    page = shop.get("/customers/cus_cia")["subscriptions"][0]
    story.expect(
        "Cia's renewal was declined; she is past due and keeps access",
        page["past_due"] and page["state"] == "active",
        page,
    )
    merchant.set_clock("2027-03-05T12:00:00Z")
    merchant.sweep()
    tried = lambda: [i for i in shop.invoices("cus_cia") if i["id"] == invoice["id"] and len(i["attempts"]) == 2]
    story.expect(
        "days later the ladder tries again: sweep -> queue -> retry-payment",
        wait_for("the second attempt", tried, seconds=60),
        "",
    )
    keys = [c["request"]["key"] for c in charges(gateway_port, "cus_cia")]
    story.expect("each attempt had a key of its own", len(keys) == 3 and len(set(keys)) == 3, keys)


def ask(story: Story, merchant: Merchant, shop: Shop) -> None:
    """An unknown payment is asked about after minutes; here its message comes at once, and twice."""
    invoice = shop.invoices("cus_dan")[-1]
    before = shop.get("/customers/cus_dan/history")
    for _ in range(2):
        message = json.dumps({"customer": "cus_dan", "item": invoice["id"]})
        merchant.aws.call(
            "sqs", "SendMessage", {"QueueUrl": merchant.outputs["ReconcileQueueUrl"], "MessageBody": message}
        )
    empty = lambda: merchant.aws.waiting(merchant.outputs["ReconcileQueueUrl"]) == 0
    wait_for("reconcile to take both messages", empty, seconds=60)
    story.expect(
        "reconcile is told twice about a settled invoice and changes nothing",
        shop.get("/customers/cus_dan/history") == before,
        "",
    )


def listen(story: Story, subscriber: Subscriber) -> None:
    wanted = {
        "cus_ana": ["invoice.paid", "subscription.started"],
        "cus_cia": ["invoice.payment_failed", "invoice.payment_failed", "subscription.started"],
    }
    for customer, types in wanted.items():
        try:
            wait_for(f"the events of {customer}", lambda: subscriber.types(customer) == types, seconds=30)
        except Failed:
            pass
        story.expect(
            f"the bus announced {', '.join(types)} of {customer} (stream -> relay -> bus -> queue)",
            subscriber.types(customer) == types,
            subscriber.types(customer),
        )
    whole = [
        e
        for e in subscriber.events.values()
        if not {"event_id", "event_type", "occurred_at", "customer_id", "subscription_id"} <= set(e["detail"])
    ]
    story.expect(
        "every event is a whole fact from `perennial`",
        not whole and all(e["source"] == "perennial" for e in subscriber.events.values()),
        whole,
    )


def numbers(story: Story, shop: Shop) -> None:
    """Every issued invoice gets a number; Ben's, which was declined at the till, never takes one."""
    issued = lambda: [i for who in ("cus_ana", "cus_cia", "cus_dan") for i in shop.invoices(who)]
    try:
        wait_for("the numbers", lambda: all("number" in i for i in issued()), seconds=60, every=1)
    except Failed:
        pass
    given = sorted(i.get("number", "none") for i in issued())
    wanted = [f"WEB-2027-{n:06}" for n in range(1, len(given) + 1)]
    story.expect(f"all {len(wanted)} issued invoices have numbers without a gap (stream -> number)", given == wanted, given)


def report(story: Story, merchant: Merchant) -> None:
    """The emulator writes no export, so the command line does, in the same layout; from there on all is real."""
    folder = merchant.work / "export"
    merchant.perennial("export", "--out", str(folder))
    files = sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.name == "manifest-files.json")
    bucket = merchant.outputs["ReportsBucketName"]
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".json":  # AWS names whole keys in its manifests, with the prefix that the schedule gives
            content = content.replace(b'"AWSDynamoDB/', b'"exports/AWSDynamoDB/')
        merchant.aws.put_object(bucket, f"exports/{path.relative_to(folder).as_posix()}", content)
    story.expect("an export is put into the bucket, its manifest last", files[-1].name == "manifest-files.json", files)
    reports = lambda: [k for k in merchant.aws.list_objects(bucket, "reports/") if k.endswith(".csv")]
    keys = wait_for("reports", reports, seconds=90, every=2)
    story.expect(
        f"the manifest started run-reports, which filed {len(keys)} CSV files", any("mrr" in k for k in keys), keys
    )


def dead_letters(story: Story, merchant: Merchant) -> None:
    queues = {name: url for name, url in merchant.outputs.items() if name.endswith("DeadLettersUrl")}
    counts = {name: merchant.aws.waiting(url) for name, url in queues.items()}
    story.expect(
        f"nothing is in any of the {len(counts)} dead-letter queues",
        len(counts) == 8 and not any(counts.values()),
        counts,
    )


def tell(story: Story, aws: Emulator, outputs: dict[str, str], binaries: Path, work: Path, gateway_port: int) -> None:
    merchant, subscriber = Merchant(aws, outputs, binaries, work), Subscriber(aws, outputs)
    merchant.set_clock("2027-01-31T09:00:00Z")
    shop = sell(story, merchant)
    refuse(story, shop)
    subscription = sign_up(story, shop)
    look(story, shop, subscription)
    renew(story, merchant, shop, gateway_port)
    decline(story, merchant, shop, gateway_port)
    ask(story, merchant, shop)
    listen(story, subscriber)
    numbers(story, shop)
    report(story, merchant)
    dead_letters(story, merchant)
