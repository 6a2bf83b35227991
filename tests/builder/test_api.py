"""The API page holds every public name of the module, and every public name has its docstring."""

from book.builder import api
from mtlib.base import paths


def test_every_public_function_has_a_docstring():
    missing = [f"{m.name}.{item.name}" for m in api.modules() for item in m.items if not item.docstring]
    assert missing == []
    assert [module.name for module in api.modules() if not module.docstring] == []


def test_a_module_is_read_without_being_executed(tmp_path):
    path = tmp_path / "one.py"
    path.write_text(
        '"""A <module>."""\nraise SystemExit\n'
        'def f(x: int = 1, *, y="a") -> str:\n    """Do."""\n'
        'class C(Base):\n    """A class."""\n    def g(self):\n        """Go."""\n    def _h(self): ...\n'
    )
    module = api.read(path, "one")
    assert [item.signature for item in module.items] == ["f(x: int=1, *, y='a') -> str", "class C(Base)"]
    page = api.module_html(module)
    assert "A &lt;module&gt;." in page and "id='one.C.g'" in page and "_h" not in page


def test_the_page_names_every_module():
    names = {module.name for module in api.modules()}
    assert {"mtlib", "mtlib.evidence.claims", "mtlib.corpora.datasets.fma"} <= names
    assert len(names) == len(list((paths.ROOT / "mtlib").rglob("*.py"))) - 1
