"""Where a number comes from: commit, versions, device, time; stored beside every run and recorded result."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from . import paths

if TYPE_CHECKING:
    import torch

PACKAGES = ("torch", "torchaudio", "numpy", "scipy", "scikit-learn", "librosa")


def commit() -> str:
    """Return the short commit of the repository, with "+" where tracked files differ from it."""
    if not (paths.ROOT / ".git").exists():  # git would answer for a repository around this folder
        return "unknown"
    git = ["git", "-C", str(paths.ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        return "unknown"
    changed = subprocess.run([*git, "diff-index", "--quiet", "HEAD", "--"], capture_output=True)
    return head.stdout.strip() + ("+" if changed.returncode else "")


def device_name(device: "str | torch.device" = "cpu") -> str:
    """Return the name of a device and, for a CPU, its number of cores."""
    if str(device).startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} cores"


def stamp(device: "str | torch.device" = "cpu", **more: object) -> dict[str, object]:
    """Return a provenance record: commit, versions, device, UTC time, and whatever else is given."""
    return {
        "commit": commit(),
        "device": device_name(device),
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in PACKAGES},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        **more,
    }
