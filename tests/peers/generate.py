"""A small generator of subscription lifecycles with the cases that random data rarely has.

Same seed, same facts. On purpose: several events of a customer in one instant, customers with up to three subscriptions, customers
without a profile or channel, pauses that end in a cancel, free coupons, moves at the same price, invoices recovered at every
attempt and never, declines with codes, three currencies with rates that do not divide evenly, types that change no run-rate.

    generate.py FOLDER EXPORT_FOLDER CUSTOMERS SEED       says how many facts it wrote
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PRICES = {"basic": 900, "pro": 2900, "team": 7100, "=max": 19900}
RATES = {"USD": 1_000_000, "EUR": 1_083_337, "JPY": 6_700}
CHANNELS = ["organic", "partner", "paid, search", None]
CODES = ["insufficient_funds", "expired_card", "do_not_honor", None]
START = datetime(2023, 11, 1, tzinfo=timezone.utc)
END = START + timedelta(days=800)
DAY = timedelta(days=1)


class Writer:
    """Collects facts."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.invoices = 0

    def fact(self, subscription: "Subscription", kind: str, at: datetime, **more) -> None:
        if at >= END:
            return
        row = {"subscription_id": subscription.id, "customer_id": subscription.customer, "event_type": kind, "occurred_at": at,
               "plan": subscription.plan, "interval": subscription.interval, "quantity": subscription.seats, "currency": subscription.currency,
               "amount_minor": 0, "mrr12_minor": subscription.run_rate(), "invoice_id": None, "attempt": None, "reason": None, "code": None}
        self.rows.append(row | more)

    def invoice(self) -> str:
        self.invoices += 1
        return f"inv_{self.invoices:09d}"


class Subscription:
    """One contract and its life."""

    def __init__(self, rng: random.Random, number: int, customer: str, currency: str) -> None:
        self.rng, self.customer, self.currency = rng, customer, currency
        self.id = f"sub_{number:07d}" if number % 3 else f"subscription-with-a-long-name-{number:07d}"
        self.plan, self.interval = rng.choice(list(PRICES)), rng.choice(["month", "month", "month", "year"])
        self.seats, self.on, self.free = rng.choice([1, 1, 1, 2, 5]), False, False

    def price(self) -> int:
        months = 10 if self.interval == "year" else 1
        return 0 if self.free else PRICES[self.plan] * self.seats * months

    def run_rate(self) -> int:
        return self.price() * (1 if self.interval == "year" else 12) if self.on else 0

    def live(self, out: Writer, at: datetime) -> None:
        self.start(out, "signup", at)
        while at < END:
            at += self.rng.choice([28, 30, 31, 31]) * DAY if self.interval == "month" else 365 * DAY
            step = self.rng.random()
            if step < 0.05:
                if not self.leave(out, at, "voluntary"):
                    return
                at += self.rng.randrange(0, 200) * DAY
                self.start(out, "reactivation", at)
            elif step < 0.13:
                if not self.collect_after_failure(out, at):
                    return
            elif step < 0.20:
                self.change(out, at)
            elif step < 0.24:
                at = self.pause(out, at)
                if not self.on:
                    return
            else:
                out.fact(self, "renewal", at, amount_minor=self.price(), invoice_id=out.invoice(), attempt=1)

    def start(self, out: Writer, kind: str, at: datetime) -> None:
        self.on = True
        if self.rng.random() < 0.05:
            out.fact(self, "trial_started", at - 14 * DAY, mrr12_minor=0)
        out.fact(self, kind, at, amount_minor=self.price(), invoice_id=out.invoice(), attempt=1)

    def leave(self, out: Writer, at: datetime, reason: str | None) -> bool:
        self.on = False
        out.fact(self, "cancel", at, reason=reason)
        return self.rng.random() < 0.4

    def collect_after_failure(self, out: Writer, at: datetime) -> bool:
        invoice, price = out.invoice(), self.price()
        for attempt, days in enumerate([0, 3, 8, 15], start=1):
            when = at + days * DAY + timedelta(microseconds=self.rng.randrange(1_000_000))
            if attempt > 1 and self.rng.random() < 0.4:
                out.fact(self, "payment_recovered", when, amount_minor=price, invoice_id=invoice, attempt=attempt)
                return True
            out.fact(self, "payment_failed", when, amount_minor=price, invoice_id=invoice, attempt=attempt, code=self.rng.choice(CODES))
        return self.leave(out, at + 21 * DAY, "involuntary")

    def change(self, out: Writer, at: datetime) -> None:
        before = self.run_rate()
        if self.rng.random() < 0.1:
            self.free = not self.free
        elif self.rng.random() < 0.5:
            self.plan = self.rng.choice(list(PRICES))
        else:
            self.seats = max(1, self.seats + self.rng.choice([-1, 1, 2]))
        kind = "upgrade" if self.run_rate() >= before else "downgrade"
        out.fact(self, kind, at, reason="discount" if self.free else None)
        if self.rng.random() < 0.2:  # twice in one instant
            self.seats += 1
            out.fact(self, "upgrade", at)
        out.fact(self, "payment", at, amount_minor=self.price() // 3, invoice_id=out.invoice(), attempt=1)

    def pause(self, out: Writer, at: datetime) -> datetime:
        self.on = False
        out.fact(self, "pause", at)
        at += self.rng.randrange(1, 100) * DAY
        if self.rng.random() < 0.2:
            self.leave(out, at, self.rng.choice(["voluntary", None]))
        else:
            self.start(out, "resume", at)
        return at


def generate(folder: Path, customers: int, seed: int, export: Path) -> int:
    """Writes the Parquet layout, and the same as a DynamoDB export below `export`; says how many facts there are."""
    rng, out = random.Random(seed), Writer()
    profiles: list[dict] = []
    number = 0
    for person in range(customers):
        name = f"cus_{person:08d}" if person % 5 else f"a-customer-with-a-long-name-{person:08d}"
        currency = rng.choice(list(RATES))
        begin = START + timedelta(seconds=rng.randrange(700 * 86_400))
        if rng.random() < 0.97:
            profiles.append({"customer_id": name, "channel": rng.choice(CHANNELS), "currency": currency, "acquired_at": begin})
        for _ in range(rng.choice([1, 1, 1, 1, 2, 3])):
            number += 1
            Subscription(rng, number, name, currency).live(out, begin)
            begin += rng.choice([0, 0, 40]) * DAY
    for position, row in enumerate(out.rows):
        row["event_id"] = f"evt_{position:010d}"
    rng.shuffle(out.rows)
    write(folder, out.rows, profiles)
    write_export(export, out.rows, profiles)
    return len(out.rows)


LETTERS = {"event_id": "e", "subscription_id": "s", "customer_id": "c", "event_type": "t", "occurred_at": "o", "plan": "p", "interval": "i",
           "quantity": "q", "currency": "u", "amount_minor": "a", "mrr12_minor": "m", "invoice_id": "n", "attempt": "k", "reason": "r", "code": "d"}


def attribute(value: object) -> dict:
    if isinstance(value, datetime):
        value = (value - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def write_export(folder: Path, rows: list[dict], profiles: list[dict]) -> None:
    """The table's own layout in DYNAMODB_JSON: profiles, and items that carry one to three facts."""
    home = folder / "AWSDynamoDB" / "01700000000000-own"
    (home / "data").mkdir(parents=True, exist_ok=True)
    items = []
    for person in profiles:
        document = {"currency": {"S": person["currency"]}, "acquired_at": {"S": person["acquired_at"].isoformat()}, "vat": {"NULL": True}}
        if person["channel"]:
            document["channel"] = {"S": person["channel"]}
        items.append({"pk": {"S": person["customer_id"]}, "sk": {"S": "C"}, "d": {"M": document}})
    position = 0
    while position < len(rows):
        group = rows[position:position + 1 + position % 3]
        facts = [{"M": {LETTERS[name]: attribute(value) for name, value in row.items() if value is not None}} for row in group]
        items.append({"pk": {"S": group[0]["customer_id"]}, "sk": {"S": f"J#{position}"}, "x": {"BOOL": False}, "f": {"L": facts}})
        position += len(group)
    shards = [items[i::5] for i in range(5)]
    lines = []
    for number, shard in enumerate(shards):
        text = "".join(json.dumps({"Item": item}, separators=(",", ":")) + "\n" for item in shard)
        packed = gzip.compress(text.encode(), 4, mtime=0)
        name = f"shard{number}.json.gz"
        (home / "data" / name).write_bytes(packed)
        md5 = base64.b64encode(hashlib.md5(packed).digest()).decode()
        key = f"AWSDynamoDB/{home.name}/data/{name}"
        lines.append(json.dumps({"itemCount": len(shard), "md5Checksum": md5, "etag": "-", "dataFileS3Key": key}) + "\n")
    (home / "manifest-files.json").write_text("".join(lines))
    (home / "manifest-summary.json").write_text(json.dumps({"itemCount": len(items), "outputFormat": "DYNAMODB_JSON"}))


def write(folder: Path, rows: list[dict], profiles: list[dict]) -> None:
    instant = pa.timestamp("us", tz="UTC")
    text = ["event_id", "subscription_id", "customer_id", "event_type"]
    schema = pa.schema([(name, pa.string()) for name in text] + [
        ("occurred_at", instant), ("plan", pa.string()), ("interval", pa.string()), ("quantity", pa.int32()), ("currency", pa.string()),
        ("amount_minor", pa.int64()), ("mrr12_minor", pa.int64()), ("invoice_id", pa.string()), ("attempt", pa.int8()),
        ("reason", pa.string()), ("code", pa.string())])
    (folder / "events").mkdir(parents=True, exist_ok=True)
    half = len(rows) // 2
    for part, chunk in enumerate([rows[:half], rows[half:]]):
        pq.write_table(pa.Table.from_pylist(chunk, schema), folder / "events" / f"events-{part:05d}.parquet", row_group_size=5000)
    people = pa.schema([("customer_id", pa.string()), ("channel", pa.string()), ("currency", pa.string()), ("acquired_at", instant)])
    pq.write_table(pa.Table.from_pylist(profiles, people), folder / "customers.parquet")
    pq.write_table(pa.table({"currency": list(RATES), "rate_ppm": list(RATES.values())}), folder / "fx.parquet")


if __name__ == "__main__":
    print(generate(Path(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[2])))
