"""The report as a person opens it: in a real browser, at phone and desk width, light and dark.

    python3 tests/browser/run.py [REPORT.html]

Exists because an HTML page can be valid and unreadable. Looks at the report of the last `demo` step unless one is named;
keeps pictures beside it. Installs Debian's chromium and chromium-driver when they are missing, and selenium (pinned) into a
virtual environment. Fails loudly when it cannot.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tests/tooling.py

from tooling import CACHE, have_program, reenter

WIDTHS = {"phone": 390, "desk": 1280}
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync", "--hide-scrollbars",
]
FIGURES = [
    "Customers", "Active customers", "MRR", "ARR", "Customer churn", "Revenue churn", "ARPA", "LTV",
    "First-attempt success", "Recovered after decline",
]


class Checks:
    """Counts what was looked at."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def that(self, what: str, holds: bool, seen: object = "") -> None:
        if holds:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok  ' if holds else 'FAIL'} {what}" + ("" if holds else f": {seen}"))


def look(driver, report: Path, name: str, width: int, scheme: str, checks: Checks) -> None:
    """One width and colour scheme."""
    where = f"{name}, {scheme}"
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    driver.get(report.as_uri())
    page = driver.execute_script("""
        const root = document.documentElement;
        const rgb = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number);
        return {
          text: document.body.innerText, title: document.title, scroll: root.scrollWidth, width: root.clientWidth,
          charts: document.querySelectorAll('svg').length,
          unnamed: [...document.querySelectorAll('svg')].filter(
            s => !s.getAttribute('aria-label') && !s.getAttribute('aria-labelledby') && !s.querySelector('title')
                 && s.getAttribute('aria-hidden') !== 'true').length,
          tables: document.querySelectorAll('table').length,
          fetched: performance.getEntriesByType('resource').map(e => e.name),
          light: (rgb[0] + rgb[1] + rgb[2]) / 3, height: root.scrollHeight,
        };""")
    checks.that(f"{where}: it has a title", bool(page["title"]))
    missing = [f for f in FIGURES if f.lower() not in page["text"].lower()]
    checks.that(f"{where}: all ten figures are there", not missing, missing)
    checks.that(f"{where}: the page does not scroll sideways", page["scroll"] <= page["width"], page["scroll"])
    checks.that(f"{where}: charts, each with a name", page["charts"] >= 8 and page["unnamed"] == 0, page["unnamed"])
    checks.that(f"{where}: a table under the charts", page["tables"] >= 8, page["tables"])
    checks.that(f"{where}: nothing is fetched", not page["fetched"], page["fetched"])
    checks.that(f"{where}: the background follows the scheme", (page["light"] > 128) == (scheme == "light"), page["light"])
    picture = {"width": width, "height": min(int(page["height"]), 12000), "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", picture)
    driver.save_screenshot(str(report.with_name(f"report-{name}-{scheme}.png")))


def main() -> int:
    report = Path(sys.argv[1]) if len(sys.argv) > 1 else CACHE / "run" / "demo" / "reports" / "report.html"
    if not report.is_file():
        print(f"there is no {report}: run the step `demo` first, or name a report", file=sys.stderr)
        return 1
    for program, package in (("chromium", "chromium"), ("chromedriver", "chromium-driver")):
        problem = have_program(program, package)
        if problem:
            print(problem, file=sys.stderr)
            return 1
    reenter("browser")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    with tempfile.TemporaryDirectory() as profile:
        for flag in [*FLAGS, f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or "chromedriver"))
        checks = Checks()
        try:
            for name, width in WIDTHS.items():
                for scheme in ("light", "dark"):
                    look(driver, report.resolve(), name, width, scheme, checks)
            severe = [e["message"] for e in driver.get_log("browser") if e["level"] == "SEVERE"]
            checks.that("the console is quiet", not severe, severe)
        finally:
            driver.quit()
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
