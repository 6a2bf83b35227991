"""Where to compute, and how precisely: the same names on a CPU and on a GPU."""

import ctypes
import sys
from functools import cache
from typing import Any

import torch

from ..base.errors import InputError


def resolve_device(device: str = "auto") -> torch.device:
    """Return the device that a name stands for; "auto" is the GPU where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda"):
        n_there = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (torch.device(device).index or 0) >= n_there:
            reason = f"{n_there} GPUs, counted from 0" if n_there else "no CUDA on this machine"
            raise InputError(f"device {device!r} is not there: {reason}; use cpu or auto")
        torch.backends.cudnn.allow_tf32 = False  # it keeps 10 of the 23 bits of "float32"
    return torch.device(device)


def best_precision(device: str | torch.device = "cpu") -> str:
    """Return "bf16" where the device computes in 16-bit floats, otherwise "float32"."""
    if torch.device(device).type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "float32"


def capability(device: str) -> tuple[str, str]:
    """Return, as a run's spec names them, the kind of a device and its best precision."""
    found = resolve_device(device)
    return "cuda" if found.type == "cuda" else "", best_precision(found)


def move(listener: Any, device: str | torch.device) -> None:
    """Bring front end and network of a tagger or an extractor to a device, in the layout that is fast there."""
    keep_freed_memory()
    listener.frontend.to(device)
    listener.network.to(device, memory_format=torch.channels_last)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which a network computes at "bf16" or "float32"."""
    if precision not in ("bf16", "float32"):
        raise InputError(f"precision must be 'bf16' or 'float32', got {precision!r}")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")


@cache
def keep_freed_memory() -> bool:
    """Let this process keep the memory of freed tensors for the next ones; True where that works (glibc).

    A training step frees and takes the same hundreds of megabytes again and again. Handing them back to
    the system each time costs a third of a step on a CPU, in page faults.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    no_separate_maps, keep_below_1_gib = (-4, 0), (-1, 2**30)  # M_MMAP_MAX, M_TRIM_THRESHOLD of malloc.h
    return bool(mallopt(*no_separate_maps)) and bool(mallopt(*keep_below_1_gib))
