"""The excerpt on the front page: it plays, its spectrogram scrolls, its tags follow what was heard."""

import numpy as np
import soundfile
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from test_book import AUDIT, AXE
from test_tagger import PAGE

from book.experiments.tagger import export, live
from mtlib.base import paths
from mtlib.networks import tagging
from mtlib.signal import audio

STRONGEST = """
return [...document.querySelectorAll('.mt-live li')].map(row => row.innerText.split('\\n'))
  .sort((a, b) => b.at(-1) - a.at(-1))[0][0];
"""
SIZE = "return document.querySelector('.mt-live canvas').toDataURL().length"
"""Of the spectrogram as a PNG: small while it has one colour."""


def test_it_plays_and_the_switch_changes_the_tags(tmp_path, chromium, published):
    export.write(tmp_path / "media" / "tagger")
    card, strongest = live.card()
    (tmp_path / "_static").symlink_to(paths.ROOT / "book" / "_static")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "page.html").write_text(PAGE.format(card), encoding="utf-8")
    chromium.get_log("browser")
    chromium.get((tmp_path / "book" / "page.html").as_uri())
    for choice in chromium.find_elements(By.CSS_SELECTOR, ".mt-live input"):
        choice.click()
        assert chromium.execute_script(STRONGEST) == strongest[choice.get_attribute("value")]
    assert len(set(strongest.values())) == 2

    empty = chromium.execute_script(SIZE)
    button = chromium.find_element(By.CSS_SELECTOR, ".mt-live button")
    button.click()
    WebDriverWait(chromium, 60).until(lambda driver: driver.execute_script(SIZE) > 5 * empty)
    assert button.text == "Pause"
    button.click()
    WebDriverWait(chromium, 10).until(lambda _: button.text == "Play")
    assert " of 36 s heard" in chromium.find_element(By.CSS_SELECTOR, ".mt-live").text
    if AXE.is_dir():
        chromium.execute_script((AXE / "axe.min.js").read_text(encoding="utf-8"))
        assert chromium.execute_async_script(AUDIT, {}) == []
    assert [e["message"] for e in chromium.get_log("browser") if e["level"] in ("SEVERE", "WARNING")] == []


def test_a_moment_has_the_tags_of_a_file_that_ends_there(tmp_path, published):
    clip = next(item for item in export.clips().values() if item.path.name == live.CLIP)
    samples, tagger = audio.load(clip.path, seconds=36), tagging.load_model("compact")
    found = live.tags_heard(samples, tagger, [3, 36])
    for probs, part in zip(found, (samples[:36_000], samples[-tagger.n_samples :]), strict=True):
        soundfile.write(tmp_path / "part.wav", part, 12_000, subtype="FLOAT")
        np.testing.assert_allclose(probs, tagging.tag_file(tmp_path / "part.wav", tagger).probs, atol=1e-5)


def test_without_the_files_the_card_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLIB_PUBLISHED", str(tmp_path))
    card, strongest = live.card()
    assert "needs the author's files" in card and set(strongest.values()) == {"–"}
