"""The page that tags a reader's own music: the same numbers as `mtlib tag`, a message for every bad file."""


import numpy as np
import pytest
import soundfile
import torch
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from test_book import AUDIT, AXE, PHONE

from book.experiments.tagger import export
from mtlib.base import paths
from mtlib.networks import tagging
from mtlib.signal import audio

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Tagger</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="../_static/style.css">
<style>:root {{--pst-color-text-base: #222; --pst-color-text-muted: #555; --pst-color-surface: #f5f5f5;
--pst-color-border: #999}}</style></head><body><main><h1>Tagger</h1><h2>Page</h2>{}</main></body></html>"""

SEEN = """
const {probs, windows, network, seconds} = musicTagger.result;
const {level, nFrames} = windows[0].mel;
return {network, seconds, probs: Array.from(probs), windows: windows.length, nFrames,
        mel: Array.from(level.filter((_, i) => i % 7 === 0))};
"""
"""What the page computed; of the first spectrogram every seventh value, so from every band."""

DONE = """
return musicTagger.result !== null || document.querySelector('.mt-tagger-refused') !== null;
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory, published, later):
    folder = tmp_path_factory.mktemp("tagger's site")
    (folder / "book").mkdir()
    (folder / "_static").symlink_to(paths.ROOT / "book" / "_static")
    index, missing = export.write(folder / "media" / "tagger")
    assert not missing
    (folder / "book" / "page.html").write_text(PAGE.format(export.page(index)), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def page(site, chromium):
    chromium.get_log("browser")
    chromium.get((site / "book" / "page.html").as_uri())
    yield chromium
    assert [e["message"] for e in chromium.get_log("browser") if e["level"] in ("SEVERE", "WARNING")] == []


@pytest.fixture(scope="module")
def tagger():
    made = {}

    def load(name):
        if name not in made:
            made[name] = tagging.load_model(name)
        return made[name]

    return load


def give(driver, path, network=None, *, until=DONE):
    """Choose a file, wait, and return what the status line says."""
    if network:
        driver.find_element(By.CSS_SELECTOR, f".mt-tagger option[value='{network}']").click()
        WebDriverWait(driver, 60).until(lambda d: d.execute_script(DONE + "") or not current(d))
    driver.find_element(By.CSS_SELECTOR, ".mt-tagger input[type=file]").send_keys(str(path))
    WebDriverWait(driver, 120, poll_frequency=0.1).until(lambda d: d.execute_script(until))
    return driver.find_element(By.CSS_SELECTOR, ".mt-tagger [role=status]").text


def current(driver):
    return driver.find_element(By.CSS_SELECTOR, ".mt-tagger [role=status]").text != "No file yet."


def music(seconds, rate, n_channels=1):
    """Real music at another rate and length, the channels unlike."""
    clip = paths.published() / "data/audio/Kevin_MacLeod_-_Vibe_Ace.ogg"
    recording = audio.decode(clip, offset=10, seconds=min(seconds, 45))
    samples = audio.resample(recording.samples, recording.sample_rate, rate)
    gains = np.linspace(0.6, 1, n_channels)
    return np.stack([gain * np.roll(samples, 500 * i) for i, gain in enumerate(gains)], 1)


FILES = {
    "stereo.wav": (31, 44_100, 2, {"subtype": "PCM_16"}),
    "deep.flac": (20, 48_000, 1, {"subtype": "PCM_24"}),
    "low.wav": (8, 8_000, 1, {"subtype": "PCM_U8"}),
    "six channels.wav": (12, 32_000, 6, {"subtype": "PCM_24"}),
    "two windows.flac": (45, 96_000, 2, {"subtype": "PCM_16"}),
    "voice.opus": (10, 48_000, 2, {"format": "OGG", "subtype": "OPUS"}),
    "floating ü.wav": (1, 22_050, 1, {"subtype": "FLOAT"}),
    "vorbis.ogg": (29, 16_000, 1, {"format": "OGG", "subtype": "VORBIS"}),
    "mpeg.mp3": (29.5, 44_100, 2, {}),
}
QUICK = {"compact": (*FILES,), "fcn-msd": ("deep.flac",)}
CASES = [
    pytest.param(network, name, marks=[] if name in QUICK[network] else pytest.mark.slow)
    for network in export.NETWORKS
    for name in FILES
]


@pytest.mark.parametrize("network, name", CASES)
def test_the_page_gives_the_probabilities_of_mtlib_tag(page, tagger, tmp_path, network, name):
    seconds, rate, n_channels, options = FILES[name]
    soundfile.write(tmp_path / name, music(seconds, rate, n_channels), rate, **options)
    said = give(page, tmp_path / name, network)
    seen = page.execute_script(SEEN)
    wanted = tagging.tag_file(tmp_path / name, tagger(network))
    assert seen["network"] == network and seen["windows"] == wanted.n_windows
    assert seen["seconds"] == pytest.approx(wanted.seconds, abs=0.06)
    assert np.abs(np.array(seen["probs"]) - wanted.probs).max() < 0.01
    assert said.startswith(f"{name}: {wanted.top(1)[0][0]}") or wanted.top(2)[1][1] > 0.99 * wanted.top(1)[0][1]

    samples = audio.load(tmp_path / name, sample_rate=tagger(network).sample_rate)
    first = audio.windows(samples, tagger(network).n_samples, 10**9, 1)[0]
    chain = torch.nn.Sequential(*list(tagger(network).frontend)[:2])
    level = chain(torch.from_numpy(first.copy())).numpy().ravel()
    assert seen["nFrames"] == len(level) // 96
    loud = level[::7] > level.max() - 80  # below, float32 of the reference counts
    print(name, network, np.abs(np.array(seen["mel"]) - level[::7])[loud].max(), np.abs(np.array(seen["probs"]) - wanted.probs).max())
    if not name.endswith(("mp3", "opus", "ogg")):  # decoders of lossy audio differ
        assert np.abs(np.array(seen["mel"]) - level[::7])[loud].max() < 0.1
