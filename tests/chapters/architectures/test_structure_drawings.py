"""Drawings of the structures say what the modules are."""

import pytest

from book.experiments.architectures import drawing
from mtlib.networks import structures


@pytest.mark.parametrize("structure", structures.WITH_WIDTHS)
def test_a_drawing_names_every_map_and_width(structure):
    picture = drawing.draw(structure, 0.1)
    widths = structures.widths()[structure][0.1]
    for width in widths:
        assert str(width) in picture.description
    text = picture._repr_html_()
    assert {"k1c2": "96×341", "k2c1": "1×341", "k2c2": "24×85", "crnn": "1×15"}[structure] in text
    assert "output" in text and ("GRU" in text) == (structure == "crnn")


def test_what_is_drawn_follows_the_options():
    assert "LSTM" in drawing.draw("crnn", 0.1, rnn="lstm").description
    assert "1×8" in drawing.draw("k1c2", 0.1, kernel_time=8)._repr_html_()
