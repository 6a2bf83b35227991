"""With device="cuda", on a GPU on paper: the numbers of the CPU, nothing on the wrong device, no needless waits."""

import dataclasses
import inspect
import itertools
import os
import types

import numpy as np
import pytest
import torch

import toy
from book.experiments.understanding import deconvolution
from gpu_on_paper import OnPaper, gpu
from mtlib.networks import devices, layers, structures, tagging
from mtlib.training import experiment, features, loading, objectives, runs, sweeps, training
from mtlib.training.training import Training

STEP = Training(epochs=1, batch=4, mixup=0.3, turned=True)
SMALL = {"layer_widths": (4,) * 5}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTLIB_HOME", str(tmp_path_factory.mktemp("home")))
        yield toy.write(n_clips=20)
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def no_corpus_stays(monkeypatch):
    monkeypatch.setattr(loading, "_resident", {})


def network(structure="compact", **more):
    more = more or (SMALL if structure == "compact" else {"budget": 0.1})
    with training.seeded(1):
        return structures.build(structure, n_frames=340, n_tags=4, **more)


def train(corpus, device, mode="resident", n=12, loop=training, loader=loading, net=None):
    """Train for an epoch, predict, and return weights, history and outputs."""
    net = net or network()
    clips = loader.Clips(corpus, {}, device, mode=mode)
    targets = objectives.targets(corpus, "observed")
    fitted = loop.fit(net, clips, targets, np.arange(n), np.arange(12, 20), STEP, precision="bf16")
    outputs = loop.predict(net, clips, np.arange(4), precision="bf16")
    return [value.cpu() for value in net.state_dict().values()], fitted.history, outputs


def check(corpus, mode="resident", allowed=0, **how):
    """Compare a training on paper with one on the CPU, and count the waits of two steps more."""
    waits = []
    for n in (4, 12):
        with gpu() as ledger:
            found = train(corpus, "cuda", mode, n, **{key: make() for key, make in how.items()})
        waits.append(ledger.waits)
    more = waits[1] - waits[0]
    assert sum(more.values()) == 2 * allowed, f"the host waits: {dict(more)}"
    assert not ledger.doubles, f"64 bits: {dict(ledger.doubles)}"
    weights, history, outputs = train(corpus, "cpu", mode, **{key: make() for key, make in how.items()})
    assert history == found[1] and np.array_equal(outputs, found[2])
    assert all(torch.equal(*pair) for pair in zip(weights, found[0], strict=True))


@pytest.mark.parametrize("structure", ["k1c2", "k2c1", "k2c2", "crnn", "lstm"])
def test_every_structure_trains_without_waiting(corpus, structure):
    made = {"lstm": ("crnn", {"budget": 0.1, "rnn": "lstm"})}.get(structure, (structure, {}))
    check(corpus, net=lambda: network(made[0], **made[1]))


@pytest.mark.parametrize(("mode", "copies"), [("resident", 0), ("streamed", 0), ("kept", 1)])
def test_clips_come_by_every_way(corpus, mode, copies):
    """Streamed clips lie in pinned memory; kept ones are the transfer that the host waits for."""
    check(corpus, mode, copies)


@pytest.mark.parametrize("kind", ["mel", "stft"])
def test_every_front_end_gives_the_numbers_of_the_cpu(corpus, kind):
    choices = itertools.product(("log", "linear", "pcen"), ("bypass", "a-weighting", "per-frequency"))
    for magnitude, weighting in set(choices) - {("pcen", "a-weighting")}:
        view = {"kind": kind, "magnitude": magnitude, "weighting": weighting}
        (expected,) = loading.Clips(corpus, view, mode="resident").batches([[3, 0]])
        with gpu() as ledger:
            (found,) = loading.Clips(corpus, view, "cuda").batches([[3, 0]])
        assert isinstance(found, OnPaper) and torch.equal(found.values_, expected), view
        assert not ledger.doubles, view


def test_a_corpus_is_sent_once_and_a_full_gpu_fails_one_run(corpus, monkeypatch):
    def full(*given, **more):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with gpu():
        first, second = (loading.Clips(corpus, {"scale": scale}, "cuda") for scale in (1.0, 2.0))
        assert first.mode == "resident" and first._resident is second._resident
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 1000))
        assert loading.Clips(corpus, {}, "cuda").mode == "resident"  # it is there already
        assert loading.Clips(corpus, {}, "cuda", n_samples=50_000).mode == "resident"  # in its place
        monkeypatch.setattr(loading, "_resident", {})
        assert loading.Clips(corpus, {}, "cuda").mode == "streamed"
        monkeypatch.setattr(experiment, "fit", full)
        spec = sweeps.resolve([toy.spec()], "cuda")[0]
        status, told = runs.train_run(dataclasses.asdict(spec), "cuda", os.environ["MTLIB_HOME"])
    assert status == "failed" and "CUDA out of memory" in told


def test_a_killed_run_goes_on(corpus):
    def stop(row):
        raise KeyboardInterrupt

    with gpu():
        spec = sweeps.resolve([toy.spec(epochs=2, seed=5)], "cuda")[0]
        assert spec.device == "cuda"
        folder = runs.Run(spec.key).folder.with_suffix(".unfinished")
        folder.mkdir(parents=True)
        with pytest.raises(KeyboardInterrupt):
            experiment.run_experiment(spec, corpus, torch.device("cuda"), folder, stop)
        status, told = runs.train_run(dataclasses.asdict(spec), "cuda", os.environ["MTLIB_HOME"])
    assert status == "trained", told
    assert runs.Run(spec.key).record["resumed"]


def test_features_tags_and_deconvolution_are_those_of_the_cpu(corpus, monkeypatch):
    front = loading.views.build(sample_rate=corpus.sample_rate)
    heard = features.Extractor("small", front, network().eval(), toy.N_SAMPLES)
    samples = corpus.batch([0, 1]).flatten().numpy()

    def all_of_it(device):
        devices.move(heard, device)
        x = heard.frontend(corpus.batch([0]).to(device))
        traced = deconvolution.trace(heard.network, x)
        images = [deconvolution.deconvolve(traced, layer).cpu() for layer in (1, 3)]
        control = deconvolution.randomised(heard.network, x, n_stages=2).stages[4].norm.running_var.cpu()
        values = features.of_corpus(corpus, heard, range(3), device=device)
        return [values, tagging.tag_samples(samples, heard), *images, control]

    expected = all_of_it("cpu")
    monkeypatch.setattr(features, "VERSION", "not kept")
    with gpu():
        found = all_of_it("cuda")
        assert isinstance(next(heard.network.parameters()), OnPaper)
    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def planted(module, right, wrong):
    """Return a copy of a module with a fault."""
    source = inspect.getsource(module)
    assert source.count(right) == 1, right
    copy = types.ModuleType(module.__name__)
    copy.__package__, copy.__file__ = module.__package__, module.__file__
    exec(compile(source.replace(right, wrong), module.__file__, "exec"), vars(copy))
    return copy


@pytest.mark.parametrize(
    ("place", "right", "wrong", "told"),
    [
        ("loader", "views.build(**self.view).to(self.device)", "views.build(**self.view)", "cuda:0 and, of shape"),
        ("loop", "total += loss.detach()", "total += loss.item()", r"the host waits: .*total \+= loss"),
        ("loop", "dtype=torch.float32, device=device)", "dtype=torch.float32)", "answers|device|cpu"),
        ("loop", "probabilities(logits, task).cpu()", "probabilities(logits, task)", "convert cuda:0 .* to numpy"),
        ("loop", "targets, dtype=torch.float32", "targets, dtype=torch.float64", "64 bits: .*loss_of"),
        ("layers", "given.new_zeros(len(x), n_hidden)", "torch.zeros(len(x), n_hidden)", "cuda:0 and, of shape"),
    ],
    ids=["front end", "loss", "answers", "outputs", "64 bits", "state"],
)
def test_a_planted_fault_is_found(corpus, monkeypatch, place, right, wrong, told):
    module = {"loader": loading, "loop": training, "layers": layers}[place]
    copy = planted(module, right, wrong)
    how = {place: lambda: copy}
    if place == "layers":
        monkeypatch.setitem(layers.RECURRENT, "gru", copy.KerasGRU)
        how = {"net": lambda: network("crnn")}
    with pytest.raises((RuntimeError, TypeError, AssertionError), match=told):
        check(corpus, **how)
