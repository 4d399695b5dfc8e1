"""The README as a stranger uses it: its curl examples, pasted as they stand, against a running `perennial serve`.

    python3 tests/readme/run.py [--bin PATH]

Exists because an example that no longer works costs more trust than no example. Then the server is killed and started again
on the same folder, and asked everything that must be refused. Needs curl; standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tests/tooling.py

from tooling import ROOT, target_dir

START_SECONDS = 60


class Checks:
    """Counts what was looked at."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def that(self, what: str, holds: bool, seen: object = "") -> None:
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {what}\n        {str(seen)[:600]}", flush=True)


class Server:
    """`perennial serve` on a port of its own."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.data = folder / "perennial-data"
        command = [str(program), "serve", "--port", "0", "--data", str(self.data)]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        self.url = self.first_line()

    def first_line(self) -> str:
        assert self.process.stdout is not None
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            line = self.process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                return found[0]
            if not line and self.process.poll() is not None:
                break
        raise SystemExit(f"the server did not start (exit code {self.process.poll()})\n\n0 passed, 1 failed")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def ask(self, path: str, body: bytes | None = None, key: str | None = None, **headers: str) -> tuple[int, dict]:
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        request.add_header("Authorization", f"Bearer {self.key()}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            if key:
                request.add_header("Idempotency-Key", key)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def key(self) -> str:
        return (self.data / "storefront.key").read_text().strip()


def examples() -> str:
    """The README's block of curl commands."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    return next(block for block in blocks if block.count("curl -s") > 5)


def paste(server: Server, folder: Path) -> list[tuple[int, str]]:
    """Runs the block in a shell; every answer with its status. A wrapper adds the status, the commands stay as they are."""
    wrapper = folder / "bin" / "curl"
    wrapper.parent.mkdir()
    real = subprocess.run(["sh", "-c", "command -v curl"], capture_output=True, text=True, check=True).stdout.strip()
    wrapper.write_text(f"#!/bin/sh\nexec {real} -w '\\n=== %{{http_code}}\\n' \"$@\"\n")
    wrapper.chmod(0o755)
    script = examples().replace("http://127.0.0.1:8080", server.url)
    env = {**os.environ, "PATH": f"{wrapper.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    return [(int(code), body) for body, code in re.findall(r"(.*?)\n=== (\d+)\n", done.stdout, re.S)]


# What each pasted command must answer, in the README's order.
EXPECTED = [
    (201, '"active"'),
    (200, '"quantity":5'),
    (200, '"quantity":5'),
    (200, '"at"'),
    (200, "cus_ana"),
    (200, "inv_ana-p2"),
    (200, "upgrade"),
    (200, "features"),
    (200, "cancel"),
    (200, "invoice."),
    (200, "inv_ana-p1"),
]

SIGNUP = {
    "customer": {"id": "cus_bad", "currency": "EUR", "time_zone": "Europe/Berlin", "channel": "organic"},
    "subscription": "sub_bad", "plan": "one-year", "interval": "month", "quantity": 1,
    "payment_method": {"token": "pm_card_visa"},
}


def changed(**fields: object) -> bytes:
    body = json.loads(json.dumps(SIGNUP))
    for name, value in fields.items():
        place = body
        *path, last = name.split("__")
        for part in path:
            place = place[part]
        place[last] = value
    return json.dumps(body).encode()


def refusals(server: Server, checks: Checks) -> None:
    """Bad input: a refusal with a code and a field, and nothing is changed."""
    cases = [
        ("an unknown plan", changed(plan="platinum"), 422, "plan"),
        ("a currency the plan has no price in", changed(customer__currency="CHF"), 422, None),
        ("a currency that does not exist", changed(customer__currency="XXY"), 422, "currency"),
        ("a negative quantity", changed(quantity=-1), 422, "quantity"),
        ("a huge quantity", changed(quantity=10**12), 422, "quantity"),
        ("a zone that does not exist", changed(customer__time_zone="Mars/Olympus"), 422, "customer.time_zone"),
        ("an unknown field", changed(colour="red"), 400, "colour"),
        ("a card number where a token belongs", changed(payment_method__token="4242424242424242"), 422, None),
        ("broken JSON", b'{"customer": ', 400, None),
        ("a body of 1 MB", changed(subscription="x" * 1_000_000), 413, None),
    ]
    for number, (what, body, status, field) in enumerate(cases):
        code, problem = server.ask("/signup", body, f"bad-{number}")
        checks.that(f"{what} answers {status}", code == status, (code, problem))
        checks.that(f"{what} has a code and says what to do", bool(problem.get("code")) and bool(problem.get("detail")), problem)
        if field:
            checks.that(f"{what} names the field {field}", problem.get("field") == field, problem)
        checks.that(f"{what} repeats no card number", "4242424242424242" not in json.dumps(problem), problem)
    code, _ = server.ask("/customers/cus_bad")
    checks.that("nothing was written by what was refused", code == 404, code)
    dates(server, checks)
    repeated(server, checks)


def dates(server: Server, checks: Checks) -> None:
    for what, body in [
        ("31 February", {"to": "2027-02-31"}), ("a clock that goes back", {"to": "2001-01-01"}), ("an age", {"days": 99999}),
    ]:
        code, problem = server.ask("/test-clock", json.dumps(body).encode())
        checks.that(f"the clock refuses {what}", code == 422 and problem.get("code") == "invalid_field", (code, problem))
    change = {"customer": "cus_ana", "subscription": "sub_ana", "action": "pause", "resume_at": "2027-02-30T00:00:00Z"}
    code, problem = server.ask("/change-plan", json.dumps(change).encode(), "bad-date")
    checks.that("a pause until a date that does not exist is refused", code in (400, 422), (code, problem))


def repeated(server: Server, checks: Checks) -> None:
    good = changed(customer__id="cus_ben", subscription="sub_ben")
    first, again = server.ask("/signup", good, "ben-1"), server.ask("/signup", good, "ben-1")
    checks.that("a repeated request answers as the first did", (first[0], again[0]) == (201, 201) or again[0] == 200, (first, again))
    other = changed(customer__id="cus_ben", subscription="sub_ben", quantity=2)
    code, problem = server.ask("/signup", other, "ben-1")
    checks.that("the same key with another body is refused", code in (409, 422) and bool(problem.get("code")), (code, problem))
    charged = [e for e in server.ask("/sandbox/log")[1]["charges"] if "ben" in json.dumps(e)]
    checks.that("Ben was charged once", len(charged) == 1, charged)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = target_dir()
    parser.add_argument("--bin", type=Path, default=target / "debug" / "perennial")
    program = parser.parse_args().bin
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(program, folder)
        try:
            answers = paste(server, folder)
            checks.that(f"all {len(EXPECTED)} commands of the README ran", len(answers) == len(EXPECTED), answers)
            for number, ((code, body), (status, part)) in enumerate(zip(answers, EXPECTED), 1):
                checks.that(f"command {number} of the README answers {status} with {part}", code == status and part in body, (code, body))
            before = server.ask("/customers/cus_ana/invoices")
            server.kill()
            server = Server(program, folder)
            checks.that("everything survives a killed server", server.ask("/customers/cus_ana/invoices") == before, before)
            refusals(server, checks)
        finally:
            server.kill()
        explained = subprocess.run(
            [str(program), "explain", "inv_ana-p1", "--customer", "cus_ana", "--data", str(server.data)],
            capture_output=True, text=True, timeout=60,
        )
        checks.that("the invoice explains itself", "the same lines" in explained.stdout, explained)
        print(explained.stdout)
    print(f"\n{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
