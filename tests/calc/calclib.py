"""How the program is asked, and its tools: jsonschema in a virtual environment of its own, at a pinned version.

Exists apart so that the published cases beside it are only documents and figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("PERENNIAL_CACHE") or Path.home() / ".cache" / "perennial")
CASES = ROOT / "shared" / "billing" / "tests" / "cases"
SCHEMAS = ROOT / "shared" / "billing" / "schemas"
KINDS = ["dates", "price", "prorate", "invoice", "dunning"]
PINNED = ["jsonschema==4.26.0"]
SECONDS = 30


class Refused(Exception):
    """The program had no answer; the text is what it said."""


def enter_venv() -> None:
    """Runs this very command again inside a venv that has the pinned tools."""
    home = CACHE / "venvs" / "calc"
    if Path(sys.prefix).resolve() == home.resolve():
        return
    python, stamp = home / "bin" / "python", home / "pinned.txt"
    if not python.exists():
        venv.EnvBuilder(with_pip=True, clear=True).create(home)
    wanted = "\n".join(PINNED) + "\n"
    if not stamp.exists() or stamp.read_text() != wanted:
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINNED]
        if subprocess.run(command).returncode:
            sys.exit("pip could not install " + ", ".join(PINNED) + ": the answers cannot be checked without it")
        stamp.write_text(wanted)
    sys.stdout.flush()
    os.execv(python, [str(python), *sys.argv])


class Program:
    """The built `perennial`, and the schemas that it prints."""

    def __init__(self, binary: Path) -> None:
        import jsonschema

        self.binary = binary
        self.validators = {}
        for kind in KINDS:
            for side, option in (("question", "--schema"), ("answer", "--answer-schema")):
                schema = json.loads(self.run(kind, option).stdout)
                jsonschema.Draft202012Validator.check_schema(schema)
                self.validators[kind, side] = jsonschema.Draft202012Validator(schema)

    def run(self, *arguments: str, text: str | bytes = "") -> subprocess.CompletedProcess:
        """What the program does with this on its standard input."""
        given = text if isinstance(text, bytes) else text.encode()
        done = subprocess.run([str(self.binary), "calc", *arguments], input=given, capture_output=True, timeout=SECONDS)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done

    def problem(self, kind: str, side: str, document: object) -> str | None:
        """What the schema says against a document."""
        for error in self.validators[kind, side].iter_errors(document):
            return f"{side} at {'/'.join(map(str, error.absolute_path)) or 'the top'}: {error.message[:300]}"
        return None

    def ask(self, kind: str, question: dict, profile: str = "default") -> dict:
        """The answer, which must be what its schema says, to a question that is what its own says."""
        problem = self.problem(kind, "question", question)
        if problem:
            raise AssertionError(problem)
        done = self.run(kind, "--profile", profile, text=json.dumps(question))
        if done.returncode:
            raise Refused(f"exit {done.returncode}: {done.stderr.strip()}")
        answer = json.loads(done.stdout)
        problem = self.problem(kind, "answer", answer)
        if problem:
            raise AssertionError(problem)
        return answer


def cases(name: str) -> list[dict]:
    return json.loads((CASES / name).read_text())


def minor(amount: dict) -> int:
    return amount["minor"]
