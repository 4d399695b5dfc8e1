"""What both commands share: where things are, and the comparison of two folders of reports."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tests/tooling.py

import tooling

ROOT = tooling.ROOT
WAREHOUSE = ROOT / "infra" / "warehouse"
REPORTS = ["mrr_movements", "churn_monthly", "cohort_retention", "cltv_segments", "dunning", "payments", "plan_changes"]


def shared_bench() -> Path | None:
    """The research folder with the independent generator and reports, if it is there."""
    base = Path(os.environ.get("PERENNIAL_SHARED") or ROOT.parent / "shared")
    bench = base / "bench"
    wanted = ["gen_events.py", "duckdb_reports.py", "polars_reports.py"]
    if all((bench / name).is_file() for name in wanted):
        return bench
    if os.environ.get("PERENNIAL_SHARED"):
        sys.exit(f"PERENNIAL_SHARED is {base}, but {bench} has not all of {', '.join(wanted)}")
    return None


def table(path: Path) -> list[list[str]]:
    with open(path, newline="") as file:
        return list(csv.reader(file))


def same(left: str, right: str) -> bool:
    """Texts and integers as they are; doubles as doubles, which may be written differently."""
    if left == right:
        return True
    try:
        return float(left) == float(right)
    except ValueError:
        return False


def difference(ours: Path, theirs: Path) -> str | None:
    """The first difference between two reports, in words; None if they are equal."""
    left, right = table(ours), table(theirs)
    if left[:1] != right[:1]:
        return f"columns {left[:1]} against {right[:1]}"
    for number, (a, b) in enumerate(zip(left, right), start=1):
        for name, x, y in zip(left[0], a, b):
            if not same(x, y):
                return f"line {number}, {name}: {x or 'empty'} against {y or 'empty'} (row {','.join(a[:4])})"
    if len(left) != len(right):
        return f"{len(left) - 1} rows against {len(right) - 1}"
    if len(left) == 1:
        return "no row at all: nothing was compared"
    return None
