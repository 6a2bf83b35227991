"""Chapter 7: every claim has its row, every glued name its value."""

import re

from chapter import Chapter
from mtlib.evidence import claims

CHAPTER = Chapter(7)


def test_every_claim_has_a_row():
    named = {name for name, row in claims.table().items() if row["chapter"] == "7"}
    assert named == set(re.findall(r'"(C7\.\d+)"', CHAPTER.code))


def test_every_glued_name_is_set():
    """By a literal keyword, or by one of the keyed groups."""
    used = set(re.findall(r"\{glue:text\}`(\w+)`", CHAPTER.markdown)) - {"minutes", "peak_memory"}
    groups = ("onset_", "suppress_", "steady_", "silent_", "like_")
    missing = {
        name
        for name in used
        if f"{name}=" not in CHAPTER.code and f'"{name}":' not in CHAPTER.code and not name.startswith(groups)
    }
    assert not missing
