"""The loop: it learns, it stops, it goes on where it was, and it says what is wrong."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

import toy
from mtlib.base.errors import InputError
from mtlib.networks import devices, structures, tagging
from mtlib.training import loading, objectives, training
from mtlib.training.training import Training

TRAIN, VALID = np.arange(48), np.arange(48, 64)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTLIB_HOME", str(tmp_path_factory.mktemp("home")))
        yield loading.Clips(toy.write(), {})


@pytest.fixture(autouse=True)
def one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def network(n_outputs=4, **options):
    with training.seeded(1):
        return structures.build(
            **{"structure": "compact", "n_frames": 340, "layer_widths": (8,) * 5, "n_tags": n_outputs, **options}
        )


def fit(clips, settings=None, net=None, **options):
    net = net or network()
    settings = settings or Training(epochs=3)
    targets = options.pop("targets", objectives.targets(clips.corpus, "observed"))
    return net, training.fit(net, clips, targets, TRAIN, VALID, settings, **options)


@pytest.mark.parametrize("precision", ["bf16", "float32"])
def test_it_learns_and_keeps_the_best_epoch(clips, precision):
    net, fitted = fit(clips, Training(epochs=10), precision=precision)
    scores = [row["score"] for row in fitted.history]
    assert scores[-1] > 0.85 > 0.7 > scores[0] and fitted.history[-1]["loss"] < fitted.history[0]["loss"]
    assert fitted.best_epoch == 1 + int(np.argmax(scores))
    outputs = training.predict(net, clips, VALID, precision=precision)
    truth = objectives.targets(clips.corpus, "observed")[VALID]
    ours = np.mean([roc_auc_score(truth[:, i], outputs[:, i]) for i in range(4)])
    assert ours == pytest.approx(max(scores), abs=1e-9)


def test_twice_is_the_same_and_an_interruption_changes_nothing(clips, tmp_path):
    options = {"structure": "crnn", "layer_widths": (4,) * 6}  # dropout draws random numbers, too
    how = Training(epochs=3, mixup=0.3, turned=True, weight_decay=0.05)
    whole, first = fit(clips, how, net=network(**options))
    torch.rand(3)
    again, second = fit(clips, how, net=network(**options))
    assert first.history == second.history

    def stop(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(clips, how, net=network(**options), folder=tmp_path, report=stop)
    resumed, third = fit(clips, how, net=network(**options), folder=tmp_path)
    assert third.history == first.history and len(third.seconds) == 3
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]) and torch.equal(value, resumed.state_dict()[name])
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]


def test_clips_are_turned_in_time_and_mixed_with_their_targets(clips):
    order = np.array([[3, 0, 9, 4], [7, 8, 1, 2]])
    plain = torch.cat(list(clips.batches([np.arange(10)])))
    which = torch.eye(10)  # targets that say which clips are in a mixture

    def epoch(**how):
        return list(training._batches(clips, which, order, Training(**how), np.random.default_rng(0)))

    for (x, y), rows in zip(epoch(turned=True), order, strict=True):
        turns = [
            [n for n in range(340) if torch.equal(one, plain[i].roll(-n, -1))] for one, i in zip(x, rows, strict=True)
        ]
        assert all(map(len, turns)) and len({n[0] for n in turns}) == 4 and torch.equal(y, which[rows])
    for (x, y), rows in zip(epoch(mixup=1.0), order, strict=True):
        torch.testing.assert_close(x, torch.einsum("bc,cift->bift", y, plain))
        assert set(y.nonzero()[:, 1].tolist()) == set(rows) and (y > 0).sum() > 4
        torch.testing.assert_close(y.sum(1), torch.ones(4))


def test_a_damaged_state_is_told(clips, tmp_path):
    (tmp_path / "state.safetensors").write_bytes(b"half a fi")
    with pytest.raises(InputError, match=r"state\.safetensors is damaged .* delete it to begin anew"):
        fit(clips, folder=tmp_path)


def test_the_caller_s_random_numbers_are_left_alone(clips):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    fit(clips, Training(epochs=1))
    assert torch.equal(torch.rand(1), expected)


def test_it_stops_when_the_score_no_longer_rises(clips):
    class Flat(torch.nn.Module):
        """Always gives the prior: every validation score is one half."""

        def __init__(self):
            super().__init__()
            self.output = torch.nn.Linear(1, 4)
            self.output.weight.requires_grad_(False)

        def forward(self, x):
            return self.output(x.new_zeros(len(x), 1))

    for patience in (1, 3):
        _, fitted = fit(clips, Training(epochs=9, schedule="constant", patience=patience), net=Flat())
        assert len(fitted.history) == 1 + patience and fitted.best_epoch == 1
        assert fitted.history[0]["score"] == 0.5


def test_rates_rise_and_fall():
    one_cycle, constant = Training(peak_rate=0.01), Training(peak_rate=0.01, schedule="constant")
    rates = [one_cycle.rate(share) for share in np.linspace(0, 1, 101)]
    assert rates[0] == pytest.approx(0.01 / 25) and max(rates) == rates[30] == pytest.approx(0.01)
    assert rates[-1] < 1e-6 and np.argmax(rates) == 30
    assert {constant.rate(share) for share in (0, 0.5, 1)} == {0.01}


def test_a_loss_that_is_no_number_stops_with_the_place(clips):
    with pytest.raises(InputError, match=r"the loss is nan in epoch 1 by step 6, at a rate of .*lower peak_rate"):
        targets = np.where(np.arange(80)[:, None] == 40, np.nan, objectives.targets(clips.corpus, "observed"))
        net = network()
        training.fit(net, clips, targets, TRAIN, VALID, Training(epochs=1))


@pytest.mark.parametrize("task", objectives.TASKS)
def test_the_first_prediction_is_the_base_rate(task):
    rng = np.random.default_rng(0)
    shares = np.array([0.1, 0.2, 0.7])
    targets = {
        "multilabel": (rng.random((4000, 3)) < shares) * 1.0,
        "multiclass": np.eye(3)[rng.choice(3, 4000, p=shares)],
        "regression": rng.normal(shares, 1, (4000, 3)),
    }[task]
    bias = torch.from_numpy(objectives.prior(targets, task))[None].float()
    np.testing.assert_allclose(tagging.probabilities(bias, task)[0], targets.mean(0), atol=1e-3)
    loss_of, truth = objectives.loss_function(task), torch.from_numpy(targets).float()
    best = loss_of(bias.expand(4000, -1), truth)
    for shift in (-0.2, 0.2):
        moved = bias + torch.tensor([shift, 0, 0])
        assert loss_of(moved.expand(4000, -1), truth) > best


@pytest.mark.parametrize(("task", "n_outputs"), [("multiclass", 2), ("regression", 4)])
def test_other_tasks_train_too(tmp_path, monkeypatch, task, n_outputs):
    monkeypatch.setenv("MTLIB_HOME", str(tmp_path))
    clips = loading.Clips(toy.write(task=task), {})
    net, fitted = fit(clips, Training(epochs=8), net=network(n_outputs), task=task)
    assert fitted.history[fitted.best_epoch - 1]["score"] > {"multiclass": 0.8, "regression": 0.15}[task]
    outputs = training.predict(net, clips, VALID, task=task)
    assert outputs.shape == (16, n_outputs)
    if task == "multiclass":
        np.testing.assert_allclose(outputs.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Training(batch=0), "batch must be at least 1, got 0"),
        (lambda: Training(peak_rate=0), "peak_rate must be above 0"),
        (lambda: Training(mixup=-0.1), "weight_decay and mixup at least 0"),
        (lambda: objectives.loss_function("ranking"), "task must be one of multilabel"),
        (lambda: objectives.score(np.zeros((3, 2)), np.zeros((3, 2)), "multilabel"), "no tag has both kinds"),
        (lambda: devices.autocast(torch.device("cpu"), "int8"), "precision must be"),
        (lambda: training.fit(None, None, None, [1], [2], Training()), "needs 2 clips and validation 1"),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there_is_told():
    assert devices.resolve_device().type == "cpu"
    with pytest.raises(InputError, match="no CUDA on this machine; use cpu or auto"):
        devices.resolve_device("cuda:1")
