"""Clips on their way to a network: PCM to spectrograms on a device, one batch at a time.

One interface, three ways, chosen by the device: on a CPU the spectrograms are computed once, kept in a
file next to the corpus and shared by every process (`Clips.kept`); on a GPU the front end runs there, on
16-bit PCM that lies on the device as long as it fits, and is streamed through pinned memory by a thread
when it does not. The three give the same spectrograms; the kept ones are rounded to 16 bits, a few
hundredths of a decibel. Training and prediction use it.
"""

import hashlib
import json
import math
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import torch

from ..base import files, paths
from ..base.errors import InputError
from ..corpora.corpus import Corpus
from ..networks.devices import keep_freed_memory
from ..signal import views

MODES = ("kept", "resident", "streamed")

VERSION = "8a6121df890f0ebbac19535fcecbf055628c8f9d18e35dc856267649c8660e7d"
"""Of the front ends' code; change it by hand when they give other spectrograms."""

_N_AT_ONCE = 64
"""Clips that a CPU turns into spectrograms together."""

_resident: dict[tuple, torch.Tensor] = {}
"""The corpus whose PCM lies on a device: one at a time, shared by the runs of a process."""


class Clips:
    """The clips of a corpus as spectrograms on a device.

    Parameters
    ----------
    corpus : Corpus
    view : dict
        Front end, as for `views.build`.
    device : str or torch.device
    n_samples : int, optional
        Use only the first samples of each clip; where clips differ in length, a shorter one is repeated
        until it fills them.
    mode : {"kept", "resident", "streamed"}, optional
        As the module says; by default what suits the device.
    """

    def __init__(
        self,
        corpus: Corpus,
        view: dict[str, Any],
        device: str | torch.device = "cpu",
        *,
        n_samples: int | None = None,
        mode: str | None = None,
    ):
        self.corpus, self.view, self.device = corpus, dict(view), torch.device(device)
        self.n_samples = n_samples or corpus.n_samples
        if self.n_samples is None:
            raise InputError(f"the clips of corpus {corpus.name} differ in length; say how much of each to use")
        if corpus.n_samples and self.n_samples > corpus.n_samples:
            raise InputError(f"clips have {corpus.n_samples} samples, {self.n_samples} were asked for")
        if mode not in (None, *MODES):
            raise InputError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
        keep_freed_memory()
        self.view.setdefault("sample_rate", corpus.sample_rate)
        self.frontend = views.build(**self.view).to(self.device)
        self.size = views.size(self.view, self.n_samples)
        self.mode = mode or self._suitable()
        self._kept = self.kept() if self.mode == "kept" else None
        self._resident = self._on_device() if self.mode == "resident" else None

    def _suitable(self) -> str:
        if self.device.type != "cuda":
            return "kept"
        if self._what() in _resident:
            return "resident"
        free, _ = torch.cuda.mem_get_info(self.device)
        free += torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        free += sum(pcm.nbytes for pcm in _resident.values())  # another corpus would make room
        return "resident" if 2 * len(self.corpus) * self.n_samples < 0.6 * free else "streamed"

    def _what(self) -> tuple:
        return self.corpus.name, self.corpus.audio_key, self.n_samples, self.device, *self.corpus.clips["clip_id"]

    def batches(self, parts: Iterable[np.ndarray]) -> Iterator[torch.Tensor]:
        """Yield spectrograms (batch, 1, freq, time) float32 on the device, for arrays of clip indices."""
        if self._kept is not None:
            for indices in parts:
                yield self._finish(torch.from_numpy(self._kept[indices]).to(self.device).float().unsqueeze(1))
        elif self._resident is not None:
            parts = list(parts)
            order = torch.as_tensor(np.concatenate(parts), device=self.device)  # sent once
            for indices in order.split([len(part) for part in parts]):
                yield self._spectrograms(self._resident[indices])
        else:
            for pcm in _ahead(self._host_pcm(indices) for indices in parts):
                yield self._spectrograms(pcm.to(self.device, non_blocking=True))

    @torch.no_grad()
    def _analyse(self, pcm: torch.Tensor) -> torch.Tensor:
        return self.frontend[0](pcm.float() / 32768)  # (batch, 1, freq, time)

    @torch.no_grad()
    def _finish(self, spectrograms: torch.Tensor) -> torch.Tensor:
        return self.frontend[1](spectrograms)

    def _spectrograms(self, pcm: torch.Tensor) -> torch.Tensor:
        return self._finish(self._analyse(pcm))

    def _host_pcm(self, indices: np.ndarray) -> torch.Tensor:
        if self.corpus.n_samples is None:  # the same numbers again: batch() divides by a power of two
            pcm = (self.corpus.batch(indices, self.n_samples) * 32768).to(torch.int16)
        else:
            pcm = torch.from_numpy(np.ascontiguousarray(self.corpus.pcm(indices)[:, : self.n_samples]))
        return pcm.pin_memory() if self.device.type == "cuda" else pcm

    def _on_device(self) -> torch.Tensor:
        if self._what() not in _resident:
            _resident.clear()
            pcm = torch.empty((len(self.corpus), self.n_samples), dtype=torch.int16, device=self.device)
            for indices in _chunks(len(self.corpus), 1024):
                pcm[indices[0] : indices[-1] + 1] = self._host_pcm(indices).to(self.device)
            _resident[self._what()] = pcm
        return _resident[self._what()]

    def kept(self) -> np.ndarray:
        """Return the spectrograms of all clips (clip, freq, time), computed once and mapped from a file.

        They are those before weighting, standardisation and scaler, so views that differ only in these
        share a file. Two processes that need the same file wait for one of them to write it. Decibels are
        kept as float16, other magnitudes, whose range is wider, as float32.
        """
        kept_clips = self.corpus.clips["clip_id"].tolist()
        view = {name: value for name, value in self.view.items() if name not in views.FINISH}
        values = [VERSION, view, self.n_samples, self.corpus.name, self.corpus.audio_key, kept_clips]
        key = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]
        path = paths.home() / "spectrograms" / f"{key}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_suffix(".lock")):
            if (found := files.read_array(path, "r")) is None:
                self._write(path)
                found = np.load(path, mmap_mode="r")
        return found

    def _write(self, path: Path) -> None:
        dtype = np.float16 if self.view.get("magnitude", "log") == "log" else np.float32
        shape = (len(self.corpus), *self.size)
        n_bytes = 128 + math.prod(shape) * np.dtype(dtype).itemsize
        files.check_space(path.parent, n_bytes)
        n_threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the rounding must not depend on who computes the file
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
        try:
            with files.atomic(path) as file:  # in order, not mapped: a full disk is an error, not a signal
                files.reserve(file, n_bytes)
                np.lib.format.write_array_header_1_0(file, header)
                for indices in _chunks(len(self.corpus), _N_AT_ONCE):
                    pcm = self._host_pcm(indices).to(self.device)
                    file.write(np.ascontiguousarray(self._analyse(pcm)[:, 0].cpu(), dtype).data)
                files.seal(file)
        finally:
            torch.set_num_threads(n_threads)


def _chunks(n: int, size: int) -> Iterator[np.ndarray]:
    for start in range(0, n, size):
        yield np.arange(start, min(start + size, n))


def _ahead(items: Iterator[torch.Tensor], n: int = 2) -> Iterator[torch.Tensor]:
    """Compute items in a thread, up to `n` ahead; an error there is raised here."""
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(next, items, None) for _ in range(n))
        try:
            while (item := waiting.popleft().result()) is not None:
                waiting.append(pool.submit(next, items, None))
                yield item
        finally:
            pool.shutdown(cancel_futures=True)
