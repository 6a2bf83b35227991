"""The synthesiser in a process of its own, which can be killed and started again.

The synthesiser can stay in a loop for ever, where no exception reaches it. So each process that renders
keeps one child, asks it for notes through a pipe, and starts another where it dies. The child lets the
kernel count its *processor* time and dies of it, so that whether a note is given up does not depend on how
busy the machine is; a clock in the parent, far more patient, is there for a child that sleeps. A note that is
given up is tried once more, then played an octave lower, and what was done is told.

Works the same in a plain process, a joblib worker and a Dask worker; a child ends when its parent does.
"""

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np

from ....base import paths
from ....base.errors import InputError
from . import instruments, soundfont

CPU_SECONDS = 5.0
"""Processor time after which a note is given up; an ordinary one takes milliseconds."""

WALL_SECONDS = 120.0
"""Time after which the parent kills a child that does not answer."""

LOUDEST = 64.0
"""Peaks above this are no sound but an explosion; the loudest instrument stays below 4."""


class PlayerLost(Exception):
    """The child died, or was killed, before it answered."""


class Player:
    """A child process that plays notes.

    Parameters
    ----------
    command : sequence of str
        What to start; it must run `serve`.
    wall_seconds : float
        Time to wait for an answer.

    Attributes
    ----------
    n_started : int
        Children started so far.
    """

    def __init__(self, command: Sequence[str] = (), wall_seconds: float = WALL_SECONDS):
        self._command = list(command) or [sys.executable, "-m", __name__]
        self._wall_seconds = wall_seconds
        self._child: subprocess.Popen | None = None
        self.n_started = 0

    def play(self, program: int, is_drum: bool, pitch: int, seconds: float) -> np.ndarray:
        """Have one note played.

        Returns
        -------
        np.ndarray [shape=(n_samples,), dtype=float32]
            At `instruments.RATE`.

        Raises
        ------
        PlayerLost
            If there was no answer; the next call starts a new child.
        """
        child = self._child or self._start()
        watchdog = threading.Timer(self._wall_seconds, child.kill)
        watchdog.start()
        try:
            request = {
                "program": int(program), "is_drum": bool(is_drum),
                "pitch": int(pitch), "seconds": float(seconds),
            }  # fmt: skip
            assert child.stdin and child.stdout  # pipes, as `_start` asks
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            size = int(child.stdout.readline())
            data = child.stdout.read(size)
            if len(data) < size:
                raise EOFError
        except (OSError, ValueError, EOFError):
            self.close()
            raise PlayerLost from None
        finally:
            watchdog.cancel()
        return np.frombuffer(data, "<f4")

    def _start(self) -> subprocess.Popen:
        path = os.pathsep.join(filter(None, (str(paths.ROOT), os.environ.get("PYTHONPATH"))))
        self._child = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        self.n_started += 1
        return self._child

    def close(self) -> None:
        """Kill the child, if there is one."""
        if self._child is not None:
            child, self._child = self._child, None
            child.kill()
            assert child.stdin and child.stdout
            with contextlib.suppress(OSError):  # a request it never read
                child.stdin.close()
            child.stdout.close()
            child.wait()


def note(player: Player, program: int, is_drum: bool, pitch: int, seconds: float) -> tuple[np.ndarray, str]:
    """Have one note played, come what may.

    Returns
    -------
    sound : np.ndarray [shape=(n_samples,), dtype=float32]
    change : str
        What had to be changed; empty if nothing.

    Raises
    ------
    InputError
        If the note can be played neither as asked nor lower, or is not a sound.
    """
    what = f"note {pitch} of {'drum kit' if is_drum else 'program'} {program}"
    attempts = [(pitch, seconds, "")] * 2
    if is_drum:
        attempts.append((pitch, seconds / 4, f"{what} was cut to {seconds / 4:g} s: the synthesiser hung"))
    elif pitch >= 12:
        attempts.append((pitch - 12, seconds, f"{what} was played an octave lower: the synthesiser hung"))
    for tried_pitch, tried_seconds, change in attempts:
        try:
            sound = player.play(program, is_drum, tried_pitch, tried_seconds)
        except PlayerLost:
            continue
        peak = float(np.max(np.abs(sound), initial=0.0))
        if not peak <= LOUDEST:  # also where it is not a number
            raise InputError(f"{what} reaches {peak:g} instead of about 1; leave that instrument out")
        return sound, change
    raise InputError(f"{what} could not be played: the synthesiser hung {len(attempts)} times; leave it out")


_player: tuple[int, Player] | None = None


def current() -> Player:
    """Return this process's player (a forked process gets its own)."""
    global _player
    if _player is None or _player[0] != os.getpid():
        soundfont.tuned()  # written here, where an error has a reader
        _player = os.getpid(), Player()
        atexit.register(_player[1].close)
    return _player[1]


def serve(
    requests: BinaryIO,
    answers: BinaryIO,
    play: Callable[..., np.ndarray] = instruments.play,
    cpu_seconds: float = CPU_SECONDS,
) -> None:
    """Answer requests until they end; die where one takes too much processor time."""
    if limited := hasattr(signal, "setitimer"):
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)  # its default ends the process, loop or no loop
    for line in requests:
        if limited:
            signal.setitimer(signal.ITIMER_VIRTUAL, cpu_seconds)
        sound = np.asarray(play(**json.loads(line)), "<f4")
        if limited:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        answers.write(b"%d\n" % sound.nbytes)
        answers.write(sound.tobytes())
        answers.flush()


def main() -> None:
    """Serve on the standard streams; what a library prints goes to the errors."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
