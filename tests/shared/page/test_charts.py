"""Charts, drawings and players: what a reader needs is in them, and bad input is refused."""

import base64
import io
import json

import altair as alt
import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mtlib.base.errors import InputError
from mtlib.page import charts, drawings, pages


def test_a_picture_has_its_first_row_at_the_bottom_and_its_extremes_at_the_ends_of_the_colours():
    data = charts.picture(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    image = Image.open(io.BytesIO(base64.b64decode(data.split(",")[1]))).convert("RGB")
    assert image.size == (3, 2)
    assert image.getpixel((2, 0)) == (0xFD, 0xE7, 0x25) and image.getpixel((2, 1)) == (0x44, 0x01, 0x54)


def test_a_chart_fills_the_width_and_has_its_text():
    points = alt.Chart(alt.Data(values=[{"x": 1}])).mark_point().encode(x="x:Q")
    spec = charts.finish(points, "One point at 1.").to_dict()
    assert spec["width"] == "container" and spec["description"] == "One point at 1."
    with pytest.raises(InputError, match="alt_text must say"):
        charts.finish(points, " ")
    with pytest.raises(InputError, match="finite matrix"):
        charts.picture(np.array([[np.nan]]))


@settings(max_examples=50)
@example("</script>\u2028")
@given(st.text(st.sampled_from("<>&/!-\"'\\\u2028\u2029") | st.characters(exclude_categories=["Cs"])))
def test_a_name_stays_data_in_the_script_of_a_chart(name):
    points = alt.Chart(alt.Data(values=[{"tag": name}])).mark_point().encode(y="tag:N")
    page = charts.finish(points, "One tag.")._repr_mimebundle_()["text/html"]
    start = page.index("\n  })(") + len("\n  })(")
    spec, end = json.JSONDecoder().raw_decode(page, start)
    assert not set("<>&\u2028\u2029") & set(page[start:end])
    assert spec["data"]["values"] == [{"tag": name.replace("\u2028", " ").replace("\u2029", " ")}]


def test_a_label_with_a_quote_stays_a_text_of_the_axis():
    drawn = charts.spectrogram(np.eye(2), seconds=1, freq_ticks=[(1, "the A's")], freq_title="", alt_text="x")
    assert drawn.to_dict()["encoding"]["y"]["axis"]["labelExpr"] == "datum.value == 1 ? \"the A's\" : ''"


def test_a_drawing_is_labelled_and_escaped():
    drawing = drawings.Drawing(100, 50, "A <title>", "What it shows")
    drawing.node(10, 10, "x & y")
    page = drawing._repr_html_()
    assert "A &lt;title&gt;" in page and "x &amp; y" in page and "What it shows" in page
    with pytest.raises(InputError, match="needs a title and a description"):
        drawings.Drawing(10, 10, "", "x")


def test_a_player_is_level_matched_and_left_out_of_a_public_build(tmp_path, monkeypatch):
    time = np.arange(44_100) / 44_100
    loud, quiet = (gain * np.sin(2 * np.pi * 440 * time).astype(np.float32) for gain in (0.9, 0.001))
    levels = [np.sqrt(np.mean(pages.match_level(x) ** 2)) for x in (loud, quiet)]
    np.testing.assert_allclose(levels, 0.1, rtol=1e-3)
    click = np.zeros(44_100, np.float32)
    click[100] = 0.5
    assert np.abs(pages.match_level(click)).max() == pytest.approx(0.99)
    monkeypatch.setenv("MTLIB_MEDIA", str(tmp_path))
    monkeypatch.delenv("PUBLIC", raising=False)
    assert "aria-label='a &lt;b&gt;'" in pages.player(quiet, 44_100, "a <b>").data
    (file,) = tmp_path.iterdir()
    assert soundfile.info(file).duration == pytest.approx(1, abs=0.1)
    monkeypatch.setenv("PUBLIC", "1")
    assert "<audio" not in pages.player(loud, 44_100, "x", may_publish=False).data
    with pytest.raises(InputError, match="finite mono audio"):
        pages.player(np.zeros((2, 5)), 44_100, "x")


def test_a_picture_of_few_colours_is_smaller_and_shows_the_same():
    values = np.outer(np.arange(40), np.arange(80))
    many, few = charts.picture(values), charts.picture(values, n_colours=16)
    assert len(few) < len(many) / 2
    pixels = [
        np.array(Image.open(io.BytesIO(base64.b64decode(p.split(",")[1]))).convert("L")) for p in (many, few)
    ]
    assert np.abs(pixels[0].astype(int) - pixels[1]).mean() < 8
