"""Pages run to their end on hardware that rounds otherwise: scores may differ from the recorded ones, nothing stops."""

import pytest

import one_kernel
from book.builder import build

TORCH = "__import__('torch')"  # leaves no name in the kernel


@pytest.mark.slow
def test_every_page_runs_without_onednn(tmp_path, published):
    pages = build.notebooks()
    one_kernel.execute(
        pages, {"profile": "smoke"}, tmp_path, MTLIB_HOME=str(tmp_path / "home"),
        before=f"{TORCH}.backends.mkldnn.set_flags(False)", after=f"assert not {TORCH}._C._get_mkldnn_enabled()",
    )  # fmt: skip
    assert [page for page in pages if build.is_stale(page, {"profile": "smoke"}, tmp_path)] == []
