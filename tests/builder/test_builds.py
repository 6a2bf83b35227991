"""Two small builds, compared: what differs is told, what is the same is not."""

import json
from dataclasses import asdict

import pytest
from click.testing import CliRunner

from book.builder import build as book
from book.builder import compare
from mtlib.__main__ import program
from mtlib.base.errors import InputError
from mtlib.evidence import claims
from mtlib.page import pages


def output(kind, data, **metadata):
    return {"output_type": "display_data", "data": {kind: data}, "metadata": metadata}


def glued(name, value):
    return output("application/papermill.record/text/plain", repr(value), scrapbook={"name": name})


def write_build(folder, *, seed=0, auc="0.850", interval=(0.80, 0.90), verdict="supported", extra=()):
    row = asdict(
        claims.Evidence(
            "C2.02", "arithmetic", "none", "quick", "live", sum(interval) / 2, *interval, 8, "r", verdict, ""
        )
    )
    foot = {"parameters": {"profile": "quick", "seed": seed}, "provenance": {"device": "a cpu"}, "seconds": 1.0}
    outputs = [
        output(claims.MIME, row),
        glued("auc", auc),
        glued("n", 3),
        glued("minutes", f"{seed} s"),
        output(pages.MIME, foot),
        *extra,
    ]
    path = folder / "executed" / "book" / "02_background.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "outputs": outputs}]}))
    return folder


def test_a_build_is_summarised_once_and_for_all(tmp_path):
    build = write_build(tmp_path / "a")
    found = compare.summarise(build)
    assert found["pages"]["02_background"]["numbers"] == {"auc": "0.850", "n": "3"}
    assert found["evidence"][0]["claim"] == "C2.02" and found["evidence"][0]["number"] == 1
    assert compare.summarise(compare.save(build, tmp_path / "kept" / "a.json")) == found
    same = compare.compare(found, found)
    assert not (same.parameters or same.numbers or same.evidence or same.missing)
    assert (same.n_numbers, same.n_evidence, same.n_apart) == (2, 1, 0)


def test_what_differs_is_told(tmp_path):
    a = write_build(tmp_path / "a")
    b = write_build(tmp_path / "b", seed=1, auc="0.8, 0.9", interval=(0.91, 0.95), verdict="contradicted",
                    extra=[glued("new", "x")])  # fmt: skip
    found = compare.compare(compare.summarise(a), compare.summarise(b))
    assert found.parameters == [{"page": "02_background", "name": "seed", "first": 0, "second": 1}]
    assert [(row["first"], row["second"], row["change"]) for row in found.numbers] == [("0.850", "0.8, 0.9", "")]
    (row,) = found.evidence
    assert (row["overlap"], row["verdict second"], found.n_apart) == ("no", "contradicted", 1)
    assert found.missing == [{"what": "02_background: value new", "only in": "second"}]
    result = CliRunner().invoke(program, ["compare", str(a), str(b)])
    assert result.exit_code == 0 and "intervals that do not overlap: 1" in result.output
    assert f"first: {a}, second: {b}" in result.output
    result = CliRunner().invoke(program, ["compare", str(a), str(b), "--json"])
    assert json.loads(result.output)["evidence"] == found.evidence


def test_a_setting_that_differs_everywhere_is_told_once():
    def build(pages):
        found = {name: {"parameters": values, "numbers": {}} for name, values in pages.items()}
        return {"pages": found, "evidence": []}

    first = build({name: {"profile": "quick", "seed": 0} for name in "abc"})
    changed = {"a": 1, "b": 1, "c": 0}
    second = build({name: {"profile": "smoke", "seed": seed} for name, seed in changed.items()})
    assert compare.compare(first, second).settings == [
        {"page": "every page", "name": "profile", "first": "quick", "second": "smoke"},
        {"page": "a, b", "name": "seed", "first": 0, "second": 1},
    ]


@pytest.mark.parametrize(
    ("first", "second", "expected"), [((0, 1), (1, 2), "yes"), ((0, 1), (1.1, 2), "no"), ((None, None), (0, 1), "–")]
)
def test_intervals_overlap_or_not(first, second, expected):
    assert compare.overlap(*({"low": low, "high": high} for low, high in (first, second))) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("1,225", 1225.0), ("−0.25", -0.25), ("92%", 92.0), ("3 of 4", None), ("rock", None)]
)
def test_the_number_in_a_glued_value(text, expected):
    assert compare.number_in(text) == expected


def test_a_folder_without_a_build_is_refused(tmp_path):
    with pytest.raises(InputError, match="no executed notebook in it"):
        compare.summarise(tmp_path)
    with pytest.raises(InputError, match="no such folder or file; give a build folder"):
        compare.summarise(tmp_path / "nowhere")
    for text in ("{}", "[]", "# a page"):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(InputError, match="not a snapshot of a build"):
            compare.summarise(tmp_path / "x.json")


def test_the_published_build_is_that_of_this_book():
    found = compare.summarise(compare.PUBLISHED)
    known = {page.rpartition("/")[2] for page in book.notebooks()}
    assert found["pages"].keys() <= known and len(found["evidence"]) > 0
    assert {row["claim"] for row in found["evidence"]} <= claims.table().keys()


def test_pages_that_read_others_come_last():
    names = [page.rpartition("/")[2] for page in book.notebooks()]
    assert tuple(names[-len(book.READ_OTHERS) :]) == book.READ_OTHERS


def test_a_chapter_refuses_the_parameter_of_another():
    book.check_parameters({"targets": "published"})
    with pytest.raises(InputError, match="unknown parameter 'targets'; 02_background has clip, "):
        book.check_parameters({"targets": "published"}, "book/02_background")
    with pytest.raises(InputError, match="unknown parameter 'sede'; the book has clip, "):
        book.check_parameters({"sede": 1})
