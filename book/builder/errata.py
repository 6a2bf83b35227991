"""Notes on the original: what the thesis states, and what a cell of this book finds when it looks again.

``data/thesis/errata.csv`` lists the notes. Severity 1 changes a conclusion or keeps a reader from building
the same thing, 2 changes a number, 3 is a slip of the pen. The errata page computes every note of severity
1 and 2 in a cell that calls `note`: the reader sees a card, and the same output carries the row as data
under `MIME`, so that a test can ask an executed page whether any note is missing (`collect`).

A note's status tells what was *verified*, by computing or running it, from what is *inferred*, the best
explanation of verified facts. Published numbers are never corrected silently: chapters link to these notes.
"""

import csv
import html
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from IPython.display import display

from mtlib.base.errors import InputError
from mtlib.base.files import read_json, told_if_damaged
from mtlib.base.paths import DATA
from mtlib.evidence import claims

from . import thesis_index

MIME = "application/vnd.mtlib.erratum+json"
BASES = ("arithmetic", "published files", "label counts", "recorded scores")
"""What a note is computed from."""


@dataclass(frozen=True)
class Note:
    """One note, looked at again."""

    erratum: str
    basis: str
    finds: str
    """What this build found, with its numbers."""
    stands: bool | None
    """Whether it confirms the note; None where it could not look."""


@cache
def table() -> dict[str, dict[str, str]]:
    """Return the notes by id."""
    with open(DATA / "thesis" / "errata.csv", encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def to_compute() -> list[str]:
    """Return the ids of severity 1 and 2: each is computed on the errata page."""
    return [name for name, row in table().items() if int(row["severity"]) <= 2]


def status(name: str) -> str:
    """Return ``verified``, ``inferred``, or ``verified in part`` where a note is both."""
    words = table()[name]["status"]
    if words in ("verified", "inferred"):
        return words
    return "verified in part"


def note(name: str, finds: str, *, basis: str, stands: bool | None = True) -> Note:
    """Show a note to the reader, and store what was found in the same output.

    Parameters
    ----------
    name : str
        Id in errata.csv, such as ``E01``.
    finds : str
        What was computed, in words with its numbers; where nothing could be, the reason.
    basis : str
        One of `BASES`.
    stands : bool or None
        Whether the numbers confirm the note; None where it could not be looked at.

    Raises
    ------
    InputError
        If the id or the basis is unknown, or nothing is said.
    """
    if name not in table():
        raise InputError(f"unknown note {name!r}; see data/thesis/errata.csv")
    if basis not in BASES:
        raise InputError(f"basis must be one of {', '.join(BASES)}, got {basis!r}")
    if not finds.strip():
        raise InputError(f"{name}: say what was found")
    found = Note(name, basis, finds, None if stands is None else bool(stands))
    text = f"{name} – {table()[name]['where']}. {finds}"
    display({"text/html": card(found), "text/plain": text, MIME: asdict(found)}, raw=True)
    return found


def absent(name: str, reason: str) -> Note:
    """Show a note whose files are not here."""
    return note(name, reason, basis="published files", stands=None)


def card(found: Note) -> str:
    """Return a note as HTML, with its id as anchor."""
    row = table()[found.erratum]
    lead = {True: "This build finds", False: "This build does not find it", None: "Not computed here"}
    rows = {
        "The thesis says": row["stated"],
        lead[found.stands]: found.finds,
        "Consequence": row["consequence"],
        "What we do": row["recommended_resolution"],
        "Basis": f"{row['status']}; from {found.basis}",
    }
    cells = {key: html.escape(value) for key, value in rows.items()}
    touched = [c for c, claim in claims.table().items() if found.erratum in claim["related_errata"]]
    see = [thesis_index.link(entry) for entry in thesis_index.mentioned(row["where"])]
    see += [f"<a href='ledger.html#{claims.anchor(name)}'>{name}</a>" for name in touched]
    if see:
        cells["See also"] = ", ".join(see)
    body = "".join(f"<tr><th scope='row'>{key}</th><td>{cell}</td></tr>" for key, cell in cells.items())
    kind = status(found.erratum).replace(" ", "-")
    return (
        f"<div class='mt-claim mt-erratum mt-{kind}' id='{found.erratum}'><p class='mt-verdict'>"
        f"<strong>{found.erratum}</strong> {html.escape(row['where'])} "
        f"<span class='mt-chip'>{status(found.erratum)}</span> "
        f"<span class='mt-muted'>severity {row['severity']}</span></p><table>{body}</table></div>"
    )


def collect(notebook: Path) -> list[Note]:
    """Read the notes out of an executed notebook.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    with told_if_damaged(notebook, "run `make book`"):
        cells = read_json(Path(notebook))["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        return [Note(**output["data"][MIME]) for output in outputs if MIME in output.get("data", {})]


def slips_html() -> str:
    """Return the notes of severity 3 as an HTML table, each with its id as anchor."""
    names = ("Note", "Where", "Stated", "Found", "What we do")
    head = "".join(f"<th scope='col'>{name}</th>" for name in names)
    lines = []
    for name, row in table().items():
        if int(row["severity"]) == 3:
            values = (row["where"], row["stated"], row["computed"], row["recommended_resolution"])
            cells = "".join(f"<td>{html.escape(value)}</td>" for value in values)
            chip = "" if status(name) == "verified" else f"<br><span class='mt-muted'>{row['status']}</span>"
            lines.append(f"<tr id='{name}'><th scope='row'>{name}{chip}</th>{cells}</tr>")
    return f"<table class='mt-ledger'><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
