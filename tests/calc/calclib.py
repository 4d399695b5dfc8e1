"""How the program is asked, and what its answers must look like.

Exists apart so that the published cases beside it are only documents and figures.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tests/tooling.py

import tooling

ROOT = tooling.ROOT
CASES = ROOT / "shared" / "billing" / "tests" / "cases"
SCHEMAS = ROOT / "shared" / "billing" / "schemas"
KINDS = ["dates", "price", "prorate", "invoice", "dunning"]
SECONDS = 30


class Refused(Exception):
    """The program had no answer; the text is what it said."""


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
