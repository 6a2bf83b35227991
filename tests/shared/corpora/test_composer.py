import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtlib.corpora.synthetic import recipes
from mtlib.corpora.synthetic.composing import composer, forms, harmony
from mtlib.corpora.synthetic.composing.score import HIGHEST, LOWEST, ROLES
from mtlib.corpora.synthetic.population import latents


@pytest.fixture(scope="module")
def drawn():
    return latents.draw(11, np.arange(150))


@pytest.fixture(scope="module")
def scores(drawn):
    return composer.compose(drawn, 11, 7.25)


def notes_of(score):
    return [(p.role, p.program, p.level_db, p.gender, p.notes.tobytes()) for p in score.parts]


def test_a_score_is_the_same_alone_and_among_others(drawn, scores):
    alone = composer.compose(drawn.iloc[[17]], 11, 7.25)[0]
    assert notes_of(alone) == notes_of(scores[17])
    assert (alone.production, alone.seed) == (scores[17].production, scores[17].seed)


def test_notes_are_safe_to_play(scores):
    for score in scores:
        assert score.parts
        for part in score.parts:
            assert part.role in ROLES and part.program not in (78, 122)
            notes = part.notes
            assert (notes["start"] >= 0).all() and (notes["start"] < 7.25).all()
            assert (notes["duration"] > 0).all() and (np.diff(notes["start"]) >= 0).all()
            assert ((notes["velocity"] >= 1) & (notes["velocity"] <= 127)).all()
            if not part.is_drum:
                assert ((notes["pitch"] >= LOWEST) & (notes["pitch"] <= HIGHEST)).all()


def test_voices_sing_in_their_registers(drawn, scores):
    medians = {"female": [], "male": []}
    for row, score in zip(drawn.itertuples(), scores, strict=True):
        voices = [p for p in score.parts if p.role == "voice"]
        assert (row.voice == "none") <= (not voices)
        for part in voices:
            assert part.gender == row.voice and part.manner == row.manner
            medians[part.gender].append(np.median(part.notes["pitch"]))
    assert np.mean(medians["female"]) > np.mean(medians["male"]) + 10


def test_drums_keep_the_tempo_of_the_latents(drawn, scores):
    """Kick and snare of a straight rock beat lie on the grid of quarters."""
    found = 0
    for row, score in zip(drawn.itertuples(), scores, strict=True):
        drums = [p for p in score.parts if p.is_drum]
        if row.drums == "rock" and drums and row.form == "steady":
            starts = drums[0].notes["start"][drums[0].notes["pitch"] == 38]
            gaps = np.diff(starts) / (60 / row.bpm)
            assert np.abs(gaps - 2).max() < 0.15
            found += 1
    assert found


def test_pitches_follow_key_and_mode():
    table = latents.draw(2, np.arange(40)).assign(key=3, major=True, progression=0)
    numerals = recipes.standard().progressions["chords"].iat[0]
    wanted = {(3 + harmony.chord(n).root + t) % 12 for n in numerals for t in harmony.chord(n).tones}
    for score in composer.compose(table, 2, 7.25):
        for part in score.parts:
            if part.role == "pad":
                assert set(part.notes["pitch"] % 12) <= wanted


@given(
    st.sampled_from(recipes.FORMS),
    st.lists(st.floats(0, 1), min_size=1, max_size=20).map(sorted),
    st.booleans(),
)
def test_no_form_silences_a_bar(form, centres, drums):
    plan = forms.plan(form, np.array(centres), drums)
    players = [p for p in forms.PLAYERS if p != "voice" and (drums or p != "drums")]
    assert (sum(plan.gain[p] > 0 for p in players) > 0).all()


@pytest.mark.parametrize(
    ("numeral", "root", "tones"),
    [("I", 0, (0, 4, 7)), ("bVII", 10, (0, 4, 7)), ("ii7", 2, (0, 3, 7, 10)), ("IVmaj7", 5, (0, 4, 7, 11)),
     ("i5", 0, (0, 7, 12)), ("V9", 7, (0, 4, 7, 10, 14))],
)  # fmt: skip
def test_numerals(numeral, root, tones):
    assert harmony.chord(numeral) == harmony.Chord(root, tones)


@given(st.integers(0, 120), st.integers(30, 70), st.integers(12, 40))
def test_folding_keeps_the_pitch_class_and_the_range(pitch, low, width):
    folded = harmony.fold(pitch, low, low + width)
    assert low <= folded <= low + width and (folded - pitch) % 12 == 0
