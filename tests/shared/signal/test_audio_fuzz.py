"""Damaged headers of every container: one line or samples, in bounded time and memory, never a traceback."""

import functools
import resource
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtlib.base.errors import InputError
from mtlib.signal import audio
from sounds import adts, cbr, encoded, id3, tone, with_vbri

SAMPLES = tone(0.5, 16_000, n_channels=2)
KINDS = {
    ".wav": lambda: encoded("WAV", SAMPLES),
    ".ima.wav": lambda: encoded("WAV", SAMPLES, subtype="IMA_ADPCM"),
    ".rifx.wav": lambda: encoded("WAV", SAMPLES, endian="BIG"),
    ".float.wav": lambda: encoded("WAV", SAMPLES, subtype="FLOAT"),
    ".rf64": lambda: encoded("RF64", SAMPLES),
    ".w64": lambda: encoded("W64", SAMPLES),
    ".aiff": lambda: encoded("AIFF", SAMPLES),
    ".caf": lambda: encoded("CAF", SAMPLES),
    ".alac.caf": lambda: encoded("CAF", SAMPLES, subtype="ALAC_16"),
    ".au": lambda: encoded("AU", SAMPLES),
    ".flac": lambda: encoded("FLAC", SAMPLES),
    ".ogg": lambda: encoded("OGG", SAMPLES, subtype="VORBIS"),
    ".opus": lambda: encoded("OGG", SAMPLES, subtype="OPUS"),
    ".mp3": lambda: id3(300) + encoded("MP3", SAMPLES),
    ".cbr.mp3": lambda: cbr(SAMPLES),
    ".vbri.mp3": lambda: with_vbri(encoded("MP3", SAMPLES), 9, 9999),
    ".joined.mp3": lambda: encoded("MP3", SAMPLES) + cbr(tone(0.5, 44_100), 44_100),
    ".aac.mp3": lambda: adts(20),
    ".m4a": lambda: b"\0\0\0\x18ftypM4A \0\0\2\0isommp42\0\0\0\x08free" + bytes(2000),
}
sound = functools.cache(lambda kind: KINDS[kind]())
EXTREMES = [bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x01", b"\x01\0\0\0"]

damages = st.one_of(
    st.tuples(st.just("byte"), st.floats(0, 1), st.integers(0, 255)),
    st.tuples(st.just("field"), st.floats(0, 1), st.sampled_from(EXTREMES)),
    st.tuples(st.just("cut"), st.floats(0, 1), st.none()),
    st.tuples(st.just("without"), st.floats(0, 1), st.integers(1, 3000)),
    st.tuples(st.just("zeros"), st.floats(0, 1), st.integers(1, 5000)),
    st.tuples(st.just("again"), st.floats(0, 1), st.sampled_from(sorted(KINDS))),
)


def damaged(data, what, where, value, in_header):
    """Damage a file at a share of its header, or of all of it."""
    at = int(where * (min(len(data), 256) if in_header else len(data)))
    if what == "byte":
        return data[:at] + bytes([value]) + data[at + 1 :]
    if what == "field":
        return data[:at] + value + data[at + 4 :]
    if what == "cut":
        return data[:at]
    if what == "without":
        return data[:at] + data[at + value :]
    if what == "zeros":
        return data[:at] + bytes(value) + data[at + value :]
    return data[:at] + sound(value)


@pytest.fixture(scope="module")
def a_gigabyte():
    """Let this process take one more gigabyte at most."""
    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.filterwarnings("error")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(KINDS)), st.lists(st.tuples(damages, st.booleans()), min_size=1, max_size=4))
def test_damage_is_one_line_or_samples(tmp_path, a_gigabyte, capfd, kind, damage):
    data = sound(kind)
    for (what, where, value), in_header in damage:
        data = damaged(data, what, where, value, in_header)
    path = tmp_path / f"a{kind}"
    path.write_bytes(data)
    start = time.process_time()
    try:
        samples = audio.decode(path, sample_rate=12_000).samples
        assert samples.dtype == np.float32 and len(samples) and np.isfinite(samples).all()
    except InputError as error:
        assert "\n" not in str(error) and "memory" not in str(error) and str(error).startswith(str(path))
    assert time.process_time() - start < 5
    assert capfd.readouterr() == ("", "")
