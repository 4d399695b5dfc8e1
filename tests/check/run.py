"""`perennial check` as its user runs it: over the demo's table and export, sound and then damaged in ways that it must find.

    python3 tests/check/run.py --bin PERENNIAL --demo FOLDER

FOLDER is what `perennial demo --out` wrote; it is only read. Standard library only. Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

Items = list[dict]


class Suite:
    """Runs the command and counts what holds."""

    def __init__(self, program: Path, demo: Path) -> None:
        self.program, self.demo = program, demo
        self.passed = self.failed = 0

    def say(self, name: str, good: bool, seen: str) -> None:
        """Counts one expectation; what was seen instead is shown."""
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        print(f"{'ok  ' if good else 'FAIL'} {name}")
        if not good:
            print("     " + seen.replace("\n", "\n     "))

    def run(self, *args: str | Path) -> tuple[int, str]:
        """Exit code and everything that was printed."""
        command = [str(self.program), "check", *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        return done.returncode, done.stdout + done.stderr

    def expect(self, name: str, code: int, texts: list[str], *args: str | Path) -> None:
        """The command ends with `code`, and says all of `texts`."""
        found, seen = self.run(*args)
        self.say(name, found == code and all(text in seen for text in texts), f"exit code {found}\n{seen}")


def newest_export(folder: Path) -> Path:
    """The export's own folder."""
    return max(path.parent for path in folder.rglob("manifest-summary.json"))


def read(export: Path) -> Items:
    """All items of an export."""
    files = sorted((export / "data").glob("*.json.gz"))
    return [json.loads(line)["Item"] for path in files for line in gzip.open(path, "rt", encoding="utf-8")]


def write(folder: Path, shards: list[Items], promised: int = 0) -> Path:
    """An export with these items; its manifest promises `promised` more than there are."""
    export = folder / "AWSDynamoDB" / "01-damaged"
    shutil.rmtree(export, ignore_errors=True)
    (export / "data").mkdir(parents=True)
    manifest = []
    for number, items in enumerate(shards):
        name = f"shard{number}.json.gz"
        with gzip.open(export / "data" / name, "wt", encoding="utf-8") as out:
            out.writelines(json.dumps({"Item": item}) + "\n" for item in items)
        manifest.append(json.dumps({"itemCount": len(items) + promised, "dataFileS3Key": f"x/data/{name}"}))
    (export / "manifest-files.json").write_text("\n".join(manifest) + "\n", encoding="utf-8")
    (export / "manifest-summary.json").write_text('{"outputFormat": "DYNAMODB_JSON"}', encoding="utf-8")
    return folder


def kind(item: dict) -> str:
    """What an item is: the first letter of its sort key."""
    return item["sk"]["S"][0]


def a_middle_invoice(items: Items) -> dict:
    """An invoice that is neither its contract's first nor its last, and was captured at the first attempt."""
    ids = {item["sk"]["S"] for item in items if kind(item) == "I"}

    def fits(item: dict) -> bool:
        key = item["sk"]["S"]
        facts = [fact["M"] for fact in item.get("f", {"L": []})["L"]]
        captured = [fact["t"]["S"] for fact in facts] == ["renewal"]
        return kind(item) == "I" and key.endswith("-p2") and key[:-1] + "3" in ids and captured

    return next(item for item in items if fits(item))


def sound(suite: Suite, export: Path, log: Path) -> None:
    """What the demo left behind holds, wherever it is read from."""
    all_hold = ["each invoice was captured at most once", "holds"]
    suite.expect("the demo's table holds", 0, all_hold, "--data", suite.demo / "data", "--gateway-log", log)
    code, seen = suite.run("--export", suite.demo / "export", "--shards", "1", "--at", AS_OF, "--gateway-log", log)
    verdicts = [line for line in seen.splitlines() if line.startswith("  ")]
    good = code == 0 and len(verdicts) > 10 and all(line.endswith("holds") for line in verdicts)
    suite.say("the demo's export holds in every line", good, f"exit code {code}\n{seen}")


def scattered(suite: Suite, export: Path, work: Path) -> None:
    """The items of a customer may lie in several files."""
    items = read(export)
    mixed = [items[0::3], items[1::3], items[2::3]]
    folder = write(work, mixed)
    texts = [f"{len(items)} items"]
    suite.expect("scattered partitions are read together", 0, texts, *where(folder))


AS_OF = "2026-11-01T00:00:00Z"


def where(folder: Path) -> list[str | Path]:
    """The arguments that name an export of the demo."""
    return ["--export", folder, "--shards", "1", "--at", AS_OF]


def damaged(suite: Suite, export: Path, log: Path, work: Path) -> None:
    """Each damage is found, and named with the item."""
    items = read(export)
    victim = a_middle_invoice(items)
    name = victim["sk"]["S"].removeprefix("I#")

    def without(gone: dict) -> Items:
        return [item for item in items if item is not gone]

    def instead(new: dict) -> Items:
        return [new if item is victim else item for item in items]

    def look(title: str, changed: Items, texts: list[str], *more: str | Path) -> None:
        suite.expect(title, 1, texts, *where(write(work, [changed])), *more)

    contract = "sub_" + name.removeprefix("inv_").rsplit("-", 1)[0]
    look("a lost invoice is found", without(victim), [f"periods {contract}: period 3"])
    look("money without an invoice is found", without(victim), [f"gateway {name}:1"], "--gateway-log", log)
    number = next(item for item in items if item["sk"]["S"] == f"N#{name}")
    look("a missing number is found", without(number), [f"numbers {name}: it is issued and has no number"])
    fact = victim["f"]["L"][0]["M"]
    twice = victim | {"f": {"L": victim["f"]["L"] + [{"M": fact | {"e": {"S": fact["e"]["S"] + "x"}}}]}}
    look("money told twice is found", instead(twice), [f"booked {name}: money came 1 times, and 2 facts tell of it"])
    placed = victim | {"gp": {"S": "due-collect#00"}, "gs": {"S": f"2021-01-01T00:00:00Z#2collect#{name}"}}
    look("an index entry without work is found", instead(placed), [f"due-key {name}: it stands at due-collect#00"])
    unreadable = victim | {"d": {"S": "nothing"}}
    look("an item that cannot be read is found", instead(unreadable), [f"readable {victim['pk']['S']} I#{name}"])


def refused(suite: Suite, export: Path, work: Path) -> None:
    """What cannot be checked is said, and never called sound."""
    items = read(export)
    short = write(work, [items], promised=1)
    suite.expect("a file that is cut short is refused", 1, ["its manifest says", "copy the export again"], *where(short))
    empty = work / "empty"
    empty.mkdir()
    suite.expect("a folder without an export is refused", 1, ["no finished one"], "--export", empty)
    suite.expect("a folder that is not there is refused", 1, ["nowhere-at-all"], "--export", work / "nowhere-at-all")
    suite.expect("a table must be named", 1, ["--data", "--table"])
    suite.expect("two sources are refused", 2, ["cannot be used with"], "--export", work, "--data", work)
    broken = work / "broken.jsonl"
    broken.write_text("{}\n", encoding="utf-8")
    suite.expect("another file than a log is refused", 1, ["line 1 of the sandbox log"], *where(work), "--gateway-log", broken)
    later = ["--export", suite.demo / "export", "--shards", "1", "--at", "2027-11-01T00:00:00Z"]
    suite.expect("what was due is late a year later", 1, ["in-time sub_", "was to be looked after at"], *later)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bin", type=Path, required=True, help="the perennial command")
    parser.add_argument("--demo", type=Path, required=True, help="what `perennial demo --out` wrote")
    args = parser.parse_args()
    suite = Suite(args.bin, args.demo)
    export, log = newest_export(args.demo / "export"), args.demo / "data" / "sandbox.jsonl"
    sound(suite, export, log)
    with tempfile.TemporaryDirectory() as work:
        scattered(suite, export, Path(work))
        damaged(suite, export, log, Path(work))
        refused(suite, export, Path(work))
    print(f"{suite.passed} passed, {suite.failed} failed")
    return 1 if suite.failed else 0


if __name__ == "__main__":
    sys.exit(main())
