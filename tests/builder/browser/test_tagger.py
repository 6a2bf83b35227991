"""The page that tags a reader's own music: the same numbers as `mtlib tag`, a message for every bad file."""

import io
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path

import firefox
import numpy as np
import pytest
import soundfile
import torch
from building import build_pages
from click.testing import CliRunner
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from test_book import AUDIT, AXE, PHONE

import toy
from book.builder import browser
from book.experiments.tagger import export
from book.experiments.understanding import auralisation, deconvolution
from mtlib.base import paths
from mtlib.base.errors import InputError
from mtlib.commands.evaluate import export_command
from mtlib.networks import tagging
from mtlib.signal import audio
from mtlib.training import runs, sweeps

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Tagger</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="../_static/style.css">
<style>:root {{--pst-color-text-base: #222; --pst-color-text-muted: #555; --pst-color-surface: #f5f5f5;
--pst-color-border: #999}}</style></head><body><main><h1>Tagger</h1><h2>Page</h2>{}</main></body></html>"""

SEEN = """
const {probs, windows, network, seconds} = musicTagger.result;
const {level, nFrames} = windows[0].mel;
return {network, seconds, probs: Array.from(probs), windows: windows.length, nFrames,
        mel: Array.from(level.filter((_, i) => i % 29 === 0))};
"""
"""What the page computed; of the first spectrogram every 29th value, so from every band."""

BROWSERS = ("chromium", *["firefox"] * bool(firefox.find() or os.environ.get("CI")))
"""Where CI is set, a browser that is not installed is a failure of the test itself."""

CHOOSE = """
const list = document.querySelector('.mt-tagger select'), isNew = list.value !== arguments[0];
musicTagger.result = null;  // of the file before
list.value = arguments[0];
if (isNew) list.dispatchEvent(new Event('change'));
"""
STATUS = ".mt-tagger [role=status]"
SAID = f"return document.querySelector('{STATUS}').textContent"
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


@contextmanager
def on_page(driver, site):
    """A browser on the page, as the test before left it; at the end its console holds no complaint."""
    driver.get_log("browser")
    if driver.execute_script("return location.href") != (address := (site / "book" / "page.html").as_uri()):
        driver.get(address)
    yield driver
    assert [e["message"] for e in driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")] == []


@pytest.fixture
def page(site, chromium):
    with on_page(chromium, site) as driver:
        yield driver


@pytest.fixture(params=BROWSERS)
def any_page(request, site):
    """The page in each browser that is installed."""
    with on_page(request.getfixturevalue(request.param), site) as driver:
        yield driver


@pytest.fixture(scope="module")
def tagger():
    return cache(tagging.load_model)


def give(driver, path, network="compact", *, until=DONE):
    """Choose a network and a file, wait, and return what the status line says."""
    driver.execute_script(CHOOSE, network)
    field = ".mt-tagger-drop input"
    if isinstance(driver, firefox.Firefox):
        driver.choose_file(field, path)
    else:
        driver.find_element(By.CSS_SELECTOR, field).send_keys(str(path))
    WebDriverWait(driver, 120, poll_frequency=0.1).until(lambda d: d.execute_script(until))
    return driver.execute_script(SAID)


def music(seconds, rate, n_channels=1):
    """Real music at another rate and length, the channels unlike, faded: soxr differs at an abrupt edge."""
    clip = paths.published() / "data/audio/Kevin_MacLeod_-_Vibe_Ace.ogg"
    samples = audio.decode(clip, offset=10, seconds=seconds, sample_rate=rate).samples
    fade = np.minimum(1, np.arange(len(samples)) / (0.1 * rate))
    channels = [(1 - 0.1 * i) * np.roll(samples, 500 * i) * fade * fade[::-1] for i in range(n_channels)]
    return np.stack(channels, 1)


FILES = {
    "stereo.wav": (31, 44_100, 2, {"subtype": "PCM_16"}),
    "deep.flac": (20, 96_000, 1, {"subtype": "PCM_24"}),
    "low.wav": (8, 8_000, 1, {"subtype": "PCM_16"}),
    "six channels.wav": (12, 32_000, 6, {"subtype": "PCM_16"}),  # of 18 bytes a sample Firefox loses every 64th
    "two windows.flac": (45, 48_000, 2, {"subtype": "PCM_16"}),
    "voice.opus": (10, 48_000, 2, {"format": "OGG", "subtype": "OPUS"}),
    "floating ü.wav": (1, 22_050, 1, {"subtype": "FLOAT"}),
    "vorbis.ogg": (29, 16_000, 1, {"format": "OGG", "subtype": "VORBIS"}),
    "mpeg.mp3": (29.5, 44_100, 2, {}),
    "tune.m4a": (3, 22_050, 1, None),
}
LOSSY = (".mp3", ".opus", ".ogg", ".m4a")
"""Formats whose decoders differ."""

TUNE = Path(__file__).with_name("tune.m4a")
"""Chords made of sines, with a beat of noise; beside it the same as FFmpeg decodes it, which mtlib can read."""

DECODES_AAC = """return new Audio().canPlayType('audio/mp4; codecs="mp4a.40.2"') !== ''"""
QUICK = {"compact": (*FILES,), "fcn-msd": ("deep.flac",)}
CASES = [
    pytest.param(network, name, marks=[] if name in QUICK[network] else pytest.mark.slow)
    for network in export.NETWORKS
    for name in FILES
]


def write_music(folder, name):
    """Write one of `FILES`; return it, and the file that mtlib reads in its place."""
    seconds, rate, n_channels, options = FILES[name]
    if options is None:
        return TUNE, TUNE.with_suffix(".flac")
    soundfile.write(folder / name, music(seconds, rate, n_channels), rate, **options)
    return folder / name, folder / name


@pytest.fixture(scope="module")
def known(tagger, tmp_path_factory):
    """One of `FILES`, and what mtlib makes of it: its tags, and the levels of its first window."""
    folder = tmp_path_factory.mktemp("files")

    @cache
    def make(network, name):
        file, read = write_music(folder, name)
        samples = audio.load(read, sample_rate=tagger(network).sample_rate)
        first = audio.windows(samples, tagger(network).n_samples, 10**9, 1)[0]
        chain = torch.nn.Sequential(*list(tagger(network).frontend)[:2])
        return file, tagging.tag_file(read, tagger(network)), chain(torch.from_numpy(first.copy())).numpy().ravel()

    return make


@pytest.mark.parametrize("network, name", CASES)
def test_the_page_gives_the_probabilities_of_mtlib_tag(any_page, known, network, name):
    file, wanted, level = known(network, name)
    said = give(any_page, file, network)
    if name.endswith(".m4a") and not any_page.execute_script(DECODES_AAC):
        assert "cannot be decoded by this browser" in said
        return
    seen = any_page.execute_script(SEEN)
    assert seen["network"] == network and seen["windows"] == wanted.n_windows
    assert seen["seconds"] == pytest.approx(wanted.seconds, abs=0.06)
    assert np.abs(np.array(seen["probs"]) - wanted.probs).max() < 0.01
    assert re.match(rf"{name}: ({'|'.join(tag for tag, _ in wanted.top(3))}) 0\.\d\d, ", said)
    assert seen["nFrames"] == len(level) // 96
    loud = level[::29] > level.max() - 70  # further down, the resamplers and float32 differ
    if not name.endswith(LOSSY):
        assert np.abs(np.array(seen["mel"]) - level[::29])[loud].max() < 0.1


def wav(samples, rate=8000, **options):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", **options)
    return buffer.getvalue()


TONE = 0.3 * np.sin(np.arange(40_000))
NAN = np.where(np.arange(40_000) == 7, np.nan, TONE)
BAD = {
    "empty.wav": (b"", "is empty"),
    "page.mp3": (b"<!DOCTYPE html><html></html>", "is not audio but an HTML page"),
    "pointer.flac": (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
    "album.wav": (b"PK\x03\x04" + bytes(500), "an archive; unpack it"),
    "notes.mp3": (b"MThd" + bytes(500), "is a MIDI file"),
    "cover.ogg": (b"\x89PNG\r\n" + bytes(500), "is not audio but a picture"),
    "random.mp3": (np.random.default_rng(0).bytes(20_000), "cannot be decoded by this browser"),
    "words.wav": (b"This is a text. " * 99, "cannot be decoded by this browser"),
    "header.wav": (wav(TONE)[:20], "cannot be decoded by this browser"),
    "nothing.wav": (wav(TONE[:0]), "cannot be decoded by this browser"),
    "silence.wav": (wav(0 * TONE), "is silent"),
    "click.wav": (wav(TONE[:2000]), "is too short: 0.25 s; at least 0.5 s are needed"),
    "nan.wav": (wav(NAN, subtype="FLOAT"), "NaN or infinite"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_a_message_and_the_page_goes_on(any_page, tmp_path, name):
    content, message = BAD[name]
    (tmp_path / name).write_bytes(content)
    said = give(any_page, tmp_path / name)
    assert said.startswith(f"{name} ") and message in said
    assert any_page.execute_script("return musicTagger.result") is None
    (tmp_path / "good.wav").write_bytes(wav(TONE))
    assert give(any_page, tmp_path / "good.wav").startswith("good.wav: ")


def test_a_cut_file_is_tagged_and_reported(page, tmp_path):
    (tmp_path / "cut.wav").write_bytes(wav(TONE)[:40_044])
    assert "The file is cut off: 2.5 of 5.0 s are there." in give(page, tmp_path / "cut.wav")


def test_of_an_hour_only_the_beginning_is_decoded(page, tmp_path):
    (tmp_path / "hour.wav").write_bytes(wav(np.tile(TONE, 720), subtype="PCM_U8"))
    tagging = "return /^Tagging|refused/.test(document.querySelector('.mt-tagger [role=status]').textContent)"
    said = give(page, tmp_path / "hour.wav", until=tagging)
    assert "The file lasts 60 minutes; about the first 10 minutes are tagged." in said
    (tmp_path / "next.wav").write_bytes(wav(TONE))  # takes the hour's place
    assert give(page, tmp_path / "next.wav").startswith("next.wav: ")


HEARD = """
const all = musicTagger.features ?? [], some = values => Array.from(values.filter((_, i) => i % 29 === 0));
return all.length < 5 ? null : all.map(({layer, feature, image, samples}) =>
  ({layer, feature, image: some(image), samples: some(samples)}));
"""


def test_features_sound_as_deconvolution_and_auralisation_make_them(page, tagger, tmp_path):
    soundfile.write(tmp_path / "music.wav", music(31, 12_000), 12_000)
    give(page, tmp_path / "music.wav")
    page.find_element(By.XPATH, "//button[contains(., 'audible')]").click()
    heard = WebDriverWait(page, 60).until(lambda d: d.execute_script(HEARD))
    network, front = tagger("compact").network, tagger("compact").frontend
    samples = torch.from_numpy(audio.load(tmp_path / "music.wav")[: tagger("compact").n_samples])
    traced = deconvolution.trace(network, front(samples))
    analysis = auralisation.Analysis(front)
    for layer, seen in enumerate(heard, 1):
        image = deconvolution.deconvolve(traced, layer, [seen["feature"]])[0]
        wanted = auralisation.sound(image, analysis.transform(samples), analysis, len(samples))
        assert seen["layer"] == layer
        assert np.corrcoef(seen["image"], image.flatten()[::29])[0, 1] > 0.99
        assert np.corrcoef(seen["samples"], wanted[::29])[0, 1] > 0.99
    players = page.find_elements(By.CSS_SELECTOR, ".mt-bench audio")
    WebDriverWait(page, 10).until(lambda d: all(d.execute_script("return arguments[0].duration", p) for p in players))
    assert len(players) == 5


def test_an_example_plays_and_is_named_with_its_licence(page):
    page.execute_script("musicTagger.result = null")  # of the file before
    page.find_element(By.XPATH, "//button[contains(., 'Sorohan')]").click()
    WebDriverWait(page, 60).until(lambda d: d.execute_script(DONE))
    said = page.find_element(By.CSS_SELECTOR, STATUS).text
    assert said.startswith("Mihai Sorohan, part of Jazz Trumpet Loops Pack in F 90 bpm (CC BY 3.0): ")
    WebDriverWait(page, 10).until(lambda d: d.execute_script("return document.querySelector('audio').duration > 5"))


def audit(driver, path):
    """Give a file, and return what axe finds wrong with the result at the width of a phone."""
    give(driver, path, driver.find_element(By.CSS_SELECTOR, ".mt-tagger option").get_attribute("value"))
    driver.execute_script("document.querySelectorAll('.mt-tagger details').forEach(one => (one.open = true))")
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        width = driver.execute_script("return document.documentElement.scrollWidth")
        wrong = [] if width <= PHONE["width"] else [f"{width} pixels wide"]
        if AXE.is_dir():
            driver.execute_script((AXE / "axe.min.js").read_text(encoding="utf-8"))
            wrong += driver.execute_async_script(AUDIT, {})
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return wrong


def test_a_result_is_accessible_and_fits_a_phone(page, tmp_path):
    (tmp_path / "tone.wav").write_bytes(wav(TONE))
    assert audit(page, tmp_path / "tone.wav") == []


@pytest.mark.slow
def test_the_page_of_the_book_works_from_a_folder_and_a_server(tmp_path, chromium, published, later):
    html = build_pages(tmp_path, ["book/tag_your_music", "book/status"], {"profile": "smoke"})
    (tmp_path / "tone.wav").write_bytes(wav(TONE))
    with browser.serve(html) as address:
        for base in (html.as_uri(), address):
            assert browser.check_page(chromium, base, "book/tag_your_music").problems == ()
            for theme in ("light", "dark"):
                chromium.execute_script(f"document.documentElement.dataset.theme = '{theme}'")
                assert audit(chromium, tmp_path / "tone.wav") == []


def test_a_public_build_holds_only_what_may_be_redistributed(tmp_path, site, monkeypatch):
    folder = tmp_path / "tagger"
    folder.mkdir()
    (folder / "compact.js").write_text("left from a private build")
    monkeypatch.setenv("PUBLIC", "1")
    index, _ = export.write(folder)
    assert [entry["file"] for entry in index["networks"]] == ["fcn-msd"]
    assert not (folder / "compact.js").exists()
    assert {entry["licence"] for entries in index.values() for entry in entries} <= {
        "MIT",
        "CC BY 3.0",
        "public domain",
    }


def test_both_networks_and_the_scripts_weigh_little(site):
    networks = sum((site / "media" / "tagger" / f"{name}.js").stat().st_size for name in export.NETWORKS)
    scripts = sum(path.stat().st_size for path in (site / "_static" / "tagger").iterdir())
    assert networks + scripts <= 2_500_000


def give_network(driver, path):
    """Choose a network file on a fresh page, and return what the status line says."""
    driver.refresh()
    driver.find_element(By.CSS_SELECTOR, ".mt-tagger details input[type=file]").send_keys(str(path))
    return WebDriverWait(driver, 30).until(
        lambda d: (said := d.find_element(By.CSS_SELECTOR, STATUS).text) != "No file yet." and said
    )


@pytest.mark.parametrize("pool_first", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_run_of_the_readers_own_tags_in_the_page(page, tones, tmp_path, monkeypatch, pool_first):
    monkeypatch.setenv("MTLIB_HOME", str(shutil.copytree(tones, tmp_path / "home")))
    spec = sweeps.resolve([toy.spec(model__pool_first=pool_first, view__scale=2.0)])[0]
    assert runs.train_run(asdict(spec), "cpu", str(tmp_path / "home"))[0] == "trained"
    result = CliRunner().invoke(export_command, [spec.key, "--to", "web", "-o", str(tmp_path / "run.json")])
    assert result.exit_code == 0, result.output
    assert give_network(page, tmp_path / "run.json") == "run.json is ready."
    (tmp_path / "tone.wav").write_bytes(wav(TONE))
    said = give(page, tmp_path / "tone.wav", "run.json")
    assert said.startswith("tone.wav: "), said
    seen = page.execute_script("return {...musicTagger.result, probs: Array.from(musicTagger.result.probs)}")
    tagger, _, _ = export.find(spec.key)
    wanted = tagging.tag_file(tmp_path / "tone.wav", tagger)
    assert seen["tags"] == [f"tone {i}" for i in range(4)] == list(wanted.tags)
    assert np.abs(np.array(seen["probs"]) - wanted.probs).max() < 0.01 < np.ptp(wanted.probs)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"data": "AAAA", "tags": []}'])
def test_a_file_that_holds_no_network_is_refused(page, tmp_path, content):
    (tmp_path / "own.json").write_text(content)
    assert give_network(page, tmp_path / "own.json").startswith("own.json is not a network for this page")


@pytest.mark.parametrize(
    "name, problem",
    [
        ("musicnn-mtat", "class Convnet"),
        ("cnn", "plain decibels|over time"),
        ("no-such", "unknown network"),
        ("crnn", "Convnet"),
    ],
)
def test_what_a_page_cannot_run_is_not_exported(published, later, tmp_path, name, problem):
    with pytest.raises(InputError, match=problem):
        export.write_own(name, tmp_path / "out.json")
    assert not list(tmp_path.iterdir())
