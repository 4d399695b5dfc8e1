"""Published discounts, taxes, credit notes and balances, each as a question by invoice: mapped by peer and fields."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import prorate_cases
from calclib import Program, cases, minor

FILES = ["discount_tax_order.json", "discounts_more.json", "credit_notes.json"]
PROFILES = {"Lago": "lago", "Meteroid": "meteroid", "Polar": "polar", "Kill Bill": "killbill"}
# Not a profile of the issue: its policy is a profile of documents, and is written out here.
UNIBEE = {"document": {"discount": {"order": "as-given", "rounding": "half-even"}, "tax": {"rounding": "half-even"}}}


def cents(value) -> int:
    return value if isinstance(value, int) else int(Decimal(value) * 100)


def ask(program: Program, case: dict, **fields) -> dict:
    own = {"policy": UNIBEE} if case["peer"] == "UniBee" else {}
    return program.ask("invoice", {"currency": "EUR", **own, **fields}, PROFILES.get(case["peer"], "default"))


def document(program: Program, case: dict) -> dict:
    """An invoice of lines with coupons and a tax rate."""
    given = case["input"]
    rate = str(given.get("vat_pct", given.get("tax_pct", 0)))
    if "fees" in given:
        lines = [{"amount_minor": fee["cents"], "tax_percent": str(fee["tax_pct"])} for fee in given["fees"]]
    else:
        lines = [{"amount_minor": cents(a), "tax_percent": rate} for a in given.get("lines_cents", [given.get("subtotal")])]
    percents = [*given.get("percent", []), *([given["coupon_pct"]] if "coupon_pct" in given else [])]
    fixed = [*given.get("fixed", []), *given.get("coupons_cents", []), *(given[n] for n in ("discount_cents", "discount") if n in given)]
    coupons = [{"percent": str(p)} for p in percents] + [{"fixed_minor": cents(f)} for f in fixed]
    done = ask(program, case, lines=lines, coupons=coupons)

    def money(amount: dict):
        return f"{Decimal(minor(amount)) / 100:.2f}" if isinstance(given.get("subtotal"), str) else minor(amount)

    def of_lines(name: str) -> list[int]:
        return [minor(line[name]) for line in done["lines"]]

    discount, tax = money(done["discount"]), money(done["tax"])
    return {"coupon_used_cents": discount, "discount_cents": discount, "discount": discount, "taxable": money(done["net"]),
            "taxable_cents": of_lines("net"), "fee_coupons_cents": of_lines("discount"), "fee_taxes_cents": of_lines("tax"),
            "tax": tax, "tax_cents": tax, "vat": tax, "total": money(done["total"])}


def allocated(program: Program, case: dict) -> dict:
    """One discount over amounts; a percentage also on their sum."""
    given = case["input"]
    points = given.get("basis_points")
    coupon = {"percent": str(Decimal(points) / 100)} if points else {"fixed_minor": given["discount_cents"]}

    def off(amounts: list[int]) -> list[int]:
        done = ask(program, case, lines=[{"amount_minor": a} for a in amounts], coupons=[coupon])
        return [minor(line["discount"]) for line in done["lines"]]

    amounts = given["amounts_cents"]
    return {"allocated": off(amounts), "on_the_sum": off([sum(amounts)])[0]}


def balance(program: Program, case: dict) -> dict:
    given = case["input"]

    def get(name: str) -> int:
        return cents(given[name]) if isinstance(given.get(name), str) else 0

    charge, refund = get("charge") + get("draft_charge"), get("refund")
    # A refund with adjustment lowers the charge by what is refunded.
    adjusted = -refund if given.get("adjust") is True else get("adjust")
    account = {"adjustments_minor": adjusted, "credits_minor": -get("credit_on_draft"), "paid_minor": get("paid"), "refunded_minor": refund}

    def told(status: str) -> dict[str, str]:
        found = ask(program, case, lines=[{"amount_minor": charge}], account=account | {"status": status})["balance"]
        return {name: str(Decimal(minor(found[name])) // 100) for name in ("charged", "credits", "balance")}

    now, draft = told("open"), told("draft")
    return {"charged": now["charged"], "credit": now["credits"], "balance": now["balance"], "balance_after_commit": now["balance"],
            "balance_while_draft": draft["balance"]}


def days(given: dict) -> tuple[int, int, int]:
    """Days that the first invoice bills, days of its period, days unused after the end, whose day counts as used."""
    if "unused_days" in given:
        return given["days_in_period"], given["days_in_period"], given["unused_days"]
    start, end = date.fromisoformat(given["started"]), date.fromisoformat(given["terminated"])
    first = start.replace(day=1) if given["anchor"] == "calendar" else start
    following = prorate_cases.next_month(first)
    return (following - start).days, (following - first).days, (following - end).days - 1


def given_back(program: Program, case: dict) -> dict:
    """A credit note for the unused days of what was billed in advance, and the closing invoice that it pays."""
    given, (billed, whole, unused) = case["input"], days(case["input"])
    part = {"currency": "EUR", "kind": "factor", "denominator": whole, "to_minor": given["price_cents"]}
    fee, back = (program.ask("prorate", part | {"numerator": n}, "lago")["lines"][0] for n in (billed, unused))
    credit = {"lines": [{"line": "fee", "net_minor": back["unrounded_minor"]}]}
    rate = str(given["tax_rate_pct"])
    first = ask(program, case, lines=[{"id": "fee", "amount_minor": minor(fee["total"])}], tax_percent=rate, credit_notes=[credit])
    note = {name: minor(first["credit_notes"][0][name]) for name in ("net", "tax", "total")}
    parts = {"subtotal_cents": note["net"], "tax_cents": note["tax"], "total_cents": note["total"]}
    usage = [{"amount_minor": given.get("usage_cents", 0)}]
    closing = ask(program, case, lines=usage, tax_percent=rate, credit_minor=note["total"])
    return {**parts, "credit_note": parts, "credit_note_total_cents": note["total"], "first_invoice_total_cents": minor(first["total"]),
            "first_invoice": {"tax_cents": minor(first["tax"]), "total_cents": minor(first["total"])},
            "closing_invoice": {"subtotal_cents": minor(closing["subtotal"]), "tax_cents": minor(closing["tax"]),
                                "credit_applied_cents": minor(closing["credit_used"]), "total_cents": minor(closing["amount_due"])}}


def check(program: Program, case: dict) -> str | None:
    given = case["input"]
    if "fraction" in given:
        # The discount comes off both sides of a change, which is then prorated.
        return prorate_cases.check(program, case)
    if case["rule"].startswith("balance ="):
        found = balance(program, case)
    elif "amounts_cents" in given:
        found = allocated(program, case)
    elif "price_cents" in given:
        found = given_back(program, case)
    else:
        found = document(program, case)
    wrong = [f"{name}: published {value}, computed {found.get(name)}" for name, value in case["expected"].items() if found.get(name) != value]
    return "; ".join(wrong) or None


def run(program: Program):
    for name in FILES:
        for case in cases(name):
            yield case, lambda case=case: check(program, case)
