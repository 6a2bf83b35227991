"""Pages run to their end on hardware that rounds otherwise: scores may differ from the recorded ones, nothing stops."""

from pathlib import Path

import pytest

import one_kernel
from book.builder import build
from mtlib.base import paths

TORCH = "__import__('torch')"  # leaves no name in the kernel

TO_PAPER = """
import builtins, gpu_on_paper
builtins.on_paper = gpu_on_paper.gpu()  # while this lives, there is a GPU
builtins.on_paper.__enter__()
del builtins, gpu_on_paper
"""


@pytest.mark.slow
def test_every_page_runs_without_onednn(tmp_path, published):
    pages = build.notebooks()
    one_kernel.execute(
        pages, {"profile": "smoke"}, tmp_path, MTLIB_HOME=str(tmp_path / "home"),
        before=f"{TORCH}.backends.mkldnn.set_flags(False)", after=f"assert not {TORCH}._C._get_mkldnn_enabled()",
    )  # fmt: skip
    assert [page for page in pages if build.is_stale(page, {"profile": "smoke"}, tmp_path)] == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [3, 4, 5, 6, 7])
def test_a_chapter_that_trains_runs_on_a_gpu(tmp_path, published, number):
    page, helpers = build.find_notebook(str(number)), Path(one_kernel.__file__).parent
    one_kernel.execute(
        [page], {"profile": "smoke", "device": "cuda"}, tmp_path, before=TO_PAPER,
        after="from gpu_on_paper import LEDGER; assert LEDGER.waits",
        MTLIB_HOME=str(tmp_path / "home"), PYTHONPATH=f"{paths.ROOT}:{helpers}",
    )  # fmt: skip
    assert "GPU on paper" in build.executed_path(page, tmp_path).read_text(encoding="utf-8")
