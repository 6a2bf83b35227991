"""Every reference has a year and an author, and a DOI or arXiv number where the publication has one."""

import re

import pytest

from mtlib.base import paths

TEXT = (paths.ROOT / "book" / "references.bib").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^@\w+\{(\w+),(.*?)^\}", TEXT, re.MULTILINE | re.DOTALL))
WITHOUT = {
    "bertinmahieux2011",
    "choi2015auralisation",
    "choi2018",
    "fitzgerald2010",
    "iec61672",
    "law2009",
    "menon2015",
}
"""A thesis, a standard, and papers of conferences that gave no DOI."""


@pytest.mark.parametrize("name", ENTRIES)
def test_a_reference_is_complete(name):
    entry = ENTRIES[name]
    assert re.search(r"author\s*=", entry) and re.search(r"year\s*=\s*\{\d{4}\}", entry)
    has_number = re.search(r"doi\s*=\s*\{10\.\d+/\S+\}", entry) or re.search(r"arXiv:\d{4}\.\d{4,5}", entry)
    assert bool(has_number) or name in WITHOUT


def test_every_citation_is_in_the_list():
    cited = set()
    for path in [*(paths.ROOT / "book").glob("*.md"), *(paths.ROOT / "book").glob("*.ipynb")]:
        for names in re.findall(r"\{cite[^}]*\}`([^`]*)`", path.read_text(encoding="utf-8")):
            cited |= {name.strip() for name in names.split(",")}
    assert cited <= ENTRIES.keys()
    assert len(ENTRIES) == TEXT.count("\n@") + TEXT.startswith("@")
