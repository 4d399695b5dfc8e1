"""Published billing dates, each as a question by dates: mapped by peer and the fields of its input, never by its id."""

from __future__ import annotations

from datetime import date, datetime

from calclib import Program, cases

PROFILES = {"Lago": "lago", "Kill Bill": "killbill", "Meteroid": "meteroid", "Flexprice": "flexprice", "Stripe Billing": "stripe-classic",
            "OpenMeter": "default"}
INTERVALS = {"daily": "day", "weekly": "week", "biweekly": "2-weeks", "monthly": "month", "bimestrial": "2-months", "quarterly": "quarter",
             "half_year": "half-year", "half_yearly": "half-year", "yearly": "year", "annual": "year", "thirty_days": "thirty-days"}
STARTS = ["start", "period_start", "subscribed_at", "reference_instant", "anchor"]
LEAP_YEAR = "2024"


def whole(text: str) -> str:
    """A month and a day in the leap year."""
    return f"{LEAP_YEAR}-{text}" if len(text) == 5 else text


def question(case: dict) -> dict:
    given = case["input"]
    found: dict = {"zone": given.get("timezone", "UTC"), "start": whole(next(given[name] for name in STARTS if name in given))}
    counted = next((f"{given[unit]}-{unit}" for unit in ("days", "weeks", "months") if unit in given and "anchor" in given), None)
    found["interval"] = counted or INTERVALS.get(given.get("interval", "monthly"), given.get("interval"))
    anchor = given.get("anchor")
    if "anchor_day" in given:
        found["anchor_day"] = given["anchor_day"]
    elif anchor == "calendar" or (anchor is None and "calendar anchor" in case["rule"]):
        found["align"] = "calendar"
    elif anchor and len(anchor) == 5:
        found |= {"anchor_month": int(anchor[:2]), "anchor_day": int(anchor[3:])}
    elif anchor:
        found["anchor"] = anchor
    return found


def same_span(found: dict, expected: list[str]) -> bool:
    def like(text: str, wanted: str) -> bool:
        if "T" not in wanted:
            return text[:10] == wanted
        return datetime.fromisoformat(text) == datetime.fromisoformat(wanted)

    return like(found["start"], expected[0]) and like(found["end"], expected[1])


def starts(answer: dict) -> list[str]:
    return [period["start"][:10] for period in answer["periods"]]


def local_times(day: str) -> list[str]:
    return [f"{day}T{time}" for time in ("00:00:00", "12:00:00", "23:59:59")]


def runs(ask, asked: dict, case: dict) -> bool:
    given, expected = case["input"], case["expected"]
    rounds = [("run_before", "invoices_before"), ("runs", "invoices_after_runs"), ("run_after", "invoices_after_later_runs")]
    instants = [at for name, _ in rounds for at in given.get(name, [])]
    counts = [len(run["due"]) for run in ask(asked | {"runs": instants})["runs"]]
    total, place = 0, 0
    for name, figure in rounds:
        upto = place + len(given.get(name, []))
        total, place = total + sum(counts[place:upto]), upto
        if figure in expected and total != expected[figure]:
            return False
    return True


def after_trial(ask, asked: dict, case: dict) -> bool:
    """[1st of month, 1st of next month) for each of N months from D."""
    words = case["expected"]["periods"].split()
    months, first = next(int(w) for w in words if w.isdigit()), date.fromisoformat(words[-1])
    trial = {"trial": {"days": case["input"].get("trial_days", 0)}, "time": "midnight", "count": months}
    periods = ask(asked | trial)["periods"]
    wanted = [date(first.year + (first.month - 1 + n) // 12, (first.month - 1 + n) % 12 + 1, 1).isoformat() for n in range(months + 1)]
    return [(p["start"][:10], p["end"][:10], p["cut"]) for p in periods] == [(a, b, "whole") for a, b in zip(wanted, wanted[1:])]


def holds(program: Program, case: dict, name: str, expected) -> bool:
    asked = question(case)
    at = case["input"].get("at")

    def ask(document: dict) -> dict:
        return program.ask("dates", document, PROFILES[case["peer"]])

    if name == "dates":
        found = [start for start in starts(ask(asked | {"count": 200})) if start >= expected[0]]
        return found[: len(expected)] == expected
    if name in ("on", "not_on"):
        days = [ask(asked | {"at": at, "count": 1})["at"]["is_billing_day"] for day in expected for at in local_times(day)]
        return all(is_one == (name == "on") for is_one in days)
    if name in ("invoices_before", "invoices_after_runs", "invoices_after_later_runs"):
        return runs(ask, asked, case)
    if name == "day":
        return all(int(start[8:]) == expected for start in starts(ask(asked | {"count": 120}))[1:])
    if name == "weekday":
        return all(date.fromisoformat(start).strftime("%A") == expected for start in starts(ask(asked | {"count": 520})))
    if name == "period":
        if not any(field in case["input"] for field in STARTS[:4]):
            asked.pop("start")
        return same_span(ask(asked | {"at": at, "count": 1})["at"]["period"], expected)
    if name == "first_period":
        return same_span(ask(asked | {"count": 1})["periods"][0], expected)
    if name == "elapsed_cycles":
        return ask(asked | {"at": at, "count": 1})["at"]["completed"] == expected
    if name == "first_billing_date":
        found = {i: ask(asked | {"interval": INTERVALS[i], "count": 1})["first_anchor"][:10] for i in expected}
        return found == expected
    if name in ("next", "anchor"):
        end = ask(asked | {"count": 1})["periods"][0]["end"]
        return same_span({"start": end, "end": end}, [expected, expected])
    if name == "periods":
        return after_trial(ask, asked, case)
    # What a whole month costs belongs to prices: all of it.
    return name == "amount_each"


def check(program: Program, case: dict) -> str | None:
    wrong = [name for name, expected in case["expected"].items() if not holds(program, case, name, expected)]
    return f"{', '.join(wrong)}: not as published" if wrong else None


# Why a case is not reproduced, by what its input has.
def not_supported(case: dict) -> str | None:
    if case["use"] == "avoid" and case["input"].get("interval") == "annual":
        return "a first period longer than its interval (17 months): no policy here makes one"
    return None


def run(program: Program):
    for case in cases("billing_dates.json"):
        yield case, not_supported(case) or (lambda case=case: check(program, case))
