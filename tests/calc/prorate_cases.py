"""Published prorations, each as a question by prorate: mapped by peer and the fields of its input, never by its id."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from calclib import Program, cases, minor

FILES = ["proration.json", "discount_proration.json"]
INTERVALS = {"quarterly": "quarter", "yearly": "year", "annual": "year"}
COMMON_YEAR = "2023"


def profile(case: dict) -> str:
    if case["peer"] == "Kill Bill":
        return "killbill-30" if "30-day convention" in case["rule"] else "killbill"
    if case["peer"] == "Polar":
        return "polar-seats" if "seats" in case["input"] else "polar"
    names = {"Stripe Billing": "stripe-classic", "Chargebee": "chargebee-day", "Samsung IAP": "samsung"}
    return names.get(case["peer"], case["peer"].lower())


def policy(case: dict) -> dict:
    """What the rule or the input says beside the profile."""
    found = {"rounding": "half-up"} if "rounded half up" in case["rule"] else {}
    if case["input"].get("anchor") == "anniversary":
        found["first_period"] = "full"
    return {"policy": found} if found else {}


def day(text: str) -> str:
    """A date, or one without its year; what stands in brackets after it is a remark."""
    text = text.split(" ")[0]
    return f"{COMMON_YEAR}-{text}" if len(text) == 5 else text


def span(pair: list[str]) -> dict:
    return {"start": day(pair[0]), "end": day(pair[1])}


def cents(value) -> int:
    return value if isinstance(value, int) else int(Decimal(value) * 100)


def first_of(given: dict, names: list[str]) -> int:
    return next((cents(given[name]) for name in names if name in given), 0)


def next_month(start: date) -> date:
    year, month = start.year + start.month // 12, start.month % 12 + 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))


def shown(value: int) -> str | None:
    """Cents as the pages write them: no amount is null."""
    return None if value == 0 else f"{Decimal(value) / 100:.2f}"


class Asker:
    def __init__(self, program: Program, case: dict) -> None:
        self.program, self.case = program, case

    def __call__(self, kind: str, **fields) -> dict:
        question = {"currency": "USD", "kind": kind, **policy(self.case), **fields}
        return self.program.ask("prorate", question, profile(self.case))


def changed(ask: Asker, given: dict, expected: dict) -> dict:
    if "proration_at_unix" in given:
        def unix(name: str) -> str:
            return datetime.fromtimestamp(given[name], UTC).isoformat().replace("+00:00", "Z")

        period, at = {"start": unix("period_start_unix_inferred"), "end": unix("period_end_unix")}, unix("proration_at_unix")
    else:
        period, at = span(given["period"]), day(given["change"])
    old = first_of(given, ["old_cents", "old_total", "old"])
    new = first_of(given, ["new_cents", "new_total", "new"])
    restart = {"new_interval": "month"} if "new_period" in expected else {}
    answer = ask("change", period=period, at=at, from_minor=old, to_minor=new, **restart)
    credit, charge = minor(answer["credit"]), minor(answer["charge"])
    signed = ask.case["peer"] != "Polar"
    page = {"credit_cents": credit if signed else -credit, "debit_cents": charge, "charge_cents": charge, "credit": shown(credit),
            "charge": shown(charge), "net": shown(minor(answer["net"])), "new_period": [answer["period"][e][:10] for e in ("start", "end")]}
    if answer["policy"].get("destination") == "balance":
        left = minor(answer["settlement"]["balance"])
        # This page prints how the credit is used up, and no signs.
        page |= {"credit": shown(-credit), "used": shown(old + credit), "remaining_charge": shown(charge), "credit_left": shown(left),
                 f"next_invoice_{period['end']}": shown(max(new - left, 0))}
    return page


def halves(given: dict) -> tuple[dict, str]:
    """A period of as many days as the fraction has parts, and the day at which it is left."""
    part, whole = map(int, (given.get("fraction") or given["elapsed_fraction"]).split("/"))
    start = date(2024, 1, 1)
    return {"start": str(start), "end": str(start + timedelta(days=whole))}, str(start + timedelta(days=whole - part))


def discounted(program: Program, lines: list[tuple[str, int]], coupon: dict) -> dict[str, int]:
    """What is left of each line: the discount comes off by an invoice of its own."""
    asked = {"currency": "USD", "lines": [{"item": item, "amount_minor": amount} for item, amount in lines], "coupons": [coupon]}
    return {line["item"]: minor(line["net"]) for line in program.ask("invoice", asked, "polar")["lines"]}


def by_fraction(ask: Asker, given: dict, expected: dict) -> dict:
    period, at = halves(given)

    def items(old: dict[str, int], new: dict[str, int]) -> dict:
        return ask("change", period=period, at=at, items=[{"item": n, "from_minor": old[n], "to_minor": new[n]} for n in old])

    def side(answer: dict, sign: int) -> dict:
        found = {"fixed": 0, "seat": 0}
        for line in answer["lines"]:
            if sign * minor(line["total"]) > 0:
                found[line["item"]] += abs(minor(line["total"]))
        return found

    if "discount_cents" in given:
        old, new = (discounted(ask.program, list(given[s].items()), {"fixed_minor": given["discount_cents"]}) for s in ("old", "new"))
        answer = items(old, new)
        return {"credit": side(answer, -1), "debit": side(answer, 1)}
    if "per_seat" in given:
        # The fixed fee does not change, so it is not part of the change.
        old, new = (discounted(ask.program, [("seat", given["per_seat"] * n)], {"percent": str(given["percent"])}) for n in given["seats"])
        return {"debit_cents": minor(items(old, new)["charge"])}
    if "old_discount" in given:
        old, new = (discounted(ask.program, [("plan", given[f"{s}_cents"])], {"percent": str(given[f"{s}_discount"][1])}) for s in ("old", "new"))
        answer = items(old, new)
        return {"credit_cents": -minor(answer["credit"]), "debit_cents": minor(answer["charge"])}
    answer = items({"plan": cents(given["old"])}, {"plan": cents(given["new"])})
    return {"charge_now": shown(minor(answer["settlement"]["due_now"]))}


def terminated(ask: Asker, given: dict, expected: dict) -> dict:
    started, percent = date.fromisoformat(given["started"]), given["tax_rate_pct"]
    month = started.replace(day=1) if given["anchor"] == "calendar" else started
    period = {"start": str(month), "end": str(next_month(month))}
    first = ask("leading-stub", start=str(started), anchor=period["end"], to_minor=given["price_cents"], tax_percent=percent)["tax"]["charge"]
    ended = ask("cancel", period=period, at=given["terminated"], from_minor=given["price_cents"], tax_percent=percent)
    note = {name: minor(ended["tax"]["credit"][name]) for name in ("subtotal", "tax", "total")}
    usage = {"currency": "USD", "lines": [{"amount_minor": given.get("usage_cents", 0)}], "tax_percent": str(percent), "credit_minor": note["total"]}
    closing = ask.program.ask("invoice", usage, profile(ask.case))
    return {
        "first_invoice_total_cents": minor(first["total"]), "first_invoice": {"tax_cents": minor(first["tax"]), "total_cents": minor(first["total"])},
        "credit_note_total_cents": note["total"],
        "credit_note": {"subtotal_cents": note["subtotal"], "tax_cents": note["tax"], "total_cents": note["total"]},
        "closing_invoice": {"subtotal_cents": minor(closing["subtotal"]), "tax_cents": minor(closing["tax"]),
                            "credit_applied_cents": minor(closing["credit_used"]), "total_cents": minor(closing["amount_due"])},
    }


def credit_note(ask: Asker, given: dict, expected: dict) -> dict:
    answer = ask("factor", numerator=given["unused_days"], denominator=given["days_in_period"], to_minor=given["price_cents"],
                 tax_percent=given["tax_rate_pct"])
    note = answer["tax"]["charge"]
    return {"subtotal_cents": minor(note["subtotal"]), "tax_cents": minor(note["tax"]), "total_cents": minor(note["total"])}


def arrears(ask: Asker, given: dict, expected: dict) -> dict:
    """The page's periods have both ends inside."""
    start, end = given["period"]
    period = {"start": start, "end": str(date.fromisoformat(end) + timedelta(days=1))}
    since = {"since": given["sub_started"]} if "sub_started" in given else {}
    after = {} if "terminated" in given else {"to_minor": given["price_cents"]}
    item = {"item": "plan", "from_minor": given["price_cents"], **since, **after}
    kind, at = ("cancel", given["terminated"]) if "terminated" in given else ("change", given["upgraded_at"])
    line = ask(kind, timing="arrears", period=period, at=at, items=[item])["lines"][0]
    assert line["rule"] == "used"
    return {"fee_cents": minor(line["total"]), "old_plan_fee_cents": minor(line["total"]), "days": line["factor"]["numerator"]}


def cancelled(ask: Asker, given: dict, expected: dict) -> dict:
    answer = ask("cancel", period=span(given["period"]), at=given["cancelled"], **{"from": given["price"]})
    return {"repair": shown(minor(answer["credit"])), "account_credit": shown(minor(answer["settlement"]["balance"]))}


def extra_time(ask: Asker, given: dict, expected: dict) -> dict:
    start = date.fromisoformat(day(given["start"]))
    answer = ask("change", period={"start": str(start), "end": str(next_month(start))}, at=day(given["change"]), **{"from": given["old"], "to": given["new"]})
    raw = Decimal(-minor(answer["credit"])) * 30 / cents(given["new"])
    return {"extra_days": answer["settlement"]["extra_days"], "raw_days": f"{raw.normalize()}", "next_charge": answer["period"]["end"][5:10]}


def days(ask: Asker, given: dict, expected: dict) -> dict:
    asked = {"zone": given["timezone"], "days": {"from": given["from"], "to": given["to"]}}
    return {"days": ask.program.ask("dates", asked, profile(ask.case))["days"]["days"]}


def factor(ask: Asker, given: dict, expected: dict) -> dict:
    line = ask("leading-stub", start=given["from"], anchor=given["to"], to="1")["lines"][0]
    return {"factor": line["factor"]["value"]}


def backdated(ask: Asker, given: dict, expected: dict) -> dict:
    dates = {"start": day(given["backdate_start"]), "anchor": day(given["first_billing_date"]), "to": "1"}
    seconds = ask("leading-stub", **dates)["lines"][0]["factor"]["value"]
    # Whole days from midnight to midnight: the same part, in days as the page prints it.
    counted = ask("leading-stub", **dates, policy={"unit": "day"})["lines"][0]["factor"]
    return {"factor": f"{counted['numerator']}/{counted['denominator']}", "rounded": seconds}


def lines(ask: Asker, start: str, anchor_day: int, price: str, until: str) -> list[list]:
    answer = ask("segments", segments=[{"start": start, "anchor_day": anchor_day}], until=until, to=price)
    return [[l["period"]["start"][:10], l["period"]["end"][:10], shown(minor(l["total"]))] for l in answer["lines"]]


def leading_stub(ask: Asker, given: dict, expected: dict) -> dict:
    found = ask("leading-stub", start=given["start"], anchor_day=given["bill_cycle_day"], to=given["price"])["lines"][0]
    return {"period": [found["period"][e][:10] for e in ("start", "end")], "amount": shown(minor(found["total"])), "days": found["factor"]["numerator"]}


def with_anchor(ask: Asker, given: dict, expected: dict) -> dict:
    first = ask("leading-stub", start=given["start"], anchor_day=given["anchor_day"], to="1")["lines"][0]["period"]["end"][:10]
    return {"lines": lines(ask, given["start"], given["anchor_day"], given["price"], first)}


def plan_and_anchor(ask: Asker, given: dict, expected: dict) -> dict:
    """A change of plan and of the anchor day: with the plan, or at the end of the calendar month that runs."""
    at, anchor_day = given["changed"], given["new_anchor_day"]
    moves = "old_period" in given
    month = date.fromisoformat(at).replace(day=1)
    period = span(given["old_period"]) if moves else {"start": str(month), "end": str(next_month(month))}
    reach = {"anchor_day": anchor_day} if moves else {}
    answer = ask("change", period=period, at=at, **{"from": given["old_price"], "to": given["new_price"]}, **reach)
    rows = [[l["period"]["start"][:10], l["period"]["end"][:10], shown(minor(l["total"]))] for l in answer["lines"]]
    begins, credit = answer["period"]["end"][:10], minor(answer["settlement"]["balance"])
    following = lines(ask, begins, anchor_day, given["new_price"], begins)
    if credit:
        following.append(["credit used", "", shown(-credit)])
    # The page prints the charge first.
    return {"lines": rows[::-1], "account_credit": shown(credit), "next_invoice": following}


def cycles(ask: Asker, given: dict, expected: dict) -> dict:
    folder = ask.case["source"]["path"]
    interval = next((INTERVALS[name] for name in ("annual", "quarterly") if f"/{name}/" in folder), "month")
    asked = [{"start": s, "anchor_day": d, **({"end": e} if e else {})} for s, e, d in given["segments"]]
    answer = ask("segments", segments=asked, until=given["target"], interval=interval, to="1")
    rows = []
    for number in range(1, len(asked) + 1):
        row: list[str] = []
        count = 0
        for line in [l for l in answer["lines"] if l["segment"] == number] + [None]:
            if line and line["rule"] == "full-period":
                count += 1
                continue
            # Neighbouring full periods are printed as their number, where they stand.
            row += [str(count)] if count else []
            count = 0
            row += [f"{line['factor']['numerator']}/{line['factor']['denominator']}"] if line else []
        rows.append(row)
    return {"cycles_per_segment": rows}


def credit_base(ask: Asker, given: dict, expected: dict) -> dict:
    """Behavioural, without a figure: the newer mode credits what was debited, which was another amount here."""
    item = {"item": "plan", "from": "60", "to": "60", "debits": [{"start": "2024-04-01", "end": "2024-05-01", "amount": "30"}]}
    asked = {"currency": "USD", "kind": "change", "period": {"start": "2024-04-01", "end": "2024-05-01"}, "at": "2024-04-16", "items": [item]}
    credits = [minor(ask.program.ask("prorate", asked, name)["credit"]) for name in ("stripe-classic", "stripe-flexible")]
    return {"recommended": "amount originally debited"} if credits == [-3000, -1500] else {"credits": credits}


def computation(given: dict):
    has = given.__contains__
    table = [
        (has("segments"), cycles), (has("question"), credit_base), (has("timezone") and has("from"), days), (has("from"), factor),
        (has("backdate_start"), backdated), (has("bill_cycle_day"), leading_stub), (has("anchor_day"), with_anchor),
        (has("new_anchor_day"), plan_and_anchor), (has("unused_days"), credit_note),
        (has("upgraded_at") or given.get("mode") == "arrears", arrears), (has("terminated"), terminated), (has("cancelled"), cancelled),
        (has("used_days"), extra_time), (has("fraction") or has("elapsed_fraction"), by_fraction),
    ]
    return next((run for fits, run in table if fits), changed)


def check(program: Program, case: dict) -> str | None:
    found = computation(case["input"])(Asker(program, case), case["input"], case["expected"])
    wrong = [f"{name}: published {value}, computed {found.get(name)}" for name, value in case["expected"].items() if found.get(name) != value]
    return "; ".join(wrong) or None


def not_supported(case: dict) -> str | None:
    if case["use"] == "avoid":
        return "to be avoided: 15 of 30 days is an illustration, strict days are 16"
    return None


def run(program: Program):
    for name in FILES:
        for case in cases(name):
            yield case, not_supported(case) or (lambda case=case: check(program, case))
