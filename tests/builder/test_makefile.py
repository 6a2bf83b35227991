"""The Makefile sets up an environment: builds of PyTorch by machine, and what was interrupted, completed."""

import os
import platform
import shutil
import subprocess
import sys
import threading
import venv
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pip
import pytest

from mtlib.base import paths

CPU, CUDA = "2.11.0+cpu", "2.11.0"

HAS_CHOICE = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="this machine has one build only"
)

BACKEND = """
import zipfile
def build_editable(folder, *_):
    with zipfile.ZipFile(f"{folder}/mtlib-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("mtlib-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: mtlib\\nVersion: 1\\n")
        wheel.writestr("mtlib-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("mtlib-1.dist-info/RECORD", "")
    return "mtlib-1-py3-none-any.whl"
"""


def write_wheel(folder: Path, name: str, version: str, files: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name}-{version}"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for file in files:
            wheel.writestr(file, "")
        about = f"{stem}.dist-info"
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Address of a server with two indexes, ``registry`` and ``cpu``, and the paths it was asked for."""
    root = tmp_path_factory.mktemp("index")
    for name in ("torch", "torchaudio"):
        write_wheel(root / "cpu" / name, name, CPU, (f"{name}/__init__.py",))
        write_wheel(root / "registry" / name, name, CUDA, (f"{name}/__init__.py", "nvidia/cublas.so"))
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=root))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


@pytest.fixture
def folder(tmp_path) -> Path:
    """A repository in miniature, with an environment that has this one's pip."""
    shutil.copy(paths.ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "lock.txt"):
        (tmp_path / name).write_text(f"torch=={CUDA}\ntorchaudio=={CUDA}\n")
    system = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    (tmp_path / "pyproject.toml").write_text(f"[project]\nname = 'mtlib'\nversion = '1'\n{system}")
    (tmp_path / "backend.py").write_text(BACKEND)
    venv.create(tmp_path / ".venv", symlinks=True)
    here = Path(pip.__file__).parents[1]
    for part in (here / "pip", *here.glob("pip-*.dist-info")):
        (packages(tmp_path) / part.name).symlink_to(part)
    return tmp_path


def packages(folder: Path) -> Path:
    return next((folder / ".venv" / "lib").glob("python3*/site-packages"))


def versions(folder: Path) -> list[str]:
    return sorted(path.name.removesuffix(".dist-info") for path in packages(folder).glob("torch*.dist-info"))


def make(folder: Path, address: str, *arguments: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE"))}
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": f"{address}/registry"}
    return subprocess.run(
        ["make", "BACKEND=", f"PYTHON={sys.executable}", f"TORCH_INDEX={address}/cpu", *arguments],
        cwd=folder, env={**kept, **settings}, capture_output=True, text=True,
    )  # fmt: skip


@HAS_CHOICE
def test_without_a_driver_the_cpu_builds_are_installed(folder, index):
    result = make(folder, index[0], "DRIVER=", ".venv/ready")
    assert result.returncode == 0, result.stderr
    assert versions(folder) == [f"torch-{CPU}", f"torchaudio-{CPU}"]
    assert "CUDA" not in result.stdout
    assert "up to date" in make(folder, index[0], "DRIVER=", ".venv/ready").stdout


@HAS_CHOICE
def test_where_the_index_is_silent_the_cuda_builds_are_installed_and_kept(folder, index):
    nobody = "TORCH_INDEX=http://127.0.0.1:1/cpu"
    result = make(folder, index[0], nobody, "DRIVER=", ".venv/ready")
    assert result.returncode == 0, result.stderr
    assert "no CPU builds of PyTorch from http://127.0.0.1:1/cpu: installing the CUDA builds" in result.stdout
    assert versions(folder) == [f"torch-{CUDA}", f"torchaudio-{CUDA}"]
    (folder / "requirements.txt").touch()
    assert make(folder, index[0], "DRIVER=", ".venv/ready").returncode == 0
    assert versions(folder) == [f"torch-{CUDA}", f"torchaudio-{CUDA}"]


@HAS_CHOICE
def test_a_driver_takes_the_cuda_builds(folder, index, monkeypatch):
    (folder / "nvidia-smi").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    index[1].clear()
    result = make(folder, index[0], ".venv/ready")
    assert result.returncode == 0, result.stderr
    assert versions(folder) == [f"torch-{CUDA}", f"torchaudio-{CUDA}"]
    assert not [path for path in index[1] if path.startswith("/cpu")]


@HAS_CHOICE
@pytest.mark.parametrize(
    ("torch", "driver", "builds"),
    [("auto", "", "cpu"), ("auto", "nvidia-smi", "cuda"), ("cpu", "nvidia-smi", "cpu"), ("cuda", "", "cuda")],
)
def test_the_choice_follows_what_is_asked_and_what_is_there(folder, index, torch, driver, builds):
    rule = "--eval=show: ; @echo $(BUILDS)"
    assert make(folder, index[0], f"TORCH={torch}", f"DRIVER={driver}", rule, "show").stdout.strip() == builds


def test_an_unknown_choice_is_refused(folder, index):
    result = make(folder, index[0], "TORCH=gpu", ".venv/ready")
    assert result.returncode and "TORCH is auto, cpu or cuda, got 'gpu'" in result.stdout
    assert versions(folder) == []


@pytest.mark.parametrize(
    "left",
    ["no pip", *(pytest.param(f"half of {what}", marks=pytest.mark.slow) for what in ("pip", "the environment"))],
)
def test_an_interrupted_environment_is_completed(folder, index, left):
    for part in packages(folder).glob("pip*"):
        part.unlink()
    if left == "half of pip":
        (packages(folder) / "pip").mkdir()
        (packages(folder) / "pip" / "__init__.py").write_text("__version__ = '1'\n")
        (packages(folder) / "pip" / "__main__.py").write_text("raise SystemExit(2)\n")
    if left == "half of the environment":
        (folder / ".venv" / "pyvenv.cfg").unlink()
        shutil.rmtree(folder / ".venv" / "bin")
    result = make(folder, index[0], ".venv/ready")
    assert result.returncode == 0, result.stderr
    assert len(versions(folder)) == 2
