"""Names that strangers give to tags, files, artists and corpora are shown as text; none of them runs."""

import time
from functools import partial

import nbformat
import numpy as np
import pandas as pd
import pytest
from building import build_pages
from selenium.webdriver.support.ui import WebDriverWait

import toy
from book.builder import browser
from mtlib.corpora import corpus

NAMES = (
    "</script><script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=2>',
    "'><svg onload='window.pwned=3'>",
    "&lt;img src=x onerror=window.pwned=4&gt;",
    "');window.pwned=5;('",
    "{{7*7}}${7*7}",
    "[x](javascript:window.pwned=6)",
    "<a href='javascript:window.pwned=7'>x</a>",
    "$\\href{javascript:window.pwned=8}{x}$",
    "`a` {glue:text}`b` <!-- <script>",
    "a\u2028b\\n",
    "![x](x.png){onerror=window.pwned=9}",
)

WATCH = """
window.ran = [];
Object.defineProperty(window, 'pwned', {set: value => ran.push(value)});
window.alert = window.confirm = window.prompt = text => { ran.push(text); };
"""

ARMED = """
return [...document.querySelectorAll('*')].filter(element =>
  element.localName === 'script' && /^\\s*window.pwned/.test(element.text)
  || [...element.attributes].some(({name, value}) =>
    name.startsWith('on') && value.includes('pwned') || /^\\s*javascript:/i.test(value))
).map(element => element.outerHTML.slice(0, 200));
"""
"""Elements that run a name, or would at a click."""

TOUCH = """
const told = new Set();
for (const marks of document.querySelectorAll('svg.marks [class*="mark-"]'))
  for (const mark of [...marks.children].slice(0, 20)) {
    for (const kind of ['pointermove', ...marks.closest('.role-legend') ? ['click'] : []])
      mark.dispatchEvent(new PointerEvent(kind, {bubbles: true, clientX: 9, clientY: 9}));
    const tooltip = document.getElementById('vg-tooltip-element');
    if (tooltip) told.add(tooltip.textContent);
  }
for (const menu of document.querySelectorAll('.vega-bind select'))
  for (const option of menu.options) {
    menu.value = option.value;
    menu.dispatchEvent(new Event('change', {bubbles: true}));
  }
return [...told].join(' ');
"""
"""Points at marks of every chart, clicks its legends, chooses from its menus; what the tooltips told."""

SHOWN = """
const shown = document.querySelector(arguments[0]).cloneNode(true);
shown.querySelectorAll('script, style').forEach(element => element.remove());
return shown.textContent;
"""

SETUP = """
from types import SimpleNamespace
import altair as alt, numpy as np, pandas as pd
from IPython.display import HTML
from book.builder import errata, ledger
from mtlib.base import profiles
from mtlib.evidence import claims
from book.experiments.architectures import drawing as drawings
from mtlib.page import charts, pages
every = " ".join(NAMES)
frame = pd.DataFrame({"tag": NAMES, "x": range(len(NAMES))})
"""

PLACES = {
    "chart": """
pick = alt.selection_point(fields=["tag"], bind="legend")
points = alt.Chart(frame, title=NAMES[0]).mark_point(filled=True).encode(
    x=alt.X("x:Q", title=NAMES[1]),
    y=alt.Y("tag:N", sort=NAMES, title=NAMES[2], axis=alt.Axis(labelLimit=0)),
    color=alt.Color("tag:N", title=NAMES[3], scale=alt.Scale(domain=NAMES)),
    opacity=alt.condition(pick, alt.value(1), alt.value(0.1)),
    tooltip=["tag", "x"],
)
charts.finish(points.add_params(pick), every)""",
    "menu": """
bind = alt.binding_select(options=NAMES, name=NAMES[1])
menu = alt.selection_point(fields=["tag"], value=NAMES[4], empty=False, bind=bind)
texts = alt.Chart(frame).mark_text().encode(y="tag:N", text="tag:N")
charts.finish(texts.add_params(menu).transform_filter(menu), every)""",
    "spectrogram": """
charts.spectrogram(np.eye(len(NAMES)), seconds=1.0, freq_ticks=list(enumerate(NAMES)), freq_title=NAMES[1],
                   alt_text=every, title=every)""",
    "table": "pages.show_table(frame)",
    "columns": "pages.show_table(pd.DataFrame([range(len(NAMES))], columns=NAMES))",
    "glue": "pages.set_glue(names=every)",
    "claim": """
found = claims.record("C2.02", source="arithmetic", protocol="as printed", rule=every, rule_id="exact",
                      verdict="supported", reason=every, corpus=every, estimate=0.5, low=0.4, high=0.6)""",
    "ledger": "HTML(ledger.as_html(ledger.rows([('names', found)])))",
    "estimates": "ledger.forest(ledger.rows([('names', found)]))",
    "erratum": "errata.note('E01', every, basis='arithmetic');",
    "missing": "pages.missing(every, every, command=every)",
    "player": "pages.player(np.sin(np.arange(9000, dtype='float32')), 12000, every)",
    "drawing": """
drawing = drawings.Drawing(100, 50, every, every)
drawing.box(0, 0, 90, 40, every)
drawing""",
    "print": "print(every)",
    "frame": "frame.set_index('tag')",
    "foot": """
pages.foot(SimpleNamespace(profile=profiles.named("smoke"), corpus=every, device="cpu", seed=0,
                           scheduler=every, own={}))""",
}
"""Every way in which code of the book puts a text on a page."""

BROKEN = """
import altair as alt
from mtlib.page import charts
points = alt.Chart(alt.Data(values=[{"x": 1}])).mark_point()
charts.finish(points.encode(x=alt.X("x:Q", axis=alt.Axis(labelExpr=f"'{NAMES[2]}'"))), "One point.")
"""
"""A chart that Vega cannot read; it shows why, and quotes the name."""


def notebook(setup, places):
    """A page with a section a place; code is left out, so that what is seen is what it shows."""
    kernel = {"name": "python3", "display_name": "Python", "language": "python"}
    code = partial(nbformat.v4.new_code_cell, metadata={"tags": ["remove-input"]})
    cells = [nbformat.v4.new_markdown_cell("# Names"), code(f"NAMES = {list(NAMES)!r}\n{setup}")]
    for place, source in places.items():
        glued = "\n\n{glue:text}`names`" if place == "glue" else ""
        cells += [nbformat.v4.new_markdown_cell(f"## {place}{glued}"), code(source)]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def plain(text):
    """Text as it is compared: typographic quotes straight, words in backticks as they are shown."""
    return " ".join(text.translate(str.maketrans("“”‘’–", "\"\"''-", "`")).replace("--", "-").split())


@pytest.fixture
def watched(chromium):
    """A browser that writes down what a name runs."""
    chromium.set_script_timeout(120)
    script = chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    yield chromium
    chromium.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def open_page(driver, html, page):
    """Open a page, touch its charts; what the tooltips told, and what was wrong."""
    report = browser.check_page(driver, html.as_uri(), page)
    told = driver.execute_script(TOUCH)
    time.sleep(0.3)  # until the charts have followed
    return told, [*report.problems, *driver.execute_script("return ran"), *driver.execute_script(ARMED)]


def test_every_place_of_a_page_shows_names_as_text(tmp_path, watched):
    (tmp_path / "tree" / "book").mkdir(parents=True)
    nbformat.write(notebook(SETUP, PLACES), tmp_path / "tree/book/names.ipynb")
    nbformat.write(notebook("", {"broken": BROKEN}), tmp_path / "tree/book/broken.ipynb")
    html = build_pages(tmp_path, ["book/names", "book/broken"], {})
    told, wrong = open_page(watched, html, "book/names")
    assert wrong == []
    texts = {place: watched.execute_script(SHOWN, f"#{place}") for place in PLACES}
    texts["estimates"] = told  # the chart names rules in its tooltips alone
    lost = {p: [n for n in NAMES if plain(n) not in plain(text)] for p, text in texts.items()}
    assert {place: names for place, names in lost.items() if names} == {}
    watched.get(f"{html.as_uri()}/book/broken.html")
    WebDriverWait(watched, browser.WAIT_S).until(
        lambda driver: plain(NAMES[2]) in plain(driver.execute_script(SHOWN, "#broken"))
    )
    assert watched.execute_script("return ran") + watched.execute_script(ARMED) == []


def write_corpus(name, task):
    """A corpus of tones in which everything but its own name is named by a stranger."""
    n_clips, n_tags = 96, 4 if task == "multiclass" else len(NAMES)
    rng = np.random.default_rng(0)
    labels = rng.random((n_clips, n_tags)) < 0.4
    rows = pd.DataFrame({"clip_id": [f"{NAMES[i % len(NAMES)]} {i}" for i in range(n_clips)]})
    rows = rows.assign(split=np.repeat(["train", "valid", "test"], [48, 16, 32]), fold=rows.index % 4)
    rows = rows.assign(group=rows.clip_id, seed=rng.integers(2**31, size=n_clips))
    rows["tones"] = ["".join("01"[value] for value in row[:4]) for row in labels.astype(int)]
    given = {"multiclass": labels.argmax(1), "regression": labels + rng.random(labels.shape)}
    corpus.write(
        name, rows, toy.read, audio_recipe={}, sample_rate=12_000, n_samples=toy.N_SAMPLES, task=task,
        tags=pd.DataFrame({"name": NAMES[:n_tags], "category": NAMES[-1:] * n_tags}),
        label_sets={"observed": (given.get(task, labels), {})}, info={"title": " ".join(NAMES)},
    )  # fmt: skip


@pytest.mark.slow
def test_every_chapter_shows_the_names_of_a_corpus_as_text(tmp_path, watched, published):
    """Chapters 3 to 6, which work on a corpus of the reader's, and the pages that are made from them."""
    home = str(tmp_path / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTLIB_HOME", home)
        for name, task in (("tones_1.0-a", "multilabel"), ("kinds", "multiclass"), ("moods", "regression")):
            write_corpus(name, task)
    chapters = ["03_label_noise", "04_architectures", "05_preprocessing", "06_transfer"]
    pages = [f"book/{name}" for name in (*chapters, "08_conclusion", "ledger", "compare", "status")]
    parameters = {"profile": "smoke", "corpus": "tones_1.0-a", "targets": "published,tones_1.0-a,kinds,moods"}
    html = build_pages(tmp_path, pages, parameters, MTLIB_HOME=home)
    wrong, texts = {}, {}
    for page in pages:
        told, wrong[page] = open_page(watched, html, page)
        texts[page] = watched.execute_script(SHOWN, "article") + told
    assert {page: found for page, found in wrong.items() if found} == {}
    assert all("tones_1.0-a" in text for text in texts.values())
    for page in ("book/03_label_noise", "book/04_architectures", "book/compare"):
        assert [name for name in NAMES if plain(name) not in plain(texts[page])] == []
