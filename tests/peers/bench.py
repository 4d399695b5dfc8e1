#!/usr/bin/env python3
"""Cost of the seven reports: our program, DuckDB and Polars in Python on the same facts, interleaved.

    python3 tests/peers/bench.py --report-bin PATH [--subs 1000000] [--repeats 5] [--data DIR]
    python3 tests/peers/bench.py --report-bin PATH --export [--customers 60000]

The second form measures what comes before reports in the cloud: decoding a DynamoDB export (our own generator's facts).

Needs a release build of `perennial-report` and the research folder with the independent generator and reports (tests/peers/README.md).
Prints a table of medians. CPU seconds are user + system of the whole process, start included; read them first, since wall time suffers
from neighbours. Our program also makes ten marts, their checks and report.html in that time; the peers make the seven reports only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import peerlib
import tooling


def measure(command: list[str]) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak MiB of one command; a failure ends the benchmark."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status:
        sys.exit(f"{' '.join(command)} failed with status {status}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, usage.ru_maxrss / 1024


def equal(ours: Path, theirs: Path) -> None:
    for report in peerlib.REPORTS:
        problem = peerlib.difference(ours / f"{report}.csv", theirs / f"{report}.csv")
        if problem:
            sys.exit(f"{theirs.name} {report}: {problem}; a benchmark of different results says nothing")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report-bin", required=True, type=Path)
    parser.add_argument("--subs", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--data", type=Path, help="data of an earlier run; made if missing")
    parser.add_argument("--export", action="store_true", help="measure the decoding of an export instead")
    parser.add_argument("--customers", type=int, default=60_000, help="size of the export (default 60000)")
    arguments = parser.parse_args()
    binary = arguments.report_bin.resolve()
    if not binary.is_file():
        parser.error(f"{binary} is not there: cargo build --release -p analytics")
    if arguments.export:
        tooling.reenter("peers")
        return decoding(binary, arguments)
    bench = peerlib.shared_bench()
    if not bench:
        parser.error("the independent generator and reports are not beside this checkout (tests/peers/README.md)")
    tooling.reenter("peers")
    work = tooling.CACHE / "bench"
    data = arguments.data or work / f"subs-{arguments.subs}"
    if not (data / "meta.json").is_file():
        subprocess.run([sys.executable, str(bench / "gen_events.py"), "--subs", str(arguments.subs), "--out", str(data)], check=True)
    threads, out = ["--threads", str(arguments.threads)], work / "out"
    python = [sys.executable]
    commands = {
        "Perennial (Rust)": [str(binary), "--facts", str(data), "--out", str(out / "ours")],
        "DuckDB": [*python, str(bench / "duckdb_reports.py"), str(data), str(out / "duckdb"), *threads],
        "Polars-Python, streaming": [*python, str(bench / "polars_reports.py"), str(data), str(out / "polars-streaming"), *threads, "--streaming"],
        "Polars-Python, in memory": [*python, str(bench / "polars_reports.py"), str(data), str(out / "polars"), *threads],
    }
    out.mkdir(parents=True, exist_ok=True)
    runs = interleaved(commands, arguments.repeats)
    for folder in ["duckdb", "polars-streaming", "polars"]:
        equal(out / "ours" / "bench", out / folder)
    meta = json.loads((data / "meta.json").read_text())
    report(runs, arguments, f"{meta['subs']:,} subscriptions, {meta['events']:,} facts; all results equal")


def interleaved(commands: dict[str, list[str]], repeats: int) -> dict[str, list[tuple[float, float, float]]]:
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
    for repeat in range(repeats):
        for name, command in commands.items():
            runs[name].append(measure(command))
            cpu, wall, memory = runs[name][-1]
            print(f"{repeat + 1}/{repeats} {name}: {cpu:.2f} CPU s, {wall:.2f} s, {memory:.0f} MiB", file=sys.stderr, flush=True)
    return runs


def decoding(binary: Path, arguments: argparse.Namespace) -> None:
    """From an export to checked reports, against DuckDB from the same export to Parquet only."""
    work = tooling.CACHE / "bench" / f"export-{arguments.customers}"
    # In a process of its own: a child's peak memory begins with its parent's.
    made = [sys.executable, str(Path(__file__).with_name("generate.py")), str(work / "own"), str(work / "export"), str(arguments.customers), "7"]
    facts = int(subprocess.run(made, check=True, capture_output=True, text=True).stdout)
    size = sum(path.stat().st_size for path in (work / "export").rglob("*.gz")) / 2**20
    ours = [str(binary), "--facts", str(work / "export"), "--out", str(work / "ours"), "--fx", str(work / "own" / "fx.parquet")]
    decode = str(Path(__file__).with_name("decode_duckdb.py"))
    commands = {
        "Perennial: decode, count, verify, all reports": ours,
        "DuckDB: decode to Parquet only": [sys.executable, decode, str(work / "export"), str(work / "duckdb.parquet"), str(arguments.threads)],
    }
    runs = interleaved(commands, arguments.repeats)
    import duckdb

    counted = duckdb.sql(f"select count(*) from '{work / 'duckdb.parquet'}'").fetchall()
    if counted != [(facts,)]:
        sys.exit(f"DuckDB decoded {counted} of {facts} facts; a benchmark of different results says nothing")
    report(runs, arguments, f"{facts:,} facts in an export of {size:.0f} MiB gzipped")


def report(runs: dict[str, list[tuple[float, float, float]]], arguments: argparse.Namespace, what: str) -> None:
    print(f"{what}; {os.cpu_count()} cores, {platform.machine()}; medians of {arguments.repeats} interleaved runs (lowest in brackets).\n")
    print("| engine | CPU s | wall s | peak MiB |\n| --- | --- | --- | --- |")
    for name, values in runs.items():
        cpu, wall, memory = ([run[i] for run in values] for i in range(3))
        middle = statistics.median
        print(f"| {name} | {middle(cpu):.2f} ({min(cpu):.2f}) | {middle(wall):.2f} ({min(wall):.2f}) | {middle(memory):.0f} ({min(memory):.0f}) |")


if __name__ == "__main__":
    main()
