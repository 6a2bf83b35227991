"""Training: the book's loop against a plain PyTorch loop; memory, loader and bandwidth.

Run: ``python tests/benchmarks/training.py`` (about five minutes on two cores). Kinds of loop take turns,
so that a busy machine slows all of them alike; every turn is a process of its own, and ours is two
processes of one thread, as in a sweep. Ratios of clips per second, and of clips per core-second, which
other work on the machine hardly moves. The bars: at least five times the clips per second of a plain loop
(float32, convolution–normalisation–ELU–pooling) when both compute the front end in every step, with the
same loss within the spread of the seeds. On a GPU: a quarter of the memory-bandwidth floor, and an epoch
of 201,680 clips in 20 seconds. ``--write`` keeps the ratios in ``data/results/benchmark_training.csv``.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from unittest import mock

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from book.experiments.architectures import complexity, timing
from mtlib.base import paths, provenance
from mtlib.corpora import corpus
from mtlib.evidence import statistics
from mtlib.networks import devices, layers, structures
from mtlib.signal import frontend
from mtlib.training import loading
from mtlib.training.objectives import prior
from mtlib.training.training import Training, fit, seeded

N_TAGS = 50
KINDS = {  # name: loop, how the clips come, pooling first, processes, threads
    "plain": ("plain", "resident", False, 1, 2),
    "plain, pooling first": ("plain", "resident", True, 1, 2),
    "ours, pooling last": ("ours", "resident", False, 2, 1),
    "ours": ("ours", "resident", True, 2, 1),
    "ours, kept spectrograms": ("ours", "kept", True, 2, 1),
}


class Noise:
    """A corpus in memory: 32 different clips of tones in noise, as often as asked for."""

    sample_rate, name, audio_key = 12_000, "noise", "noise"

    def __init__(self, n_clips: int, n_samples: int):
        self.n_samples, self.clips = n_samples, pd.DataFrame({"clip_id": range(n_clips)})
        rng = np.random.default_rng(0)
        self.labels = (rng.random((32, N_TAGS)) < 0.2).astype(np.float32)
        tones = np.sin(np.outer(np.geomspace(100, 5000, N_TAGS), 2 * np.pi * np.arange(n_samples) / 12_000))
        samples = 0.02 * self.labels @ tones + rng.normal(0, 0.05, (32, n_samples))
        self._pcm = (32_767 * samples.clip(-1, 1)).astype(np.int16)

    def __len__(self) -> int:
        return len(self.clips)

    def pcm(self, indices: np.ndarray) -> np.ndarray:
        """Return int16 (clip, n_samples)."""
        return self._pcm[np.asarray(indices) % 32]

    def targets(self) -> np.ndarray:
        """Return labels (clip, tag)."""
        return self.labels[np.arange(len(self)) % 32]


def build(n_frames: int, pool_first: bool, seed: int) -> torch.nn.Module:
    """Build the Compact-convnet."""
    with seeded(seed):
        return structures.build("compact", n_frames=n_frames, n_tags=N_TAGS, pool_first=pool_first)


def plain_loop(corpus: Noise, network: torch.nn.Module, how: Training, seed: int = 0) -> list[float]:
    """Train as a tutorial would: float32, default layout, Adam. Returns the loss of each epoch."""
    front, targets = frontend.compact_frontend(), torch.from_numpy(corpus.targets())
    optimiser, n_steps, losses = torch.optim.Adam(network.parameters()), len(corpus) // how.batch, []
    for epoch in range(how.epochs):
        order, total = np.random.default_rng([seed, epoch]).permutation(len(corpus)), 0.0
        network.train()
        for step in range(n_steps):
            indices = order[step * how.batch : (step + 1) * how.batch]
            optimiser.param_groups[0]["lr"] = how.rate((epoch + step / n_steps) / how.epochs)
            logits = network(front(torch.from_numpy(corpus.pcm(indices)).float() / 32768))
            loss = F.binary_cross_entropy_with_logits(logits, targets[indices])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        losses.append(total / n_steps)
    return losses


def turn(kind: str, n_steps: int) -> None:
    """Be one process of a kind: train a few steps, print clips per second and peak memory."""
    loop, mode, pool_first, _, n_threads = KINDS[kind]
    torch.set_num_threads(n_threads)
    how = Training(epochs=1, batch=8)
    n_clips = 8 * n_steps
    corpus, network = Noise(n_clips, 348_000), build(1360, pool_first, 0)
    few = Noise(16, 348_000)
    if loop == "plain":
        plain_loop(few, network, how)  # the first steps allocate
        used, started = time.process_time(), time.perf_counter()
        plain_loop(corpus, network, how)
        seconds = time.perf_counter() - started
    else:
        precision = devices.best_precision()
        targets, indices = corpus.targets(), np.arange(n_clips)
        clips = loading.Clips(corpus, {}, mode=mode)
        fit(network, clips, targets, indices[:16], indices[:2], how, precision=precision)
        used = time.process_time()
        seconds = fit(network, clips, targets, indices, indices[:2], how, precision=precision).seconds[0]
    used = time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"pace": n_clips / seconds, "core_pace": n_clips / used, "peak_mib": peak}))


def throughput(kind: str, n_steps: int) -> dict[str, float]:
    """Run the processes of a kind side by side; return their pace in all, and their memory."""
    command = [sys.executable, __file__, "--turn", kind, "--steps", str(n_steps)]
    pipes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(KINDS[kind][3])]
    told = [json.loads(pipe.communicate()[0].splitlines()[-1]) for pipe in pipes]
    whole = {name: sum(row[name] for row in told) for name in ("pace", "peak_mib")}
    return {**whole, "core_pace": np.mean([row["core_pace"] for row in told])}


def compare_loops(n_rounds: int, n_steps: int) -> pd.DataFrame:
    """Measure all kinds in turns; ratios to the plain loop of the same round."""
    rows = []
    for number in range(n_rounds):
        found = {kind: throughput(kind, n_steps if kind.startswith("plain") else 3 * n_steps) for kind in KINDS}
        for kind, row in found.items():
            ratios = {"ratio": "pace", "core_ratio": "core_pace"}
            told = {ratio: row[name] / found["plain"][name] for ratio, name in ratios.items()}
            rows.append({"round": number, "case": kind, **told, "peak_mib": round(row["peak_mib"])})
    return pd.DataFrame(rows)


def compare_losses(n_seeds: int) -> pd.DataFrame:
    """Train loops from the same weights in the same order; return last losses, ours minus plain."""
    how, corpus = Training(epochs=4, batch=8), Noise(64, 87_000)
    clips, every = loading.Clips(corpus, {}, mode="resident"), np.arange(64)
    precision, rows = devices.best_precision(), []
    for seed in range(n_seeds):
        network = build(340, False, seed)
        with torch.no_grad():
            network.output.bias.copy_(torch.from_numpy(prior(corpus.targets(), "multilabel")))
        last = {"plain": plain_loop(corpus, network, how, seed)[-1]}
        for case, pool_first in (("ours, pooling last", False), ("ours", True)):
            network = build(340, pool_first, seed)
            fitted = fit(network, clips, corpus.targets(), every, every[:8], how, precision=precision, seed=seed)
            last[case] = fitted.history[-1]["loss"]
        rows.append(last)
    table = pd.DataFrame(rows)
    gaps = {case: statistics.paired_difference(table[case], table["plain"]) for case in table.columns[1:]}
    for case, gap in gaps.items():
        print(f"last loss, {case} minus plain: {gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}], "
              f"{gap.n} seeds, whose deviation is {table['plain'].std():.4f}")  # fmt: skip
    return pd.DataFrame({"loss_difference": {case: gap.value for case, gap in gaps.items()},
                         "loss_low": {case: gap.low for case, gap in gaps.items()},
                         "loss_high": {case: gap.high for case, gap in gaps.items()}})  # fmt: skip


def loader(device: torch.device) -> None:
    """Print how much faster than the training each way of loading is."""
    n_clips = 256 if device.type == "cpu" else 4096
    corpus, every = Noise(n_clips, 87_000), np.arange(n_clips)
    parts = list(every.reshape(-1, 8))
    how, precision = Training(epochs=1), devices.best_precision(device)
    clips = loading.Clips(corpus, {}, device, mode="resident")
    step = fit(build(340, True, 0), clips, corpus.targets(), every, every[:2], how, precision=precision)
    for mode in loading.MODES:
        clips = loading.Clips(corpus, {}, device, mode=mode)
        started = time.perf_counter()
        for _ in clips.batches(parts):
            pass
        _wait(device)
        print(f"loader, {mode}: {step.seconds[0] / (time.perf_counter() - started):.1f}x the pace of training")


def page_cache(n_clips: int = 128, n_samples: int = 348_000) -> None:
    """Print how many stored clips of 29 s a core reads in a second, from a warm page cache (bar: 10,000)."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"clip_id": [f"{i:03d}" for i in range(n_clips)], "split": "train", "fold": -1, "group": ""})

    def read(part: pd.DataFrame):
        yield from ((rng.integers(-9, 9, n_samples, np.int16), "ok", "") for _ in range(len(part)))

    labels = np.zeros((n_clips, 1), bool)
    stored = corpus.write(
        "stored", rows, read, audio_recipe={"noise": n_samples}, sample_rate=12_000, n_samples=n_samples,
        task="multilabel", tags=pd.DataFrame({"name": ["tag"], "category": "tag"}),
        label_sets={"observed": (labels, {})}, n_jobs=1,
    )  # fmt: skip
    order = rng.permutation(n_clips).reshape(-1, 16)
    paces = []
    for _ in range(6):  # the first compares checksums
        started = time.process_time()
        for indices in order:
            stored.pcm(indices)
        paces.append(n_clips / (time.process_time() - started))
    print(f"loader, stored clips of 29 s: {np.median(paces[1:]):,.0f} a core-second (bar: 10,000)")


def full_height() -> None:
    """Print what k2c1 gains, in training steps at 1,360 frames, by bands as channels (bar: 5)."""
    ways = {"bands as channels": layers.FullHeightConv.forward, "plain": torch.nn.Conv2d.forward}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _, (way, forward) in itertools.product(range(3), ways.items()):
        with mock.patch.object(layers.FullHeightConv, "forward", forward):
            seconds[way] += list(timing.step_seconds("k2c1", 0.1, n_frames=1360, n_steps=3))
    ours, plain = (1000 * np.median(seconds[way]) for way in ways)
    print(f"k2c1 at 1,360 frames, {devices.best_precision()}: {ours:.2f} against {plain:.2f} ms a clip, "
          f"{plain / ours:.1f}x")  # fmt: skip


def bandwidth(device: torch.device, batch: int) -> None:
    """Print the share of the memory-bandwidth floor that a step reaches, and each layer's part."""
    size = 2**28 if device.type == "cuda" else 2**25
    source = torch.empty(size, dtype=torch.float32, device=device).normal_()
    target = torch.empty_like(source)
    copy = min(_seconds(lambda: target.copy_(source), device) for _ in range(5))
    bytes_per_second = 2 * 4 * size / copy
    network = build(1360, True, 0).to(device, memory_format=torch.channels_last).train()
    x = torch.randn(batch, 1, 96, 1360, device=device)
    y = torch.zeros(batch, N_TAGS, device=device)
    precision = devices.best_precision(device)
    optimiser = torch.optim.Adam(network.parameters(), fused=True)

    def step() -> None:
        with devices.autocast(device, precision):
            logits = network(x)
        loss = F.binary_cross_entropy_with_logits(logits.float(), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    step()
    step()
    seconds = min(_seconds(step, device) for _ in range(5))
    layers = complexity.layers(network, 96, 1360)
    n_bytes = 2 if precision == "bf16" else 4
    floor = 3 * batch * n_bytes * sum(layer.moved for layer in layers) / bytes_per_second
    print(f"step of {batch} clips ({precision}): {floor / seconds:.0%} of the bandwidth floor "
          "(inputs and outputs of every layer, forward once and backward twice)")  # fmt: skip

    marks: list[tuple[str, float]] = []

    def mark(name: str) -> None:
        _wait(device)
        marks.append((name, time.perf_counter()))

    def passed(part: torch.nn.Module, given: tuple, result: torch.Tensor, name: str) -> None:
        mark(f"{name} forward")  # everything since the last mark
        result.register_hook(lambda gradient: mark(f"before {name}"))

    stages = [f"stages.{i}" for i in range(5)]
    for name in (*stages, "output"):
        network.get_submodule(name).register_forward_hook(partial(passed, name=name))
    network.register_forward_pre_hook(lambda part, given: mark("start"))
    step()
    mark("end")
    spent = {name: time - before for (_, before), (name, time) in itertools.pairwise(marks)}
    below = dict(zip(stages, ["end", *(f"before {name}" for name in stages)], strict=False))
    for layer in layers[:-1]:
        forward, backward = spent[f"{layer.name} forward"] / seconds, spent[below[layer.name]] / seconds
        share = layer.moved / sum(other.moved for other in layers)
        print(f"  {layer.name:9} {forward:6.1%} forward {backward:6.1%} backward, {share:6.1%} of the bytes")


def epoch_on_gpu(device: torch.device, n_clips: int = 20_480, batch: int = 64) -> None:
    """Print the time of an epoch of 201,680 clips, extrapolated from `n_clips` that were trained on."""
    corpus = Noise(n_clips, 348_000)
    clips, every = loading.Clips(corpus, {}, device, mode="resident"), np.arange(n_clips)
    how, precision = Training(epochs=2, batch=batch), devices.best_precision(device)
    found = fit(build(1360, True, 0), clips, corpus.targets(), every, every[:64], how, precision=precision)
    seconds = found.seconds[-1] * 201_680 / n_clips
    print(f"an epoch of 201,680 clips: {seconds:.1f} s, extrapolated from {n_clips:,} clips (bar: 20 s)")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _seconds(call, device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print; with --write keep the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write data/results/benchmark_training.*")
    parser.add_argument("--turn", choices=KINDS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.turn:
        turn(given.turn, given.steps)
        return
    device = devices.resolve_device()
    os.environ["MTLIB_HOME"] = tempfile.mkdtemp()
    rows = compare_loops(given.rounds, given.steps)
    table = rows.groupby("case", sort=False).agg(
        ratio=("ratio", "median"),
        least=("ratio", "min"),
        most=("ratio", "max"),
        core_ratio=("core_ratio", "median"),
        core_least=("core_ratio", "min"),
        peak_mib=("peak_mib", "max"),
    )
    print(table.to_string(float_format=lambda value: f"{value:.2f}"))
    torch.set_num_threads(1)
    table = table.join(compare_losses(given.seeds))
    loader(torch.device("cpu"))
    page_cache()
    full_height()
    bandwidth(torch.device("cpu"), batch=8)
    if device.type == "cuda":
        loader(device)
        bandwidth(device, batch=64)
        epoch_on_gpu(device)
    else:
        print("no GPU on this machine: its bandwidth floor and epoch were not measured")
    if given.write:
        target = paths.DATA / "results" / "benchmark_training.csv"
        table.round(4).to_csv(target, lineterminator="\n")
        told = {"command": "python tests/benchmarks/training.py --write", "rounds": given.rounds, "seeds": given.seeds}
        record = json.dumps(provenance.stamp(device, **told), indent=1)
        target.with_suffix(".json").write_text(record + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
