"""The commands about networks and trainings, as a reader types them."""

import json

from click.testing import CliRunner

from mtlib.__main__ import program


def test_models_lists_every_network():
    shown = CliRunner().invoke(program, ["models"])
    assert shown.exit_code == 0 and "k2c2 0.1M" in shown.output and "96,822" in shown.output
    lines = CliRunner().invoke(program, ["models", "--json"]).output.splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == len(shown.output.splitlines()) - 1 == 28
    assert {"structure", "width", "parameters", "multiply_adds", "receptive_field"} <= set(rows[0])
