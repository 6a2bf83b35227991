"""Notes on the original: what a cell finds reaches the reader and the tests, and the page leaves none out."""

import json
import re
from dataclasses import asdict

import pytest

from book.builder import errata
from mtlib.base import paths
from mtlib.base.errors import InputError

CELLS = json.loads((paths.ROOT / "book" / "errata.ipynb").read_text(encoding="utf-8"))["cells"]
CODE = "\n".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code")


def test_a_note_is_shown_and_collected(tmp_path, capsys):
    found = errata.note("E01", "256 > 96 & more", basis="arithmetic")
    assert "E01 – Table 2-B. 256" in capsys.readouterr().out
    page = errata.card(found)
    assert "id='E01'" in page and "256 &gt; 96 &amp; more" in page and "This build finds" in page
    assert "href='02_background.html#tab-2-b'" in page and "href='ledger.html#C2-02'" in page
    outputs = [{"output_type": "display_data", "data": {errata.MIME: asdict(found)}, "metadata": {}}]
    path = tmp_path / "errata.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "outputs": outputs}]}))
    assert errata.collect(path) == [found]
    assert errata.absent("E60", "no file").stands is None


def test_verified_and_inferred_are_told_apart():
    assert (errata.status("E01"), errata.status("E32")) == ("verified", "inferred")
    for name in ("E19", "E25", "E29", "E36"):
        assert errata.status(name) == "verified in part" and "infer" in errata.table()[name]["status"]
    assert "mt-inferred" in errata.card(errata.Note("E32", "arithmetic", "x", True))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "E99"}, "unknown note 'E99'"),
        ({"basis": "hearsay"}, "basis must be one of"),
        ({"finds": " "}, "say what was found"),
    ],
)
def test_a_bad_note_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        errata.note(**({"name": "E01", "finds": "x", "basis": "arithmetic"} | change))
    with pytest.raises(InputError, match="damaged or cannot be read"):
        errata.collect(paths.ROOT / "README.md")


def test_every_note_of_severity_1_and_2_has_a_cell_and_the_others_a_row():
    written = re.findall(r"""(?:^|[^\w.])note\(\s*["'](E\d+)""", CODE)
    assert sorted(written) == errata.to_compute()
    rows = re.findall(r"<tr id='(E\d+)'", errata.slips_html())
    assert sorted(written + rows) == sorted(errata.table())
