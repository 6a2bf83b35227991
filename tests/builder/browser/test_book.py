"""The book as a reader meets it: built, opened from a folder and a server."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from building import CHAPTER, run
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from book.builder import browser, build, errata
from mtlib.base import paths
from mtlib.evidence import claims

AXE = Path(__file__).parent / "node_modules" / "axe-core"
"""Installed by `make test` where npm is; its version is pinned in package.json beside this file."""

AUDIT = """
const [options, done] = arguments;
axe.run(document, {preload: false, resultTypes: ['violations'], ...options}).then(result => done(
  result.violations.filter(found => ['serious', 'critical'].includes(found.impact))
  .map(found => `${found.id}: ${found.nodes.length}, first ${found.nodes[0].html.slice(0, 120)}`)));
"""

THIN_OUT = """
const still = document.head.appendChild(document.createElement('style'));
still.textContent = '* {transition: none !important}';
document.querySelectorAll('svg.marks > *, mjx-container > *').forEach(drawn => drawn.remove());
const kinds = new Map(), times = new Map();
const describe = (element, within) => {
  const said = [...element.attributes].map(({name, value}) =>
    ['class', 'style', 'role', 'type', 'preload'].includes(name) ? `${name}=${value}` : name);
  const own = [element.localName, ...said, element.textContent.trim() !== ''].join(' ');
  const below = new Set([own]);
  for (const child of element.children)
    for (const kind of describe(child, `${within} > ${own}`)) below.add(kind);
  kinds.set(element, `${within} > ${[own, ...[...below].sort()].join(', ')}`);
  return below;
};
describe(document.body, '');
for (const element of document.querySelectorAll('body *')) {
  if (!element.isConnected || ['script', 'dt', 'dd'].includes(element.localName)) continue;
  const kind = kinds.get(element);
  times.set(kind, (times.get(kind) ?? 0) + 1);
  if (times.get(kind) > 2) element.remove();
}
"""
"""Leaves out what Vega and MathJax draw, and what looks as two before it in the same place do: axe is slow.
Colours change at once."""

UNNAMED = """
return [...document.querySelectorAll('[id^="altair-viz"]')].filter(chart => !chart.ariaLabel).length;
"""

CUT_OFF = """
const cut = [];
for (const chart of document.querySelectorAll('svg.marks')) {
  const frame = chart.getBoundingClientRect();
  for (const text of chart.querySelectorAll('.role-legend text, .role-axis-title text')) {
    const box = text.getBoundingClientRect();
    if (box.width && (box.right > frame.right + 2 || box.left < frame.left - 2)) cut.push(text.textContent);
  }
}
return cut;
"""
"""Titles and legend entries that reach out of their chart."""

LOOSE = """
return [...document.querySelectorAll('[id^="altair-viz"]')].filter(chart => {
  const parts = [...(chart.closest('figure')?.children ?? [])];
  return !parts.length || parts.at(-1).localName !== 'figcaption' || !parts.at(-1).textContent.trim();
}).length;
"""
"""Charts that are not a figure with its caption below."""

CUT_IN_PRINT = """
const page = document.documentElement.clientWidth;
return [...document.querySelectorAll('svg.marks, pre, table')]
  .filter(part => part.checkVisibility() && part.getBoundingClientRect().right > page + 1)
  .map(part => part.textContent.trim().slice(0, 60));
"""

A4 = {"width": 718, "height": 1040, "deviceScaleFactor": 1, "mobile": False}
"""What is left of a sheet between its margins, at 96 pixels an inch."""

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


def test_the_check_sees_what_is_broken(tmp_path, chromium):
    (tmp_path / "page.html").write_text(
        "<html><body><div id='altair-viz-1'></div><div class='math'>x</div><audio src='no.mp3'></audio>"
        "<audio preload='none' src='later.mp3'></audio>"
        "<img src='https://example.org/a.png'><script>throw new Error('oh');</script></body></html>"
    )
    driver = browser.WAIT_S
    browser.WAIT_S = 1
    try:
        problems = " / ".join(browser.check_page(chromium, tmp_path.as_uri(), "page").problems)
    finally:
        browser.WAIT_S = driver
    expected = ("charts without marks", "formulas not typeset", "1 players without a duration",
                "1 players without a file", "asks for https://example.org",
                "a request failed", "pictures without alternative text", "oh")  # fmt: skip
    for words in expected:
        assert words in problems


@dataclass(frozen=True)
class Look:
    """What is seen of a page while it is open once."""

    report: browser.PageReport
    n_charts_unnamed: int
    n_charts_loose: int
    cut_in_print: list[str]
    width_on_phone: int
    cut_on_phone: list[str]
    findings: dict[str, list[str]]
    """Serious and critical ones of axe-core, by theme; in the dark only colours can be others."""


@pytest.fixture(scope="module")
def looks(smoke, chromium) -> dict[str, Look]:
    axe = (AXE / "axe.min.js").read_text(encoding="utf-8") if AXE.is_dir() else ""
    themes = {"light": {}, "dark": {"runOnly": ["color-contrast"]}} if axe else {}
    chromium.set_script_timeout(120)
    looks = {}
    for page in build.pages():
        report = browser.check_page(chromium, (smoke / "html").as_uri(), page)
        unnamed, loose = chromium.execute_script(UNNAMED), chromium.execute_script(LOOSE)
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", A4)
        cut_in_print = chromium.execute_script(CUT_IN_PRINT)
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        width = chromium.execute_script("return document.documentElement.scrollWidth")
        time.sleep(0.5 if report.n_charts else 0)  # until they have taken the new width
        cut = chromium.execute_script(CUT_OFF)
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        chromium.execute_script(THIN_OUT + axe)
        time.sleep(0.5)  # until the theme has seen which regions scroll now
        findings = {}
        for theme, options in themes.items():
            chromium.execute_script(f"document.documentElement.dataset.theme = '{theme}'")
            findings[theme] = chromium.execute_async_script(AUDIT, options)
        looks[page] = Look(report, unnamed, loose, cut_in_print, width, cut, findings)
    return looks


def test_a_reader_meets_no_problem(looks):
    assert {page: look.report.problems for page, look in looks.items() if look.report.problems} == {}
    seen = looks[CHAPTER].report
    assert seen.n_charts >= 1 and seen.n_formulas >= 1 and seen.n_players >= 4


def test_a_server_shows_what_the_folder_does(smoke, chromium, looks):
    with browser.serve(smoke / "html") as address:
        assert browser.check_page(chromium, address, CHAPTER) == looks[CHAPTER].report


@pytest.mark.skipif(not AXE.is_dir(), reason="no axe-core: npm install --prefix tests/builder/browser")
def test_no_page_shuts_a_reader_out(looks):
    pinned = json.loads((AXE.parents[1] / "package.json").read_text())["devDependencies"]["axe-core"]
    assert json.loads((AXE / "package.json").read_text())["version"] == pinned
    assert {page: look.findings for page, look in looks.items() if any(look.findings.values())} == {}


def test_a_phone_shows_every_page_without_scrolling_sideways(looks):
    wide = {page: look.width_on_phone for page, look in looks.items()}
    assert {page: width for page, width in wide.items() if width > PHONE["width"]} == {}


def test_a_phone_cuts_no_title_or_legend_of_a_chart(looks):
    assert {page: look.cut_on_phone for page, look in looks.items() if look.cut_on_phone} == {}


def test_the_ledger_filters_its_claims(smoke, chromium):
    chromium.get(f"{(smoke / 'html').as_uri()}/book/ledger.html")
    shown = "return [...document.querySelectorAll('#mt-claims tbody')].filter(t => !t.hidden).length"
    assert chromium.execute_script(shown) == len(claims.table())
    menu = Select(chromium.find_element(By.CSS_SELECTOR, "select[data-filter='chapter']"))
    menu.select_by_visible_text("2")
    expected = sum(row["chapter"] == "2" for row in claims.table().values())
    assert chromium.execute_script(shown) == expected
    assert f"{expected} of {len(claims.table())} claims" in chromium.find_element(By.ID, "mt-filters").text
    chromium.get(f"{(smoke / 'html').as_uri()}/book/ledger.html#C3-01")
    assert chromium.execute_script(shown) == len(claims.table())


def test_a_chart_answers_the_pointer(smoke, chromium):
    chromium.get(f"{(smoke / 'html').as_uri()}/{CHAPTER}.html")
    deadline = time.monotonic() + browser.WAIT_S
    while not (
        marks := chromium.find_elements(By.CSS_SELECTOR, "svg.marks .mark-rect path, svg.marks .mark-symbol path")
    ):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    chromium.execute_script("arguments[0].scrollIntoView({block: 'center'})", marks[0])
    ActionChains(chromium).move_to_element(marks[0]).perform()
    time.sleep(0.5)
    tooltip = chromium.find_element(By.ID, "vg-tooltip-element")
    assert "visible" in tooltip.get_attribute("class") and tooltip.text.strip()


def test_every_chart_has_an_alternative_text(looks):
    assert {page: look.n_charts_unnamed for page, look in looks.items() if look.n_charts_unnamed} == {}


def test_every_chart_is_a_figure_with_its_caption_below(looks):
    assert {page: look.n_charts_loose for page, look in looks.items() if look.n_charts_loose} == {}


def test_print_cuts_nothing_off(looks):
    assert {page: look.cut_in_print for page, look in looks.items() if look.cut_in_print} == {}


def test_a_chart_is_text_and_a_table_where_scripts_do_not_run(smoke, chromium):
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chromium.get(f"{(smoke / 'html').as_uri()}/{CHAPTER}.html")
        figure = chromium.find_element(By.CSS_SELECTOR, "figure.mt-figure")
        assert "Fifty bars, one per tag, from rock" in figure.text
        assert "rock" in figure.find_element(By.TAG_NAME, "td").text
    finally:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_one_player_sounds_at_a_time(smoke, chromium):
    chromium.get(f"{(smoke / 'html').as_uri()}/{CHAPTER}.html")
    chromium.find_element(By.CSS_SELECTOR, ".bd-article h1").click()  # no page may sound before it was touched
    sounding = chromium.execute_async_script("""
        const done = arguments[0], [first, second] = document.querySelectorAll("audio");
        first.muted = second.muted = true;
        first.play().then(() => second.play()).then(() => done([first.paused, second.paused])).catch(done);
    """)
    assert sounding == [True, False]


def test_pages_hold_no_warnings_and_stay_light(smoke):
    for page in build.notebooks():
        notebook = json.loads(build.executed_path(page, smoke).read_text(encoding="utf-8"))
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
        assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
        assert len((smoke / "html" / f"{page}.html").read_bytes()) < 1.5e6
    audio = sum(path.stat().st_size for path in (smoke / "html" / "media").iterdir())
    assert audio < 3e6


def test_the_ledger_holds_what_the_chapters_recorded(smoke):
    recorded = claims.collect([build.executed_path(CHAPTER, smoke)])
    assert "C2.02" in {evidence.claim for _, evidence in recorded}
    ledger = json.loads((smoke / "ledger.json").read_text(encoding="utf-8"))
    assert [i for i in ledger if i["page"]] and len({item["claim"] for item in ledger}) == len(claims.table())
    page = (smoke / "html" / "book" / "ledger.html").read_text(encoding="utf-8")
    assert all(f"02_background.html#{row.claim.replace('.', '-')}" in page for _, row in recorded)


def test_every_note_on_the_original_is_computed_and_stands(smoke):
    found = errata.collect(build.executed_path("book/errata", smoke))
    assert sorted(note.erratum for note in found) == errata.to_compute()
    assert [(note.erratum, note.finds) for note in found if note.stands is not True] == []
    page = (smoke / "html" / "book" / "errata.html").read_text(encoding="utf-8")
    assert all(page.count(f"id='{name}'") + page.count(f'id="{name}"') == 1 for name in errata.table())


def test_a_failing_cell_is_named_and_the_last_book_stays(smoke):
    before = {p: p.stat().st_mtime_ns for p in [smoke / "html" / "index.html", build.executed_path(CHAPTER, smoke)]}
    result = run(smoke, "book", "--profile", "smoke", "--seed", "-1")
    assert result.returncode == 1
    assert re.search(r"book/\w+\.ipynb, cell \d: InputError: seed must be at least 0, got -1$", result.stderr, re.M)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not list((smoke / "executed" / "book").glob(".running*"))


def test_only_what_changed_is_executed_again(smoke):
    assert not build.is_stale(CHAPTER, {"profile": "smoke"}, smoke)
    assert build.is_stale(CHAPTER, {"profile": "quick"}, smoke)
    path = build.executed_path(CHAPTER, smoke)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    kept = path.read_bytes()
    notebook["metadata"]["mtlib"]["source"] = "another"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    try:
        assert build.is_stale(CHAPTER, {"profile": "smoke"}, smoke)
        result = subprocess.run(
            [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(paths.ROOT),
             "--path-output", str(smoke / "plain")],
            env={**os.environ, "MTLIB_BUILD": str(smoke)}, capture_output=True, text=True,
        )  # fmt: skip
        assert result.returncode != 0
        assert "book/02_background: changed since it was executed; run `make book`" in result.stdout + result.stderr
    finally:
        path.write_bytes(kept)
