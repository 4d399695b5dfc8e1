"""Published prices, each as a question by price: mapped by peer and the fields of its input, never by its id."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from calclib import Program, Refused, cases

FILES = ["pricing_tiers.json", "pricing_more.json"]
PROFILES = {"Lago": "lago", "Kill Bill": "killbill", "Meteroid": "meteroid", "Polar": "polar", "Flexprice": "flexprice",
            "Chargebee": "chargebee-day", "Stripe Billing": "stripe-classic"}


def ends(rows: list) -> list:
    return [None if row[1] is None else str(row[1]) for row in rows]


def tier(end: str | None, **fields: str) -> dict:
    return {**({} if end is None else {"up_to": end}), **fields}


def tiers(given: dict) -> list[dict]:
    if "tiers" in given:
        rows = given["tiers"]
        return [tier(end, unit_amount=row[2], flat_amount=row[3]) for row, end in zip(rows, ends(rows))]
    if "tiers_from" in given:
        rows = given["tiers_from"]
        next_first = [str(row[0]) for row in rows[1:]] + [None]
        found = [tier(end, unit_amount=row[1]) for row, end in zip(rows, next_first)]
        if "flat_fee" in given:
            found[0]["flat_amount"] = given["flat_fee"]
        return found
    return [tier(None if row[0] is None else str(row[0]), unit_amount=str(Decimal(row[1]) / 100)) for row in given["tiers_bound"]]


def percentage(given: dict) -> tuple[dict, dict]:
    model = {"model": "percentage", "rate": given["rate_pct"]}
    names = {"fixed": "fixed_amount", "free_units": "free_units", "free_events": "free_events", "min_per_event": "minimum_per_event",
             "max_per_event": "maximum_per_event"}
    model |= {ours: given[theirs] for theirs, ours in names.items() if theirs in given}
    if "per_event" in given:
        return model, {"events": {"amounts": given["per_event"]}}
    counted = {"events": {"count": given["events"]}} if "events" in given else {}
    return model, {"quantity": given["total"], **counted}


def blocks(given: dict) -> list[tuple[dict, dict]]:
    policy = {"TOP_TIER": "top-tier", "ALL_TIER": "all-tiers", "ALL_TIERS": "all-tiers"}[given["policy"]]
    found = []
    for name, unit in given["units"].items():
        rows = [{"block_size": str(unit["block"]), "amount": amount} | ({} if count < 0 else {"blocks": str(count)}) for count, amount in unit["tiers"]]
        found.append(({"model": "block-tiers", "policy": policy, "tiers": rows}, {"quantity": given["usage"][name]}))
    return found


def questions(case: dict) -> list[tuple[dict, dict]]:
    """Prices with what they are asked for; their amounts are to be added."""
    given, rule = case["input"], case["rule"]
    units = {"quantity": given.get("units", 0)}
    if "event_units" in given:
        model = "volume" if "all units at the tier reached" in rule else "graduated"
        both = zip(given["event_units"], given["event_prorated_units"])
        moved = {"events": {"prorated": [{"units": a, "prorated": b} for a, b in both]}}
        return [({"model": "usage", "meter": "seats", "price": {"model": model, "tiers": tiers(given)}}, moved)]
    if isinstance(given.get("units"), dict):
        return blocks(given)
    if "tiers_rate_pct_flat" in given:
        rows = given["tiers_rate_pct_flat"]
        found = [tier(end, rate=row[2], flat_amount=row[3]) for row, end in zip(rows, ends(rows))]
        return [({"model": "graduated-percentage", "tiers": found}, units)]
    if "rate_pct" in given:
        return [percentage(given)]
    if any(name in given for name in ("tiers", "tiers_from", "tiers_bound")):
        model = "volume" if rule.startswith("all units at the tier reached") or rule == "volume" else "graduated"
        return [({"model": model, "tiers": tiers(given)}, units)]
    for name in ("package_size", "block", "package"):
        if name in given:
            least = {"minimum_packages": "1"} if "at least one package" in rule else {}
            free = {"free_units": str(given["free_units"])} if "free_units" in given else {}
            return [({"model": "package", "size": str(given[name]), "amount": given["price"], **free, **least}, units)]
    return [({"model": "per-seat", "unit_amount": given["rate"]}, units)]


def exact(program: Program, case: dict, priced: list[tuple[dict, dict]]) -> Decimal:
    """Cents before rounding."""
    asked = [{"currency": "EUR", "price": price, **units} for price, units in priced]
    profile = PROFILES[case["peer"]]
    return sum((Decimal(program.ask("price", q, profile)["unrounded_minor"]) for q in asked), Decimal(0))


def check(program: Program, case: dict) -> str | None:
    given, expected = case["input"], case["expected"]
    priced = questions(case)
    if "amounts" in expected:
        question = {"currency": "EUR", "price": priced[0][0], "each": given["transactions"]}
        found = [Decimal(e["unrounded_minor"]) / 100 for e in program.ask("price", question, PROFILES[case["peer"]])["each"]]
        return None if found == [Decimal(a) for a in expected["amounts"]] else f"{found}"
    if "graduated_cents" in expected:
        units = priced[0][1]
        found = exact(program, case, [({"model": "graduated", "tiers": tiers(given)}, units)])
        try:
            exact(program, case, [({"model": "volume", "tiers": tiers(given)}, units)])
            volume = "priced"
        except Refused:
            volume = "error"
        same = found == Decimal(expected["graduated_cents"]) and (volume == "error") == (expected.get("volume") == "error")
        return None if same else f"graduated {found}, volume {volume}"
    wanted = Decimal(expected["amount_cents"]) if "amount_cents" in expected else Decimal(expected["amount"]) * 100
    found = exact(program, case, priced)
    if "prorated units carry the money" in case["rule"]:  # computed in binary floats there, and rounded by the test
        found = found.quantize(Decimal(1), ROUND_HALF_EVEN)
    return None if found == wanted else f"{found} cents and not {wanted}"


def run(program: Program):
    for name in FILES:
        for case in cases(name):
            yield case, lambda case=case: check(program, case)
