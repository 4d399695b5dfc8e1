"""Everything that must hold before a change lands, in one command: the test command of the README, and of CI.

    python3 tests/run.py                 all steps, in order
    python3 tests/run.py --only test     one step (may be given several times)
    python3 tests/run.py --list          the steps, with what each proves

A failed step does not stop the others, so that one run shows all that is wrong. Tools that pip or apt can bring are
installed at pinned versions into $PERENNIAL_CACHE (default ~/.cache/perennial); whatever else is missing fails the step
that needs it, with what to do. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tooling import BUILD, CACHE, ROOT, have_program, target_dir

PYTHON = sys.executable or "python3"
FREE_GIB = 12  # what a cold build needs on the disk of the target folder


@dataclass(frozen=True)
class Step:
    """One thing to run. `needs` are programs, with the Debian package that brings each (empty: no package does)."""

    name: str
    proves: str
    command: list[str]
    minutes: int
    needs: tuple[tuple[str, str], ...] = (("cargo", ""),)
    env: tuple[tuple[str, str], ...] = ()


def steps() -> list[Step]:
    debug = target_dir() / "debug"
    python = ("cargo", ""), ("strip", "binutils")
    browser = ("chromium", "chromium"), ("cargo", "")
    lint = ["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]
    peers = [PYTHON, "tests/peers/run.py", "--report-bin", str(debug / "perennial-report"), "--subs", "50000"]
    units = [str(debug / "examples" / "capacity")]
    deploy = [PYTHON, "tests/local-aws/deploy.py", "--no-build"]
    calc = [PYTHON, "tests/calc/run.py", "--bin", str(debug / "perennial")]
    out = CACHE / "run" / "demo"
    check = [PYTHON, "tests/check/run.py", "--bin", str(debug / "perennial"), "--demo", str(out)]
    demo = [str(debug / "perennial"), "demo", "--customers", "60", "--out", str(out)]
    return [
        Step("fmt", "the code is formatted", ["cargo", "fmt", "--all", "--check"], 5, (("cargo", ""), ("rustfmt", ""))),
        Step(
            "template",
            "the template keeps the rules, and the rules can fail",
            [PYTHON, "tests/local-aws/check_template.py"],
            30,
            (),
        ),
        Step(
            "rules",
            "the default members build without the others' features: no clock in the rules, no AWS in the use cases",
            ["cargo", "check", "--all-targets", "--locked"],
            15,
        ),
        Step("clippy", "no lint is broken anywhere", lint, 45),
        Step("test", "every test of every member passes", ["cargo", "test", "--workspace", "--locked", "--no-fail-fast"], 60, env=(("PERENNIAL_DEPTH", "full"),)),
        Step(
            "docs",
            "the documentation builds without a warning",
            ["cargo", "doc", "--workspace", "--no-deps", "--locked"],
            30,
            env=(("RUSTDOCFLAGS", "-D warnings"),),
        ),
        Step(
            "binaries",
            "all programs build with the quick profile",
            BUILD,
            45,
        ),
        Step("units", "a renewal with its collection stays within its budget of write units", units, 5, ()),
        Step(
            "readme",
            "the README's examples work when pasted, and bad input is refused",
            [PYTHON, "tests/readme/run.py"],
            10,
            (("curl", "curl"),),
        ),
        Step("calc", "the rules at a prompt give the figures that nine other systems publish", calc, 10, ()),
        Step("demo", "customers live through the whole product, and an independent recount agrees", demo, 10),
        Step("check", "the demo's books hold, and damage of every kind is found", check, 5, ()),
        Step(
            "deploy",
            "the stack deploys, and a renewal comes by itself, once",
            deploy,
            20,
            python,
        ),
        Step("peers", "the reports agree with other implementations, to the cent", peers, 20, ()),
        Step("browser", "a person can read the report in a browser", [PYTHON, "tests/browser/run.py"], 15, browser),
        Step(
            "size",
            "a deployed function is small, and its panics unwind",
            [PYTHON, "tests/local-aws/check_size.py"],
            40,
        ),
    ]


def take_over_target() -> None:
    """Forgets what another checkout built of our own members.

    Cargo names a member by its place in the workspace and judges it by the times of its files: in a shared folder the
    members of another checkout can pass for ours, with its paths compiled in. Dependencies are the same and stay.
    """
    mark = target_dir() / "checkout"
    if mark.is_file() and mark.read_text() == str(ROOT):
        return
    for profile in ("dev", "lambda"):
        clean = ["cargo", "clean", "--workspace", "--profile", profile]
        env = {**os.environ, "CARGO_TARGET_DIR": str(target_dir())}
        subprocess.run(clean, cwd=ROOT, env=env, check=True, stdin=subprocess.DEVNULL, timeout=300)
    mark.write_text(str(ROOT))


def have(step: Step) -> str:
    """Makes the programs that `step` needs available; what is wrong otherwise."""
    for program, package in step.needs:
        problem = have_program(program, package)
        if problem:
            return problem
    for part in step.command:
        if part.startswith("tests/") and not (ROOT / part).is_file():
            return f"{part} is not there"
    program = step.command[0]
    if not shutil.which(program):
        return f"{program} is not there: run the step `binaries` first"
    return ""


def run(step: Step) -> str:
    """Runs a step within its time; what is wrong, or nothing."""
    problem = have(step)
    if problem:
        return problem
    env = {
        **os.environ,
        "CARGO_TARGET_DIR": str(target_dir()),
        "CARGO_INCREMENTAL": "0",
        "CARGO_TERM_COLOR": "never",
        "PERENNIAL_CACHE": str(CACHE),
        "PYTHONDONTWRITEBYTECODE": "1",
        **dict(step.env),
    }
    started = subprocess.Popen(step.command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        code = started.wait(step.minutes * 60)
    except subprocess.TimeoutExpired:
        end(started)
        return f"it took more than {step.minutes} minutes and was ended"
    except KeyboardInterrupt:
        end(started)
        raise
    return f"it answered {code}" if code else ""


def end(started: subprocess.Popen) -> None:
    """Ends a step with all that it started."""
    for sign, grace in ((signal.SIGTERM, 30), (signal.SIGKILL, 5)):
        try:
            os.killpg(started.pid, sign)
            started.wait(grace)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGTERM, interrupted)  # whoever ends this run ends the step, too
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only",
        action="append",
        metavar="STEP",
        choices=[s.name for s in steps()],
        help="run this step only; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="show the steps")
    arguments = parser.parse_args()
    named = arguments.only or []
    chosen = [s for s in steps() if s.name in named or not named]
    if arguments.list:
        for step in steps():
            print(f"{step.name:10} {step.proves}\n           {' '.join(step.command)}")
        return 0
    target_dir().mkdir(parents=True, exist_ok=True)
    (CACHE / "run").mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target_dir()).free / 2**30
    if free < FREE_GIB:
        print(f"only {free:.0f} GiB are free for {target_dir()}; a cold build needs {FREE_GIB}")
    take_over_target()
    results, began = [], time.monotonic()
    for step in chosen:
        print(f"\n==== {step.name}: {step.proves}\n     {' '.join(step.command)}", flush=True)
        start = time.monotonic()
        problem = run(step)
        seconds = time.monotonic() - start
        results.append((step, problem, seconds))
        print(f"==== {step.name} {'FAILED: ' + problem if problem else 'passed'} ({seconds:.0f} s)", flush=True)
    print(f"\n{'step':10} {'seconds':>8}  result")
    for step, problem, seconds in results:
        print(f"{step.name:10} {seconds:8.0f}  {problem or 'passed'}")
    print(f"{'all':10} {time.monotonic() - began:8.0f}")
    failed = sum(1 for _, problem, _ in results if problem)
    print(f"\n{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
