#!/usr/bin/env python3
"""`perennial calc` as its users have it: the built program, its schemas and examples, published cases, bad input.

    python3 tests/calc/run.py --bin PATH

Needs the built `perennial`; a pinned jsonschema is installed into a venv under $PERENNIAL_CACHE. Ends with
`N passed, M failed`; cases that are not reproduced are named with the reason and count as neither.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import calclib
import tooling

PASSED: list[str] = []
FAILED: list[str] = []


def note(name: str, problem: str | None) -> None:
    (FAILED if problem else PASSED).append(name)
    if problem:
        print(f"FAIL {name}: {problem}", flush=True)


def attempt(name: str, check: Callable[[], str | None]) -> None:
    try:
        note(name, check())
    except (AssertionError, calclib.Refused) as problem:
        note(name, str(problem))
    except Exception:  # a case that cannot be read is a failure, and the others still run
        note(name, traceback.format_exc().splitlines()[-1])


def examples(program: calclib.Program, kind: str) -> None:
    """The program's own examples are what is checked in, and each is answered as its golden answer says."""
    folder = calclib.SCHEMAS / "examples"
    questions = (folder / f"{kind}.jsonl").read_text()
    note(f"{kind} --example", None if program.run(kind, "--example").stdout == questions else "differs from the file")
    done = program.run(kind, text=questions)
    found, wanted = done.stdout.splitlines(), (folder / f"{kind}.answers.jsonl").read_text().splitlines()
    note(f"{kind}: exit code", None if done.returncode == 0 else f"exit {done.returncode}: {done.stderr}")
    note(f"{kind}: as many answers as questions", None if len(found) == len(wanted) == len(questions.splitlines()) else f"{len(found)}")
    for question, answer, golden in zip(questions.splitlines(), found, wanted):
        asked = json.loads(question)
        problem = program.problem(kind, "question", asked) or program.problem(kind, "answer", json.loads(answer))
        if not problem and json.loads(answer) != json.loads(golden):
            problem = f"answered {answer[:200]} and not {golden[:200]}"
        note(f"{kind} example {asked.get('id')}", problem)


def files_and_lines(program: calclib.Program) -> None:
    """Files are read one after the other, blank lines are skipped, and what was good before a bad line is answered."""
    good = '{"days":{"from":"2026-01-01","to":"2026-02-01"}}'
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "one.jsonl", Path(folder) / "other.jsonl"
        one.write_text(f"\n{good}\n\n{good}")
        other.write_text(f"{good}\n{{]\n{good}\n")
        done = program.run("dates", str(one))
        note("blank lines are skipped", None if (done.returncode, len(done.stdout.splitlines())) == (0, 2) else f"{done}")
        done = program.run("dates", str(one), str(other))
        right = done.returncode == 2 and len(done.stdout.splitlines()) == 3 and "other.jsonl: line 2: " in done.stderr
        note("the good lines before the bad one are answered", None if right else f"{done}")
        done = program.run("dates", str(Path(folder) / "none.jsonl"))
        note("a file that is not there", None if done.returncode == 1 and "none.jsonl" in done.stderr else f"{done}")
    done = program.run("dates", "-", text=good)
    note("- is standard input", None if done.returncode == 0 else f"{done}")


CHANGE = '{"currency":"USD","kind":"upgrade","period":{"start":"2026-04-01","end":"2026-05-01"},"at":"2026-04-16",'

# Kind, what is given, what the program has to say about it.
BAD = [
    ("dates", "", "there is no question"),
    ("dates", "\n \n", "there is no question"),
    ("dates", "{", "line 1: this is not a question of this kind: EOF"),
    ("dates", "nonsense", "compare with --example and --schema"),
    ("dates", "[]", "line 1: "),
    ("dates", "null", "line 1: "),
    ("dates", '{"start":"2026-01-31","strat":1}', "unknown field `strat`, expected one of"),
    ("dates", '{"start":"2026-01-31","start":"2026-01-31"}', "duplicate field"),
    ("dates", '{"start":"2026-02-31"}', '"2026-02-31" is not a date: write 2026-01-31'),
    ("dates", '{"start":"2026-13-01"}', "is not a date"),
    ("dates", '{"start":"99999-01-01"}', "is not a date"),
    ("dates", '{"start":20260131}', "expected a date as text"),
    ("dates", '{"start":"2026-01-31","interval":"0-months"}', "an interval is day, week, month"),
    ("dates", '{"start":"2026-01-31","interval":"month","zone":"Mars/Olympus"}', "is not a time zone"),
    ("dates", '{"start":"2026-01-31","count":1000000000}', "count: is 1 to 1200"),
    ("dates", '{"start":"2026-01-31","profile":"strype"}', "there is no profile"),
    ("dates", '{"start":"2026-01-31","interval":"quarter","anchor_day":5}', "give a month and a day"),
    ("price", '{"currency":"usd","price":{"model":"flat","amount":"1"},"quantity":1}', "is not an ISO 4217 code"),
    ("price", '{"currency":"EUR","price":{"model":"flatt","amount":"1"},"quantity":1}', "unknown variant `flatt`, expected one of"),
    ("price", '{"currency":"EUR","price":{"currency":"USD","model":"flat","amount":"1"},"quantity":1}', "the price is in USD"),
    ("price", '{"currency":"EUR","price":{"model":"flat","amount":1},"quantity":1}', "price: is not a price"),
    ("price", '{"currency":"JPY","price":{"model":"flat","amount":"1.5"},"quantity":1}', "has more decimals than JPY"),
    ("price", '{"currency":"EUR","price":{"model":"per-seat","unit_amount":"1"},"quantity":"-5"}', "units must be 0 or more"),
    ("price", '{"currency":"EUR","price":{"model":"per-seat","unit_amount":"99999999"},"quantity":1}', "must be at most 10000000"),
    ("price", '{"currency":"EUR","price":{"model":"per-seat","unit_amount":"1"},"quantity":"99999999999999999999999999999999"}', "at most 28 digits"),
    ("price", '{"currency":"EUR","price":{"model":"per-seat","unit_amount":"1"},"quantity":"99999999999999999999999"}', "too large"),
    ("price", '{"currency":"EUR","price":{"model":"per-seat","unit_amount":"1"},"quantity":2.5}', "a number as text"),
    ("price", '{"currency":"EUR","price":{"model":"graduated","tiers":[]},"quantity":1}', "at least one tier"),
    ("prorate", CHANGE + '"from":30,"to":"50"}', "an amount as text in major units"),
    ("prorate", CHANGE + '"from":"-30","to":"50"}', "0 or more"),
    ("prorate", CHANGE + '"from":"30","to":"50","policy":{"rounding":"up"}}', "policy: unknown variant `up`"),
    ("prorate", CHANGE + '"from":"30","to":"50","balance":"0.001"}', "balance: has more decimals than USD"),
    ("prorate", CHANGE.replace("2026-04-16", "2027-04-16") + '"from":"30","to":"50"}', "lies outside the period"),
    ("prorate", CHANGE.replace("2026-05-01", "2026-03-01") + '"from":"30","to":"50"}', "period: ends before it starts"),
    ("invoice", '{"currency":"EUR","lines":[{"amount":"1"}],"tax_percent":"101"}', "is not a percentage"),
    ("invoice", '{"currency":"EUR","lines":[{"amount":"1"}],"coupons":[{"fixed":"-1"}]}', "must not be negative"),
    ("invoice", '{"currency":"EUR","lines":[{"amount":"1"}],"credit":"-1"}', "must not be negative"),
    ("invoice", '{"currency":"EUR","lines":[{"id":"a","amount":"1"},{"id":"a","amount":"1"}]}', "is there twice"),
    ("invoice", '{"currency":"EUR","lines":[{"amount":"1"}],"credit_notes":[{"lines":[{"line":"2"}]}]}', "has no line"),
    ("invoice", '{"currency":"EUR","lines":[{"amount":"1"}],"credit_notes":[{},{}]}', "nothing is left"),
    ("invoice", '{"currency":"EUR","lines":[{"amount":"1"}],"at":"2026-01-01","tax":{"seller":{"country":"AT"},"customer":{"country":"DE","vat_id":"DE136695977"}}}', "its check digits do not fit"),
    ("dunning", '{"first_failure":"2026-01-01","class":"medium"}', "unknown variant `medium`"),
    ("dunning", '{"first_failure":"2026-01-01","ladder":{"soft":[{"after_days":3,"action":"retry"}]}}', "the last rung must be end"),
    ("dunning", '{"first_failure":"2026-01-01","ladder":{"soft":[{"after_days":4000000000,"action":"end"}]}}', "within 365 days"),
    ("dunning", '{"gateway_errors":{"seconds":300,"multiplier":1000,"attempts_max":30}}', "give fewer attempts"),
]


def bad_input(program: calclib.Program) -> None:
    """What cannot be answered ends with exit code 2 and says what to do, on standard error, and nothing else is said."""
    for kind, text, part in BAD:
        done = program.run(kind, text=text)
        right = done.returncode == 2 and part in done.stderr and not done.stdout and "panicked" not in done.stderr
        note(f"bad {kind}: {text[:60]!r}", None if right else f"exit {done.returncode}, {done.stdout[:200]}{done.stderr[:400]}")
    for name, arguments, text, part in [
        ("an unknown profile", ["dates", "--profile", "stripe"], "{}", "stripe-classic, stripe-flexible, lago"),
        ("an unknown kind", ["weather"], "", "unrecognized subcommand"),
        ("no kind", [], "", "dunning"),
        ("an unknown option", ["price", "--currency", "EUR"], "{}", "--currency"),
        ("bytes that are no text", ["price"], b"\xff\xfe{}\n", "line 1: "),
        ("a document that is very deep", ["price"], '{"price":' + "[" * 10_000, "line 1: "),
    ]:
        done = program.run(*arguments, text=text)
        right = done.returncode == 2 and part in done.stderr and "panicked" not in done.stderr
        note(f"bad: {name}", None if right else f"exit {done.returncode}, {done.stdout[:200]}{done.stderr[:400]}")


def profiles(program: calclib.Program) -> None:
    """One name works for all five kinds, and the answer says whose rules it followed."""
    names = json.loads(program.run("dates", "--schema").stdout)["$defs"]["profile"]["enum"]
    for name in names:
        for kind in calclib.KINDS:
            first = (calclib.SCHEMAS / "examples" / f"{kind}.jsonl").read_text().splitlines()[0]
            question = {field: value for field, value in json.loads(first).items() if field != "profile"}
            attempt(f"--profile {name} {kind}", lambda: told(program.ask(kind, question, name)["profile"], name))


def told(profile: dict, name: str) -> str | None:
    return None if profile["name"] == name and profile["rules"] in (name, "default") else f"{profile}"


def readme(program: calclib.Program) -> None:
    """What the README shows is what the program says: each `perennial calc` block is followed by its answer."""
    blocks = (calclib.SCHEMAS / "README.md").read_text().split("```")[1::2]
    shown = 0
    for command, answer in zip(blocks, blocks[1:]):
        lines = command.strip().splitlines()
        if len(lines) < 2 or "perennial calc" not in command or "<<" not in lines[1]:
            continue
        kind = command.split("perennial calc ")[1].split()[0]
        options = lines[1].split(f"calc {kind}")[1].split("<<")[0].split()
        done = program.run(kind, *options, text=lines[2])
        wanted = json.loads(answer.strip().removeprefix("json"))
        note(f"README: {kind}", None if done.returncode == 0 and json.loads(done.stdout) == wanted else f"{done.stdout}{done.stderr}")
        shown += 1
    note("README: an example of each kind", None if shown >= len(calclib.KINDS) else f"only {shown} found")


def published(program: calclib.Program) -> None:
    import dates_cases
    import dunning_cases
    import invoice_cases
    import price_cases
    import prorate_cases

    for module in (price_cases, prorate_cases, dates_cases, invoice_cases, dunning_cases):
        before, left = len(PASSED), 0
        for case, check in module.run(program):
            if isinstance(check, str):
                left += 1
                print(f"     not supported: {case['id']}: {check}")
            else:
                attempt(f"published: {case['id']}", check)
        print(f"     {module.__name__}: {len(PASSED) - before} published cases reproduced, {left} not supported")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=Path, help="the built perennial")
    arguments = parser.parse_args()
    binary = arguments.bin.resolve()
    if not binary.is_file():
        parser.error(f"{binary} is not there: cargo build -p perennial")
    tooling.reenter("calc")
    program = calclib.Program(binary)
    for kind in calclib.KINDS:
        examples(program, kind)
    profiles(program)
    files_and_lines(program)
    bad_input(program)
    readme(program)
    published(program)
    print(f"{len(PASSED)} passed, {len(FAILED)} failed")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
