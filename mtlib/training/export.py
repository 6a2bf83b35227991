"""Trained networks as single files for other programs: ONNX with the front end inside, or safetensors.

Conventions
    Both carry the names of the tags, the sample rate, the number of samples of a clip and the task as
    metadata (text).
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..base.errors import InputError
from . import taggers
from .objectives import probabilities
from .runs import Run

OPSET = 18


class FromSamples(nn.Module):
    """Samples (batch, time) to probabilities (batch, tag), in one module."""

    def __init__(self, run: Run):
        super().__init__()
        tagger = taggers.of_run(run)
        self.frontend, self.network, self.task = tagger.frontend, tagger.network, tagger.task

    def forward(self, samples: Tensor) -> Tensor:
        return probabilities(self.network(self.frontend(samples)), self.task)


def metadata(run: Run) -> dict[str, str]:
    """Return what a program needs to know beside the weights, as text."""
    tagger = taggers.of_run(run)
    return {
        "tags": json.dumps(list(tagger.tags)), "sample_rate": str(tagger.sample_rate),
        "n_samples": str(tagger.n_samples), "task": tagger.task, "run": run.key,
    }  # fmt: skip


def to_safetensors(run: Run, path: Path) -> None:
    """Write the weights of the network, named as in its ``state_dict``."""
    weights = {name: value.contiguous() for name, value in run.network().state_dict().items()}
    save_file(weights, path, metadata=metadata(run))


def to_onnx(run: Run, path: Path) -> None:
    """Write front end, network and last activation as one ONNX graph.

    Raises
    ------
    InputError
        If the packages ``onnx`` and ``onnxscript`` are not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError:
        raise InputError("ONNX needs two more packages: pip install onnx onnxscript") from None
    model = FromSamples(run).eval()
    samples = torch.zeros(2, taggers.of_run(run).n_samples)  # one clip would fix the batch at one
    program = torch.onnx.export(
        model, (samples,), input_names=["samples"], output_names=["outputs"], opset_version=OPSET, dynamo=True,
        dynamic_shapes={"samples": {0: torch.export.Dim("batch")}}, verbose=False,
    )  # fmt: skip
    found = program.model_proto
    onnx.helper.set_model_props(found, metadata(run))
    onnx.save(found, path)


WRITERS = {"onnx": to_onnx, "safetensors": to_safetensors}
