"""What one execution of the book came to, as plain values: parameters, numbers, evidence.

A *build* is one execution of the book. `summarise` reads its executed notebooks; the published book's own
summary is committed as ``data/results/published_build.json`` (``python -m mtlib snapshot`` writes it), so a
rerun can be held against the page. `compare` lists what differs: parameters, numbers that moved, and for
each piece of evidence whether the two intervals overlap.

Numbers are the values that notebooks glue into their text. What must differ from machine to machine
(minutes, memory) is told on the status page and not compared.
"""

import ast
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mtlib.base.errors import InputError
from mtlib.base.files import atomic, check_form, check_target, read_json, told_if_damaged
from mtlib.base.paths import DATA
from mtlib.evidence import claims
from mtlib.page import pages

PUBLISHED = DATA / "results" / "published_build.json"
"""The summary of the published book."""

ABOUT_BUILDS = ("compare", "status")
"""Pages that tell about a build and have no numbers of their own."""

NOT_COMPARED = ("minutes", "peak_memory")
_KEPT = ("claim", "source", "corpus", "tier", "estimate", "low", "high", "n", "verdict")
_NUMBER = re.compile(r"[−-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


def _glued(cells: list[dict[str, Any]]) -> dict[str, str]:
    numbers = {}
    for output in (output for cell in cells for output in cell.get("outputs", [])):
        name = output.get("metadata", {}).get("scrapbook", {}).get("name")
        text = output.get("data", {}).get("application/papermill.record/text/plain")
        if name and text and name not in NOT_COMPARED:
            text = "".join(text)
            numbers[name] = str(ast.literal_eval(text)) if text[:1] in "'\"" else text
    return numbers


def summarise(build: Path) -> dict[str, Any]:
    """Return a build as plain values.

    Parameters
    ----------
    build : Path
        A build folder, with ``executed/``, or a file that ``snapshot`` wrote.

    Returns
    -------
    dict
        ``pages``: by page, its ``parameters``, ``provenance``, ``seconds``, ``core_seconds``, ``peak_gib``
        (where its foot tells) and ``numbers``; ``evidence``: one object a row, with page and number.

    Raises
    ------
    InputError
        If there is no build.
    """
    build = Path(build)
    if build.is_file():
        try:
            return check_form(json.loads(build.read_text(encoding="utf-8")), "snapshot")
        except (ValueError, RecursionError) as error:
            words = f"not a snapshot of a build ({error})"
            raise InputError(f"{build}: {words}; python -m mtlib snapshot writes one") from None
    executed = [
        path
        for path in sorted((build / "executed").rglob("*.ipynb"))
        if path.stem not in ABOUT_BUILDS and not path.name.startswith(".")
    ]
    if not executed:
        why = "no executed notebook in it" if build.is_dir() else "no such folder or file"
        raise InputError(f"{build}: {why}; give a build folder, such as _build")
    summary: dict[str, Any] = {"pages": {}, "evidence": []}
    seen: Counter[tuple[str, str]] = Counter()
    for path in executed:
        with told_if_damaged(path, "run `make book`"):
            cells = read_json(path)["cells"]
            outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
            foot = next((data[pages.MIME] for data in outputs if pages.MIME in data), {})
            summary["pages"][path.stem] = {**foot, "numbers": _glued(cells)}
    for page, evidence in claims.collect(executed):
        seen[page, evidence.claim] += 1
        row = {name: asdict(evidence)[name] for name in _KEPT}
        summary["evidence"].append({"page": page, "number": seen[page, evidence.claim], **row})
    with told_if_damaged(build, "run `make book`"):
        return check_form(summary, "snapshot")


def save(build: Path, path: Path = PUBLISHED) -> Path:
    """Write the summary of a build into one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    check_target(path, b'"evidence": [')
    text = json.dumps(summarise(build), indent=0, ensure_ascii=False, sort_keys=True)
    with atomic(path) as file:
        file.write(text.encode() + b"\n")
    return path


@dataclass(frozen=True)
class Comparison:
    """What differs between two builds; rows are plain values, ready for a table."""

    parameters: list[dict[str, Any]]
    """``page``, ``name``, ``first``, ``second``: parameters and provenance that differ."""
    numbers: list[dict[str, Any]]
    """``page``, ``name``, ``first``, ``second``, ``change``: glued values that differ."""
    evidence: list[dict[str, Any]]
    """``claim``, ``page``, ``number``, estimates with intervals, verdicts, ``overlap``: what moved."""
    n_numbers: int
    """Values that both builds have."""
    n_evidence: int
    """Evidence rows that both builds have."""
    missing: list[dict[str, str]]
    """``what``, ``only_in``: pages, values and evidence that one build alone has."""
    n_pages: int
    """Pages that both builds have."""

    @property
    def settings(self) -> list[dict[str, Any]]:
        """The rows of `parameters`, pages with the same change in one row."""
        rows: dict[str, dict[str, Any]] = {}
        pages_of: dict[str, list[str]] = {}
        for row in self.parameters:
            change = {name: value for name, value in row.items() if name != "page"}
            rows.setdefault(repr(change), change)
            pages_of.setdefault(repr(change), []).append(row["page"])
        return [
            {"page": "every page" if 1 < len(on) == self.n_pages else ", ".join(on), **rows[key]}
            for key, on in pages_of.items()
        ]

    @property
    def n_apart(self) -> int:
        """Rows whose intervals do not overlap."""
        return sum(row["overlap"] == "no" for row in self.evidence)


def number_in(text: str) -> float | None:
    """Return the number in a glued value, or None where there is none or more than one."""
    found = _NUMBER.findall(text)
    return float(found[0].replace(",", "").replace("−", "-")) if len(found) == 1 else None


def overlap(first: dict[str, Any], second: dict[str, Any]) -> str:
    """Tell whether two intervals overlap: ``yes``, ``no``, or ``–`` where one has none."""
    if first["low"] is None or second["low"] is None:
        return "–"
    return "yes" if first["low"] <= second["high"] and second["low"] <= first["high"] else "no"


def _moved(first: dict[str, Any], second: dict[str, Any]) -> bool:
    if (first["verdict"], first["n"]) != (second["verdict"], second["n"]):
        return True
    for key in ("estimate", "low", "high"):
        a, b = first[key], second[key]
        if (a is None) != (b is None) or (a is not None and not np.isclose(a, b, rtol=1e-9, atol=1e-12)):
            return True
    return False


def _flat(page: dict[str, Any]) -> dict[str, Any]:
    return {**page.get("parameters", {}), **page.get("provenance", {})}


def compare(first: dict[str, Any], second: dict[str, Any]) -> Comparison:
    """Compare two builds, as `summarise` returns them."""
    parameters, numbers, evidence, missing = [], [], [], []
    n_numbers = 0

    def only(what: str, here: bool) -> None:
        missing.append({"what": what, "only in": "first" if here else "second"})

    for page in sorted(first["pages"].keys() | second["pages"].keys()):
        a, b = first["pages"].get(page), second["pages"].get(page)
        if a is None or b is None:
            only(f"page {page}", a is not None)
            continue
        one, two = _flat(a), _flat(b)
        parameters += [
            {"page": page, "name": name, "first": one.get(name, "–"), "second": two.get(name, "–")}
            for name in sorted(one.keys() | two.keys())
            if one.get(name) != two.get(name)
        ]
        for name in sorted(a["numbers"].keys() | b["numbers"].keys()):
            if name not in a["numbers"] or name not in b["numbers"]:
                only(f"{page}: value {name}", name in a["numbers"])
                continue
            n_numbers += 1
            x, y = a["numbers"][name], b["numbers"][name]
            if x != y:
                values = number_in(x), number_in(y)
                change = "" if None in values else f"{values[1] - values[0]:+.3g}"
                numbers.append({"page": page, "name": name, "first": x, "second": y, "change": change})
    rows = [{(r["page"], r["claim"], r["number"]): r for r in build["evidence"]} for build in (first, second)]
    shared = [key for key in rows[0] if key in rows[1]]
    for key in [*rows[0], *(key for key in rows[1] if key not in rows[0])]:
        if key not in shared:
            only(f"{key[0]}: evidence {key[2]} for {key[1]}", key in rows[0])
    for key in shared:
        a, b = rows[0][key], rows[1][key]
        if _moved(a, b):
            row = {"claim": a["claim"], "page": a["page"], "number": a["number"]}
            for side, values in (("first", a), ("second", b)):
                row |= {side: _interval(values), f"verdict {side}": values["verdict"]}
            evidence.append(row | {"overlap": overlap(a, b)})
    n_pages = len(first["pages"].keys() & second["pages"].keys())
    return Comparison(parameters, numbers, evidence, n_numbers, len(shared), missing, n_pages)


def _interval(values: dict[str, Any]) -> str:
    if values["estimate"] is None:
        return "–"
    text = f"{values['estimate']:.4g}"
    return text if values["low"] is None else f"{text} [{values['low']:.4g}, {values['high']:.4g}]"
