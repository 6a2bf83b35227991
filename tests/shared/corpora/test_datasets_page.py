"""The page about real corpora says of every dataset what the registry says."""

import pytest

from mtlib.base import paths
from mtlib.corpora.datasets import DATASETS

PAGE = (paths.DATA.parent / "book" / "real_corpora.md").read_text()


@pytest.mark.parametrize("name", DATASETS)
def test_the_page_tells_what_the_registry_tells(name):
    dataset = DATASETS[name]
    table, _, section = PAGE.partition(f"(data-{name.replace('_', '-')})=\n")
    row = next(line for line in table.splitlines() if line.startswith(f"| [`{name}`]"))
    section = section.partition("\n(data-")[0]
    assert f"| {dataset.task} | {dataset.n_clips:,} | {dataset.size} |" in row
    for words in (dataset.title, dataset.page, *dataset.commands, dataset.licence, dataset.citation, dataset.faults):
        assert words in section
