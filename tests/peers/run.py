#!/usr/bin/env python3
"""The seven comparison reports of our program against other engines, cell by cell.

    python3 tests/peers/run.py --report-bin PATH [--subs 50000] [--keep DIR]

Needs the built `perennial-report`; pinned numpy, pyarrow, duckdb and sqlglot are installed into a venv under $PERENNIAL_CACHE.
Ends with `N passed, 0 failed`, or with an error and the first cell that differs of every report.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from string import Template

import peerlib
import tooling

PASSED: list[str] = []
FAILED: list[str] = []


def note(name: str, problem: str | None) -> None:
    (FAILED if problem else PASSED).append(name)
    print(f"{'FAIL' if problem else 'ok  '} {name}" + (f": {problem}" if problem else ""), flush=True)


def ours(binary: Path, data: Path, out: Path, *more: str) -> None:
    done = subprocess.run([str(binary), "--facts", str(data), "--out", str(out), *more], capture_output=True, text=True)
    note(f"our program on {data.name}", None if done.returncode == 0 else done.stderr.strip() or f"exit {done.returncode}")


def warehouse(data: Path, out: Path) -> None:
    """infra/warehouse/*.sql in DuckDB."""
    import duckdb

    def quoted(path: Path) -> str:
        return str(path).replace("'", "''")

    out.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    places = {"facts": quoted(data / "events" / "*.parquet"), "customers": quoted(data / "customers.parquet"),
              "rates": quoted(data / "fx.parquet"), "state_changes": (peerlib.WAREHOUSE / "state_changes.sql").read_text()}
    connection.execute(Template((peerlib.WAREHOUSE / "duckdb.sql").read_text()).substitute(places))
    for report in peerlib.REPORTS:
        query = (peerlib.WAREHOUSE / f"{report}.sql").read_text()
        connection.execute(f"copy ({query}) to '{quoted(out / report)}.csv' (header, delimiter ',')")


def compare(label: str, left: Path, right: Path) -> None:
    found = {path.stem for path in left.glob("*.csv")}
    if found != set(peerlib.REPORTS):
        note(f"{label}: the seven reports", f"{left} has {sorted(found)}")
    for report in peerlib.REPORTS:
        try:
            problem = peerlib.difference(left / f"{report}.csv", right / f"{report}.csv")
        except OSError as error:
            problem = str(error)
        note(f"{label}: {report}", problem)


def portable() -> None:
    """The portable files parse as Trino SQL, which Athena speaks."""
    import sqlglot

    for name in [*peerlib.REPORTS, "state_changes"]:
        query = (peerlib.WAREHOUSE / f"{name}.sql").read_text()
        try:
            sqlglot.parse_one(query, dialect="trino", error_level=sqlglot.ErrorLevel.RAISE)
            note(f"Trino grammar: {name}", None)
        except sqlglot.errors.ParseError as error:
            note(f"Trino grammar: {name}", str(error).splitlines()[0])


def independent(binary: Path, bench: Path, subs: int, work: Path) -> None:
    """Data and DuckDB reports that were written apart from this repository."""
    data = work / "independent"
    steps = [["gen_events.py", "--subs", str(subs), "--out", str(data)], ["duckdb_reports.py", str(data), str(work / "independent-duckdb")]]
    for step in steps:
        done = subprocess.run([sys.executable, str(bench / step[0]), *step[1:]], capture_output=True, text=True)
        note(f"{step[0]} ({subs:,} subscriptions)", None if done.returncode == 0 else done.stderr.strip()[-500:])
    ours(binary, data, work / "independent-ours")
    warehouse(data, work / "independent-warehouse")
    compare("independent data, independent DuckDB reports", work / "independent-ours" / "bench", work / "independent-duckdb")
    compare("independent data, infra/warehouse", work / "independent-ours" / "bench", work / "independent-warehouse")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report-bin", required=True, type=Path, help="the built perennial-report")
    parser.add_argument("--subs", type=int, default=50_000, help="subscriptions of the independent generator (default 50000)")
    parser.add_argument("--customers", type=int, default=4_000, help="customers of our own generator (default 4000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    arguments = parser.parse_args()
    binary = arguments.report_bin.resolve()
    if not binary.is_file():
        parser.error(f"{binary} is not there: cargo build -p analytics")
    tooling.reenter("peers")
    import generate

    work = arguments.keep or Path(tempfile.mkdtemp(prefix="perennial-peers-"))
    bench = peerlib.shared_bench()
    # Without the independent generator, ours carries the size, too.
    customers = arguments.customers if bench else max(arguments.customers, arguments.subs)
    facts = generate.generate(work / "own", customers, arguments.seed, work / "own-export")
    print(f"     own data: {facts:,} facts of {customers:,} customers, seed {arguments.seed}")
    portable()
    ours(binary, work / "own", work / "own-ours")
    warehouse(work / "own", work / "own-warehouse")
    compare("own data, infra/warehouse", work / "own-ours" / "bench", work / "own-warehouse")
    ours(binary, work / "own-export", work / "own-export-ours", "--fx", str(work / "own" / "fx.parquet"))
    compare("the same facts as a DynamoDB export", work / "own-export-ours" / "bench", work / "own-warehouse")
    if bench:
        independent(binary, bench, arguments.subs, work)
    else:
        print("     not compared: the independent generator and reports are not beside this checkout (see tests/peers/README.md)")
    if not arguments.keep and not FAILED:
        shutil.rmtree(work)
    elif FAILED:
        print(f"     files are in {work}")
    print(f"{len(PASSED)} passed, {len(FAILED)} failed")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
