"""Builds one function exactly as `sam build` does, and looks into the binary: small, unwinding, and fit for the runtime.

Exists because three mistakes are invisible until production: a dependency that makes every cold start slower, a packager
that compiles panics into aborts (then one bad message takes its whole batch along), and a binary linked against a newer
C library than Lambda's. Takes minutes: thin LTO with one codegen unit is what is deployed.

    python3 tests/local-aws/check_size.py [--function signup]
"""

from __future__ import annotations

import argparse
import gzip
import platform
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tests/tooling.py

import tooling

GZIP_BYTES_MAX = 5_000_000
GLIBC_MAX = (2, 34)  # Amazon Linux 2023
# The text is in the part of the standard library that catches panics; a program compiled with abort does not link it.
UNWINDS = b"Rust panics must be rethrown"
BUILD_SECONDS = 2100


def unwinds(binary: Path) -> bool:
    return UNWINDS in binary.read_bytes()


def glibc(binary: Path) -> tuple[int, int]:
    """The newest C library version that the binary asks for."""
    versions = re.findall(rb"GLIBC_(\d+)\.(\d+)", binary.read_bytes())
    return max(((int(a), int(b)) for a, b in versions), default=(0, 0))


def mark_still_tells() -> list[str]:
    """Two programs that differ in nothing but the panic strategy: the mark must tell them apart with this toolchain."""
    source = 'fn main() { let _ = std::panic::catch_unwind(|| { if std::env::args().count() > 9 { panic!("x") } }); }'
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        main = Path(folder) / "main.rs"
        main.write_text(source)
        for strategy in ("unwind", "abort"):
            out = Path(folder) / strategy
            tooling.run(
                ["rustc", "--edition=2024", "-Cstrip=symbols", f"-Cpanic={strategy}", "-o", str(out), str(main)],
                seconds=120,
            )
            if unwinds(out) != (strategy == "unwind"):
                wrong.append(f"a program compiled with panic={strategy} is taken for the other kind: find another mark")
    return wrong


def build(verb: str) -> Path:
    target = tooling.target_dir()
    bootstrap = target / "lambda" / verb / "bootstrap"
    bootstrap.unlink(missing_ok=True)
    env = tooling.tool_env(name="sam", CARGO_TARGET_DIR=str(target))
    # The very command of the SAM CLI's builder, in the very folder.
    tooling.run(
        ["cargo", "lambda", "build", "--release"], seconds=BUILD_SECONDS, env=env, cwd=tooling.ROOT / "functions" / verb
    )
    if not bootstrap.is_file():
        raise tooling.ToolMissing(f"cargo-lambda wrote no {bootstrap}")
    return bootstrap


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--function",
        default="signup",
        help="the folder under functions/ (default: signup, the largest that customers wait for)",
    )
    verb = parser.parse_args().function
    began = time.monotonic()
    results = [("the mark of unwinding still tells the two kinds apart", mark_still_tells())]
    binary = build(verb)
    size, packed = binary.stat().st_size, len(gzip.compress(binary.read_bytes(), 6))
    print(
        f"{verb}: {size / 1e6:.1f} MB, {packed / 1e6:.1f} MB gzipped, glibc {'.'.join(map(str, glibc(binary)))}, {platform.machine()}, built in {time.monotonic() - began:.0f} s"
    )
    small = (
        []
        if packed <= GZIP_BYTES_MAX
        else [f"{packed} bytes; the budget is {GZIP_BYTES_MAX}: `cargo tree -p {verb} -e normal` shows what came in"]
    )
    results.append((f"{verb} is at most {GZIP_BYTES_MAX / 1e6:.0f} MB gzipped", small))
    aborts = (
        []
        if unwinds(binary)
        else ["it aborts: [profile.release] in Cargo.toml and functions/CargoLambda.toml must keep unwinding"]
    )
    results.append((f"{verb}'s panics unwind", aborts))
    new = (
        []
        if glibc(binary) <= GLIBC_MAX
        else [f"it needs glibc {glibc(binary)}, the runtime has {GLIBC_MAX}: build with zig (no CARGO_LAMBDA_COMPILER)"]
    )
    results.append((f"{verb} runs on Amazon Linux 2023's C library", new))
    for sentence, wrong in results:
        print(f"{'ok  ' if not wrong else 'FAIL'} {sentence}")
        for line in wrong:
            print(f"       {line}")
    failed = sum(1 for _, wrong in results if wrong)
    print(f"\n{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tooling.ToolMissing as problem:
        print(f"FAIL {problem}\n\n0 passed, 1 failed")
        sys.exit(1)
