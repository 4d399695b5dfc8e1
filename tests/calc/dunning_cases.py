"""Published ladders, waits and campaigns, each as a question by dunning: mapped by the fields of its input."""

from __future__ import annotations

from datetime import datetime, timedelta

from calclib import Program, cases, minor

ACTIONS = {"WARNING": "notify", "BLOCKED": "suspend", "CANCELLATION": "end"}
TRIGGERS = {"retry_customer": "customer", "retry_payment_method_update": "card-update", "retry_admin": "admin"}
START = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


def after_the_attempt(days: int, action: str) -> dict:
    return {"after_days": days, "from": "previous-attempt", "action": action}


def retries_and_states(ask, given: dict, expected: dict) -> dict:
    """Retries by their gaps and states by their days, in order of time."""
    rungs, at = [], 0
    for gap in given["retry_days"]:
        at += gap
        rungs.append((at, after_the_attempt(gap, "retry")))
    rungs += [(days, {"after_days": days, "action": ACTIONS[state]}) for state, days in given["states"].items()]
    ladder = [rung for _, rung in sorted(rungs, key=lambda rung: rung[0])]
    steps = ask(first_failure=given["first_failure"], ladder={"soft": ladder})["collection"]["steps"]

    def on(action: str) -> list[str]:
        return [step["at"][:10] for step in steps if step["action"] == action]

    return {"attempts": on("retry"), "states": {state: on(ACTIONS[state])[0] for state in given["states"]}}


def campaign(ask, given: dict, expected: dict) -> dict:
    invoices = [{"amount_minor": given[n]["amount_cents"], "due": given[n]["due"]} for n in ("invoice_1", "invoice_2")]
    found = ask(campaign={"currency": "EUR", "threshold_minor": given["threshold_cents"], "attempts_max": given["max_attempts"],
                          "days_between": given["days_between"], "invoices": invoices})["campaign"]
    requests = [[r["on"], minor(r["requested"])] for r in found["requests"]]
    nothing = [day for day in expected["nothing_on"] if day not in [r[0] for r in requests]]
    return {"overdue_marked": [o["on"] for o in found["overdue"]], "payment_requests": requests, "nothing_on": nothing}


def proposal(ask, given: dict, expected: dict) -> dict:
    ladder = [{"after_hours": given["static_h"], "action": "retry"}, {"after_days": 30, "action": "end"}]
    proposed = START + timedelta(hours=given["adaptive_h"])
    found = ask(first_failure=START.isoformat(), ladder={"soft": ladder}, proposed=proposed.isoformat())["collection"]["next_retry"]
    hours = (datetime.fromisoformat(found["at"]) - START) / timedelta(hours=1)
    source = "static" if found["by"] == "ladder" else "adaptive"
    return {"time_h": int(hours), "source": source, "consumed_after": given["consumed"] + int(found["spends_rung"])}


def budget(ask, given: dict, expected: dict) -> dict:
    """A new invoice, and one in recovery, which keeps its next attempt whatever was tried before."""
    def consumed(reserved: int) -> list[int]:
        asked = [{"attempts_max": given["cap"], "reserved": reserved, "already_tried": tried} for tried in given["already_tried"]]
        return [ask(budget=one)["budget"]["consumed"] for one in asked]

    return {"consumed_new_invoice": consumed(0), "consumed_invoice_in_recovery": consumed(1)}


def triggers(ask, given: dict, expected: dict) -> dict:
    found = ask(attempts=[TRIGGERS[name] for name in given["triggers"]])["attempts"]
    return {"counts": any(attempt["spends_rung"] for attempt in found)}


def hard(ask, given: dict, expected: dict) -> dict:
    """Conditions and classes that are not tried again; with new card data there is one attempt, at once."""
    failed, updated = "2026-01-01T00:00:00Z", "2026-01-03T10:00:00Z"
    without = ask(first_failure=failed, **{"class": "hard"})["collection"]
    found = ask(first_failure=failed, card_updated_at=updated, **{"class": "hard"})["collection"]["next_retry"]
    at_once = found == {"at": updated, "by": "card-update", "spends_rung": False} and "next_retry" not in without
    return {"retry": without["retried"], "after_account_update": "one immediate retry" if at_once else None}


def gaps(ask, given: dict, expected: dict) -> dict:
    gap = expected["gap_days"]
    ladder = [after_the_attempt(gap, "retry")] * expected["retries"] + [after_the_attempt(gap, "end")]
    steps = ask(first_failure="2026-01-01", ladder={"soft": ladder})["collection"]["steps"]
    days = [step["after_seconds"] // 86_400 for step in steps]
    apart = {later - before for before, later in zip([0, *days], days)}
    return {"gap_days": apart.pop() if len(apart) == 1 else None, "retries": sum(s["action"] == "retry" for s in steps),
            "then": "cancel" if steps[-1]["action"] == "end" else None}


def waits(ask, given: dict, expected: dict) -> dict:
    if "start_sec" in given:
        asked = {"seconds": given["start_sec"], "multiplier": given["multiplier"], "attempts_max": given["max_attempts"]}
    else:  # 10 + x * 2^(x+5)
        asked = {"base_seconds": 10, "seconds": 32, "multiplier": 2, "weighted": True, "attempts_max": given["retries"]}
    return {"waits_sec": ask(gateway_errors=asked)["gateway_errors"]["waits_seconds"]}


def check(program: Program, case: dict) -> str | None:
    given, expected = case["input"], case["expected"]
    table = [("retry_days", retries_and_states), ("threshold_cents", campaign), ("adaptive_h", proposal), ("already_tried", budget),
             ("triggers", triggers), ("class", hard), ("conditions", hard), ("start_sec", waits), ("retries", waits)]
    compute = next((run for field, run in table if field in given), gaps)
    found = compute(lambda **asked: program.ask("dunning", asked), given, expected)
    wrong = [f"{name}: published {value}, computed {found.get(name)}" for name, value in expected.items() if found.get(name) != value]
    return "; ".join(wrong) or None


def run(program: Program):
    for case in cases("dunning.json"):
        yield case, lambda case=case: check(program, case)
