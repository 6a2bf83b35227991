"""Buttons for a repository: none as the book comes, all of them where _config.yml names one."""

import nbformat
import pytest
import yaml
from sphinx.application import Sphinx

from mtlib.base import paths

ADDRESS = "https://github.com/somebody/companion"


@pytest.fixture
def render(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(paths.ROOT / "book" / "_ext")
    (tmp_path / "book").mkdir()
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title")]), tmp_path / "book" / "page.ipynb"
    )
    (tmp_path / "index.md").write_text("# Book\n\n```{toctree}\nbook/page\n```\n")
    (tmp_path / "conf.py").write_text("")

    def make(fork: str) -> str:
        settings = {"extensions": ["myst_nb", "fork"], "html_theme": "sphinx_book_theme", "fork": fork}
        settings |= {"nb_execution_mode": "off"}
        Sphinx(tmp_path, tmp_path, tmp_path / "out", tmp_path / "trees", "html", settings, status=None).build()
        return (tmp_path / "out" / "book" / "page.html").read_text(encoding="utf-8")

    return make


def test_one_line_of_the_settings_adds_the_buttons(render):
    line = 'fork: ""'
    assert (paths.ROOT / "_config.yml").read_text(encoding="utf-8").count(line) == 1
    page = render(ADDRESS)
    assert f'href="{ADDRESS}"' in page and f"{ADDRESS}/issues/new?title=" in page
    assert "https://colab.research.google.com/github/somebody/companion/blob/main/book/page.ipynb" in page


def test_the_book_as_it_comes_has_no_such_button(render):
    config = yaml.safe_load((paths.ROOT / "_config.yml").read_text(encoding="utf-8"))
    page = render(config["sphinx"]["config"]["fork"])
    assert not any(word in page for word in ("github.com/somebody", "issues/new", "colab"))
