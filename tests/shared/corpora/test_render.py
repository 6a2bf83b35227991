import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mtlib.base import parallel
from mtlib.base.errors import InputError
from mtlib.corpora.synthetic.composing.score import NOTE, Part, Production, Score
from mtlib.corpora.synthetic.rendering import instruments, player, render, voices
from mtlib.corpora.synthetic.rendering.production import PEAK, band, compress, produce, saturate

RATE, SECONDS = 12_000, 2.0


def notes(pitches, duration=0.4, step=0.25, velocity=100):
    line = np.zeros(len(pitches), NOTE)
    line["start"], line["duration"] = np.arange(len(pitches)) * step, duration
    line["pitch"], line["velocity"] = pitches, velocity
    return line


def plain(**changes):
    values = {
        "era": "modern", "strength": 0.0, "reverb_seconds": 0.0, "reverb_mix": 0.0, "tilt_db": 0.0,
        "saturation": 0.0, "compression": 0.0, "low_hz": 0.0, "high_hz": 6000.0, "noise_db": -90.0,
        "level_db": -20.0, "seed": 0,
    }  # fmt: skip
    return Production(**values | changes)


def score(seed=0, *parts, production=None):
    ensemble = (
        Part(0, True, notes([36, 42, 38, 42, 36, 42, 38, 49]), -2.0, "drums"),
        Part(33, False, notes([36, 36, 43, 41]), 0.0, "bass"),
        Part(25, False, notes([60, 64, 67, 72, 64, 67]), -3.0, "comping"),
        Part(52, False, notes([69, 71, 72]), 0.0, "voice", "female", "sung"),
    )
    production = production or plain(seed=seed, reverb_seconds=0.5, reverb_mix=0.2)
    return Score(parts or ensemble, production, SECONDS, seed)


def centroid(clip):
    power = np.abs(np.fft.rfft(clip)) ** 2
    return np.sum(power * np.fft.rfftfreq(len(clip), 1 / RATE)) / power.sum()


def strongest(clip):
    return np.fft.rfftfreq(len(clip), 1 / RATE)[np.argmax(np.abs(np.fft.rfft(clip)))]


def test_a_clip_is_the_same_alone_in_a_batch_and_after_the_synthesiser_was_killed():
    scores = [score(seed) for seed in range(3)]
    together = render.render(scores)
    assert together.shape == (3, 24_000) and together.dtype == np.float32
    assert not np.array_equal(together[0], together[1])  # reverberation and voice differ
    render._bank.clear()
    player.current()._child.kill()
    for i in (2, 0):
        np.testing.assert_array_equal(render.render([scores[i]])[0], together[i])


def test_what_was_played_before_does_not_change_a_note():
    found = []
    for before in ([], [89]):
        child = player.Player()
        found.append([child.play(program, False, 68, 2.0) for program in (*before, 95)][-1])
        child.close()
    np.testing.assert_array_equal(*found)


def test_two_workers_give_the_same_samples():
    scores = [score(seed) for seed in range(2)]
    found = list(parallel.run(render.render, [[s] for s in scores], n_jobs=2))
    expected = render.render(scores)
    assert sorted(clip.tobytes() for clip in found) == sorted(clip.tobytes() for clip in expected)


def test_threads_share_the_synthesiser():
    scores = [score(seed) for seed in range(4)]
    expected = render.render(scores)
    render._bank.clear()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda s: render.render([s])[0], scores))
    np.testing.assert_array_equal(np.stack(found), expected)


@pytest.mark.parametrize("rate", [11_025, 22_050])
def test_other_rates_give_the_same_music(rate):
    clip, reference = render.render([score()], rate)[0], render.render([score()])[0]
    assert clip.shape == (round(SECONDS * rate),)
    envelopes = [np.sqrt(np.square(x[: len(x) // 20 * 20].reshape(20, -1)).mean(axis=1)) for x in (clip, reference)]
    assert np.corrcoef(envelopes)[0, 1] > 0.9


def test_clips_are_finite_loud_as_asked_and_never_clipped():
    loud, quiet = render.render([score(production=plain(level_db=level)) for level in (6.0, -30.0)])
    assert np.isfinite(loud).all() and np.abs(loud).max() == pytest.approx(PEAK, rel=1e-5)
    assert np.sum(np.abs(loud) > 0.999 * PEAK) <= 3  # scaled: no plateaus
    assert 20 * np.log10(np.sqrt(np.mean(quiet**2))) == pytest.approx(-30, abs=0.1)


def test_a_score_without_a_note_is_only_hiss():
    empty = Part(0, False, np.zeros(0, NOTE), 0.0, "comping")
    assert not render.render([score(0, empty)]).any()
    hiss = render.render([score(0, empty, production=plain(noise_db=-40.0))])
    assert 0 < np.abs(hiss).max() < 0.01


def test_levels_and_velocities_are_heard():
    piano = notes([60, 64, 67])
    loud, soft = (render.mix(score(0, Part(0, False, piano, level, "lead")), RATE) for level in (0.0, -6.0))
    assert 20 * np.log10(loud.std() / soft.std()) == pytest.approx(6, abs=0.01)
    accents = notes([60, 60], duration=0.3, step=1.0)
    accents["velocity"] = 127, 64
    first, second = np.split(render.mix(score(0, Part(0, False, accents, 0.0, "lead")), RATE), 2)
    assert np.abs(first).max() / np.abs(second).max() == pytest.approx((127 / 64) ** 2, rel=0.01)


def test_a_note_sounds_at_its_pitch_from_its_start_to_its_end():
    line = notes([69], duration=0.5)
    line["start"] = 0.5
    clip = render.mix(score(0, Part(73, False, line, 0.0, "lead")), RATE)
    assert not clip[: round(0.5 * RATE)].any() and not clip[round(1.07 * RATE) :].any()
    assert any(strongest(clip) == pytest.approx(440 * k, rel=0.015) for k in (1, 2, 3))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Part(78, False, notes([60]), 0.0, "lead"), "program 78 cannot be played"),
        (Part(122, False, notes([60]), 0.0, "effect"), "program 122 cannot be played"),
        (Part(128, False, notes([60]), 0.0, "lead"), "program 128 does not exist"),
        (Part(3, True, notes([36]), 0.0, "drums"), "drum kit 3 does not exist; choose one of 0, 8"),
        (Part(0, False, notes([60]), 0.0, "solo"), "role must be one of .*, got 'solo'"),
        (Part(0, False, notes([60]), 0.0, "voice", "", "sung"), "a voice needs gender"),
        (Part(0, False, notes([60], duration=0.0), 0.0, "lead"), "durations above 0 s"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(part, message):
    with pytest.raises(InputError, match=message):
        render.render([score(0, part)])


def test_clips_of_one_length_and_a_known_rate_only():
    longer = Score(score().parts, plain(), 3.0, 0)
    with pytest.raises(InputError, match=r"scores must have one length.*\[2.0, 3.0\]"):
        render.render([score(), longer])
    with pytest.raises(InputError, match="sample_rate must be 4000 to 44100 Hz, got 96000"):
        render.render([score()], 96_000)


def child(play, **options):
    """Return a player whose child plays with `play`, the source of a lambda."""
    source = (
        "import sys, time; from mtlib.corpora.synthetic.rendering import player; "
        f"player.serve(sys.stdin.buffer, sys.stdout.buffer, {play}, cpu_seconds=0.05)"
    )
    return player.Player([sys.executable, "-c", source], **options)


def test_a_hanging_synthesiser_is_killed_and_the_note_played_lower():
    hanging = child("lambda pitch, **_: [0 for _ in iter(int, 1)] if pitch > 72 else [pitch / 100]")
    sound, change = player.note(hanging, 0, False, 80, 1.0)
    assert sound.tolist() == [np.float32(0.68)] and hanging.n_started == 3
    assert change == "note 80 of program 0 was played an octave lower: the synthesiser hung"
    assert player.note(hanging, 0, False, 60, 1.0)[1] == "" and hanging.n_started == 3  # the same child
    hanging.close()


def test_a_synthesiser_that_sleeps_is_killed_by_the_clock():
    sleeping = child("lambda **_: time.sleep(60)", wall_seconds=0.5)
    begun = time.monotonic()
    with pytest.raises(player.PlayerLost):
        sleeping.play(0, False, 60, 1.0)
    assert time.monotonic() - begun < 30


class HangsAbove72:
    """A player that loses every child on a high note."""

    def play(self, program, is_drum, pitch, seconds):
        if pitch > 72:
            raise player.PlayerLost
        return np.full(100, pitch / 100, np.float32)


def test_what_was_changed_is_told_with_the_clip(monkeypatch):
    monkeypatch.setattr(player, "current", HangsAbove72)
    monkeypatch.setattr(render, "_bank", type(render._bank)())
    changes = {}
    scores = [score(0, Part(5, False, notes([p]), 0.0, "lead")) for p in (60, 80)]
    render.render(scores, changes=changes)
    assert changes == {1: ["note 80 of program 5 was played an octave lower: the synthesiser hung"]}
    render.render(scores[1:], changes=changes)
    assert changes.keys() == {0, 1}  # told again where the note is known


def test_a_note_that_always_hangs_is_an_error():
    with pytest.raises(InputError, match=r"note 90 of program 0 could not be played: .* hung 3 times"):
        player.note(HangsAbove72(), 0, False, 90, 1.0)


@pytest.mark.parametrize("sample", [np.nan, 1e16])
def test_an_explosion_is_no_sound(sample):
    class Exploding:
        def play(self, *note):
            return np.array([0.1, sample], np.float32)

    with pytest.raises(InputError, match="note 60 of program 9 reaches"):
        player.note(Exploding(), 9, False, 60, 1.0)


def test_the_sweep_found_every_program_and_kit():
    programs = [number for is_drum, number in instruments.table() if not is_drum]
    assert programs == list(range(128))
    for (is_drum, number), row in instruments.table().items():
        if not row["problem"]:
            low, high, gaps = instruments.check(number, is_drum)
            assert low <= 36 and high >= (81 if is_drum else 79) and len(gaps) <= 1


def test_a_silent_pitch_is_made_from_its_neighbour():
    assert 64 in instruments.check(65, False).gaps  # an alto saxophone without its E
    line = Part(65, False, notes([64], duration=1.5), 0.0, "lead")
    peak = strongest(render.mix(score(0, line), RATE)[3000:12_000])
    assert any(peak == pytest.approx(329.6 * k, rel=0.015) for k in (1, 2, 3))


@pytest.mark.parametrize("gender", ["female", "male"])
@pytest.mark.parametrize("vowel", range(5))
def test_a_voice_has_the_formants_of_its_vowel(gender, vowel):
    response = np.abs(voices.response(gender, vowel, 4096, RATE))
    frequencies = np.linspace(0, RATE / 2, len(response))
    peaks = frequencies[1:-1][(response[1:-1] > response[:-2]) & (response[1:-1] > response[2:])]
    for formant in voices.VOWELS[gender][vowel][[0, 2]]:
        assert np.abs(peaks - formant).min() < 100


def sung(gender, manner="sung", pitches=(50, 57), seed=0):
    line = notes(list(pitches), duration=0.9, step=1.0)
    return voices.sing(line, gender, manner, 24_000, RATE, np.random.default_rng(seed))


def fundamental(sound):
    spectrum = np.fft.rfft(sound * np.hanning(len(sound)), 2 * len(sound))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)
    low, high = RATE // 900, RATE // 80
    return RATE / (low + np.argmax(correlation[low:high]))


def test_voices_keep_to_their_registers_and_tremble_when_they_sing():
    assert fundamental(sung("male")[3000:9000]) == pytest.approx(147, rel=0.06)  # D3, as written
    assert fundamental(sung("female")[3000:9000]) == pytest.approx(294, rel=0.06)  # an octave up

    def depth(manner):
        rng = np.random.default_rng(0)
        line, style = notes([69], duration=1.9), voices.MANNERS[manner]
        hertz = voices._pitch(line, np.array([0]), np.array([22_800]), "female", style, 24_000, RATE, rng)
        semitones = 12 * np.log2(hertz[9000:21_000] / 440)
        slope = np.polyval(np.polyfit(np.arange(12_000), semitones, 1), np.arange(12_000))
        return np.std(semitones - slope)

    assert depth("sung") > 0.2 > 0.1 > depth("rapped")


def test_consonants_are_noise_above_the_vowels():
    silent = voices.MANNERS["sung"]._replace(consonant=0.0)
    with pytest.MonkeyPatch.context() as patch:
        with_consonants = sung("male")
        patch.setitem(voices.MANNERS, "sung", silent)
        without = sung("male")
    difference = np.abs(np.fft.rfft(with_consonants - without)) ** 2
    frequencies = np.fft.rfftfreq(24_000, 1 / RATE)
    assert difference[(frequencies > 1500) & (frequencies < 5500)].sum() > 0.8 * difference.sum() > 0


def tone(hertz=500.0, n=24_000):
    return np.sin(2 * np.pi * hertz * np.arange(n) / RATE).astype(np.float32)


def test_saturation_adds_harmonics_and_compression_evens_out():
    spectrum = np.abs(np.fft.rfft(saturate(1.4 * tone(), 0.8)))
    assert spectrum[3000] > 0.03 * spectrum[1000] and spectrum[2000] > 0.005 * spectrum[1000]
    np.testing.assert_array_equal(saturate(tone(), 0.0), tone())
    swell = tone() * np.where(np.arange(24_000) < 12_000, 0.1, 1.0).astype(np.float32)
    before, after = (x[15_000:20_000].std() / x[4000:9000].std() for x in (swell, compress(swell, 1.0, RATE)))
    assert after < 0.5 * before
    np.testing.assert_array_equal(compress(swell, 0.0, RATE), swell)


def test_reverberation_rings_on_and_noise_fills_pauses():
    click = np.zeros(24_000, np.float32)
    click[:600] = tone(800, 600)
    dry, wet, hiss = (
        produce(click, plain(**changes), RATE)
        for changes in ({}, {"reverb_seconds": 1.5, "reverb_mix": 0.4}, {"noise_db": -30.0})
    )
    ringing, later = np.std(wet[3000:6000]), np.std(wet[12_000:15_000])
    assert ringing > 100 * np.std(dry[3000:6000]) and ringing > 3 * later > 0
    level = 20 * np.log10(np.std(hiss[6000:]) / np.sqrt(np.mean(dry**2)))
    assert level == pytest.approx(-30, abs=0.5)


def test_the_band_and_the_tilt_order_the_brightness_of_eras():
    eras = [{"high_hz": 2500, "tilt_db": -2}, {"high_hz": 4000, "tilt_db": -1}, {"tilt_db": 1}]
    values = [centroid(clip) for clip in render.render([score(production=plain(**era)) for era in eras])]
    assert values[0] < values[1] < values[2]
    gain = band(np.linspace(0, 6000, 601, dtype=np.float32), 100, 3000)
    assert gain[10] == pytest.approx(0.5**0.5, rel=1e-3) and gain[300] == pytest.approx(0.5**0.5, rel=1e-3)
    assert gain[600] < 0.1 and gain[100] > 0.99


def test_the_equaliser_raises_the_band_that_it_says():
    noise = np.random.default_rng(0).standard_normal(36_000).astype(np.float32)
    flat, raised = (produce(noise, plain(eq_db=gains), RATE) for gains in ((0.0,) * 4, (0.0, 0.0, 12.0, 0.0)))
    frequencies = np.fft.rfftfreq(36_000, 1 / RATE)
    power = [np.abs(np.fft.rfft(clip)) ** 2 for clip in (flat, raised)]
    near = (frequencies > 1200) & (frequencies < 1400)  # the third of four sliders from 60 Hz to 6 kHz
    far = (frequencies > 50) & (frequencies < 60)
    ratios = [10 * np.log10(power[1][band].sum() / power[0][band].sum()) for band in (near, far)]
    assert 10.5 < ratios[0] - ratios[1] < 12.5
