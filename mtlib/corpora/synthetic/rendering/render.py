"""From a score to samples: notes of sampled instruments, voices, a mix and a production.

The synthesiser is asked for every *note* once a process, and the clip is mixed from these: that is what
makes velocities, release and levels possible (the synthesiser ignores the first two), makes rendering
cheap, and leaves one place where it can hang. Notes longer than one that is kept are asked for again, in
lengths that follow from the note alone, so that what was rendered before never shows.

Conventions
    Clips are float32 [shape=(n_clips, n_samples)] in [−1, 1], mono. The same score gives the same samples
    alone, in any batch, in any process, and after a kill (for pinned versions on one platform).
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import soxr
from scipy.signal import lfilter

from ....base.errors import InputError
from ..composing.score import MANNERS, NOTE, ROLES, Part, Score
from . import instruments, player, production, voices

LENGTHS = (0.5, 2.0, 8.0, 32.0)
"""Seconds a note is asked for: the shortest of these that holds it."""

RELEASE_SECONDS = {"comping": 0.12, "pad": 0.3, "effect": 0.2}
"""Time in which a note fades after its end; 0.06 for the other roles."""

BANK_BYTES = 256 * 2**20
"""Notes kept by a process."""

STEADY_HZ = 15.0
"""Below this a note is silenced: some samples carry a constant as large as their sound."""

HIGHEST_RATE = instruments.RATE

_bank: OrderedDict[tuple, tuple[np.ndarray, str]] = OrderedDict()
_bank_lock = threading.Lock()


def render(
    scores: Sequence[Score], sample_rate: int = 12_000, *, changes: dict[int, list[str]] | None = None
) -> np.ndarray:
    """Render scores of one length.

    Parameters
    ----------
    scores : sequence of Score
        Of the same `seconds`.
    sample_rate : int
        4,000 to 44,100 Hz.
    changes : dict, optional
        Receives, by the clip's position, what could not be played as written because the synthesiser hung.

    Returns
    -------
    np.ndarray [shape=(n_clips, n_samples), dtype=float32]
        ``n_samples = round(seconds × sample_rate)``.

    Raises
    ------
    InputError
        If a score cannot be played: an unknown or refused program, a wrong part, notes or lengths that
        differ, or a synthesiser that hangs on every attempt.
    """
    if not 4000 <= sample_rate <= HIGHEST_RATE:
        raise InputError(f"sample_rate must be 4000 to {HIGHEST_RATE} Hz, got {sample_rate}")
    lengths = {score.seconds for score in scores}
    if len(lengths) != 1 or not 0 < min(lengths) <= 600:
        raise InputError(f"scores must have one length of up to 600 seconds, got {sorted(lengths)}")
    for i, score in enumerate(scores):
        for part in score.parts:
            _check(part, f"score {i}")
    clips = np.zeros((len(scores), round(lengths.pop() * sample_rate)), np.float32)
    for i, (score, clip) in enumerate(zip(scores, clips, strict=True)):
        told: list[str] = []
        dry = mix(score, sample_rate, told)
        clip[:] = production.produce(dry, score.production, sample_rate)
        if not np.all(np.isfinite(clip)):
            raise InputError(f"score {i} does not give finite samples; its production is {score.production}")
        if told and changes is not None:
            changes[i] = told
    return clips


def mix(score: Score, sample_rate: int, told: list[str] | None = None) -> np.ndarray:
    """Return the sum of a score's parts before production.

    Each part is brought to its own `level_db` as heard: the root-mean-square level of the half-seconds in
    which it plays. Patches differ by 20 dB, and a tag that follows from a level must be heard at it.

    Parameters
    ----------
    told : list, optional
        Receives what could not be played as written.

    Returns
    -------
    np.ndarray [shape=(n_samples,), dtype=float32]
    """
    n_samples = round(score.seconds * sample_rate)
    total = np.zeros(n_samples, np.float32)
    for i, part in enumerate(score.parts):
        if part.role == "voice":
            rng = np.random.default_rng([score.production.seed, 2, i])
            sound = voices.sing(part.notes, part.gender, part.manner or "sung", n_samples, sample_rate, rng)
            level_db = part.level_db + voices.LIFT_DB
        else:
            sound = _play(part, n_samples, sample_rate, told if told is not None else [])
            level_db = part.level_db
        loudness = active_level(sound, sample_rate)
        if loudness > 1e-6:
            total += sound * np.float32(10 ** (level_db / 20) / loudness)
    return total


def active_level(sound: np.ndarray, sample_rate: int) -> float:
    """Return the root-mean-square level of the half-seconds within 25 dB of the loudest."""
    block = min(max(sample_rate // 2, 1), len(sound))
    squares = np.square(sound[: len(sound) // block * block], dtype=np.float32).reshape(-1, block)
    power = squares.mean(axis=1, dtype=np.float64)
    return float(np.sqrt(power[power >= power.max() * 10**-2.5].mean()))


def _check(part: Part, where: str) -> None:
    if part.role not in ROLES:
        raise InputError(f"{where}: role must be one of {', '.join(ROLES)}, got {part.role!r}")
    if part.notes.dtype != NOTE:
        raise InputError(f"{where}: notes must be of dtype score.NOTE, got {part.notes.dtype}")
    if not np.isfinite(part.notes["start"]).all() or not (part.notes["duration"] > 0).all():
        raise InputError(f"{where}: notes of {part.role} need finite starts and durations above 0 s")
    if part.role != "voice":
        instruments.check(part.program, part.is_drum)
    elif part.gender not in voices.REGISTER or part.manner not in ("", *MANNERS):
        raise InputError(
            f"{where}: a voice needs gender female or male and manner {', '.join(MANNERS)}, "
            f"got {part.gender!r} and {part.manner!r}"
        )


def _play(part: Part, n_samples: int, sample_rate: int, told: list[str]) -> np.ndarray:
    """Return the sum of a part's notes [shape=(n_samples,)]."""
    out = np.zeros(n_samples, np.float32)
    low, high, _ = instruments.check(part.program, part.is_drum)
    notes = part.notes
    starts = np.round(notes["start"] * sample_rate).astype(int)
    pitches = np.clip(notes["pitch"], low, high) if part.is_drum else voices.fold(notes["pitch"], low, high)
    gains = ((notes["velocity"] / 127.0) ** 2).astype(np.float32)
    release = RELEASE_SECONDS.get(part.role, 0.06)
    fade = np.linspace(1, 0, round(release * sample_rate), dtype=np.float32) ** 2
    for start, held, pitch, gain in zip(starts, notes["duration"], pitches.astype(int), gains, strict=True):
        if not 0 <= start < n_samples:
            continue
        seconds = instruments.DRUM_SECONDS if part.is_drum else held + release
        sound, change = _note(part.program, part.is_drum, int(pitch), seconds, sample_rate)
        if change and change not in told:
            told.append(change)
        room = out[start:]
        if part.is_drum:
            n = min(len(sound), len(room))
            room[:n] += gain * sound[:n]
            continue
        n = min(round(held * sample_rate), len(sound), len(room))
        room[:n] += gain * sound[:n]
        m = min(len(fade), len(sound) - n, len(room) - n)
        room[n : n + m] += gain * fade[:m] * sound[n : n + m]
    return out


def _note(program: int, is_drum: bool, pitch: int, seconds: float, sample_rate: int) -> tuple[np.ndarray, str]:
    """Return one held note at the sample rate, from the bank or from the synthesiser."""
    gaps = instruments.check(program, is_drum).gaps
    source = next(p for step in range(128) for p in (pitch - step, pitch + step) if p not in gaps)
    ratio = 2.0 ** ((pitch - source) / 12)  # a silent pitch is made from its neighbour, as samplers do
    length = next((length for length in LENGTHS if length >= seconds * ratio), LENGTHS[-1])
    key = (program, is_drum, pitch, length, sample_rate)
    with _bank_lock:  # a Dask worker may render in several threads
        if key not in _bank:
            sound, change = player.note(player.current(), program, is_drum, source, length)
            sound = soxr.resample(sound, instruments.RATE * ratio, sample_rate, "HQ")
            pole = np.exp(-2 * np.pi * STEADY_HZ / sample_rate)
            sound = lfilter([1, -1], [1, -pole], sound).astype(np.float32)
            heard = np.flatnonzero(np.abs(sound) > 1e-4 * np.abs(sound).max(initial=0))
            sound = sound[: heard[-1] + 1].copy() if len(heard) else sound[:0]
            _bank[key] = sound, change
            while len(_bank) > 1 and sum(kept.nbytes for kept, _ in _bank.values()) > BANK_BYTES:
                _bank.popitem(last=False)
        _bank.move_to_end(key)
        return _bank[key]
