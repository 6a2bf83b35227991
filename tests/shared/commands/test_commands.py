"""The commands about networks and trainings, as a reader types them."""

import json

import pytest
from click.testing import CliRunner

from mtlib.__main__ import program


def test_models_lists_every_network():
    shown = CliRunner().invoke(program, ["models"])
    assert shown.exit_code == 0 and "k2c2 0.1M" in shown.output and "96,822" in shown.output
    lines = CliRunner().invoke(program, ["models", "--json"]).output.splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == len(shown.output.splitlines()) - 1 == 28
    assert {"structure", "width", "parameters", "multiply_adds", "receptive_field"} <= set(rows[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["book", "-p", "profle=quick"], "unknown parameter 'profle'"),
        (["book", "--profile", "fast"], "unknown profile 'fast'"),
        (["book", "--corpus", "mtat"], "unknown corpus 'mtat'"),
        (["execute", "9"], "no notebook '9'; choose one of"),
        (["execute", "2", "-p", "seed"], "given as NAME=VALUE, got 'seed'"),
    ],
)
def test_unknown_names_are_one_line(arguments, words):
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1 and words in result.stderr
