"""A GPU on paper: code runs with device="cuda" on a machine without one, with the numbers of the CPU.

Within `gpu()` a tensor "on cuda:0" is a CPU tensor in disguise. It refuses what CUDA refuses (operands on two
devices, its values as an array), and the `Ledger` notes what CUDA allows and pays for: copies between host and
device, places where the host waits for the device, values of 64 bits. Results are those of the CPU, bit for bit.
Kernels, speed, memory, streams and CUDA's own rounding are not on this paper.
"""

import contextlib
import traceback
from collections import Counter
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._mode_utils import no_dispatch
from torch.utils._pytree import tree_flatten, tree_map

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")

WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "equal", "is_nonzero", "bincount"}
"""Operations whose result, or its size, the host needs before it can go on."""


class Ledger:
    """What happened between host and device, by kind and by our line of code."""

    def __init__(self):
        self.waits, self.doubles = Counter(), Counter()

    def copied(self, kind, *, waits):
        if waits:
            self.waits[kind, _where()] += 1

    def n_waits(self):
        return sum(self.waits.values())


LEDGER = Ledger()


def _where():
    ours = [frame for frame in traceback.extract_stack() if "/mtlib/" in frame.filename or "/book/" in frame.filename]
    return f"{ours[-1].filename.rsplit('/', 1)[-1]}: {ours[-1].line}" if ours else "a test"


class OnPaper(torch.Tensor):
    """A tensor that says it is on cuda:0; `values` are on the CPU."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    device, is_cuda, is_cpu = (property(lambda self, told=told: told) for told in (CUDA, True, False))

    @staticmethod
    def __new__(cls, values):
        return torch.Tensor._make_wrapper_subclass(
            cls, values.shape, strides=values.stride(), storage_offset=values.storage_offset(), dtype=values.dtype
        )

    def __init__(self, values):
        self.values_ = values

    def __repr__(self, **_):
        return f"OnPaper({self.values_})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), func._schema.name.removeprefix("aten::")
        given = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.Tensor)]
        kwargs.pop("pin_memory", None)
        _check(name, func, args, [value for value in given if not isinstance(value, OnPaper)])
        if name in WAITS:
            LEDGER.waits[name, _where()] += 1
        known = {id(value.values_): value for value in given if isinstance(value, OnPaper)}
        result = func(*tree_map(_bare, args), **tree_map(_bare, kwargs))
        if name == "copy_" and not isinstance(args[0], OnPaper):
            return args[0]
        if torch.Tag.inplace_view in func.tags:  # such as transpose_: the disguise changes its shape, too
            with no_dispatch():
                func(*args, **kwargs)
        new = [one for one in tree_flatten(result)[0] if isinstance(one, torch.Tensor)]
        if any(one.dtype == torch.float64 for one in new):
            LEDGER.doubles[name, _where()] += 1
        known |= {id(one): OnPaper(one) for one in new if id(one) not in known}  # in place: the argument itself
        return tree_map(lambda one: known[id(one)] if isinstance(one, torch.Tensor) else one, result)


def _bare(value):
    return value.values_ if isinstance(value, OnPaper) else value


def _check(name, func, args, others):
    """Refuse operands on the host, but for copies, indices, and single numbers in operations by element."""
    if not others:
        return
    if name == "copy_":
        LEDGER.copied("copy", waits=not (len(args) > 2 and args[2] and hasattr(args[1], "pinned")))
        return
    if name.startswith(("index", "_index_put", "_unsafe_index")) and isinstance(args[0], OnPaper):
        indices = {id(value) for value in tree_flatten(args[1])[0]}
        for _ in (value for value in others if id(value) in indices):
            LEDGER.copied("indices", waits=True)
        others = [value for value in others if id(value) not in indices]
    if torch.Tag.pointwise in func.tags:
        others = [value for value in others if value.ndim]
    if others:
        shapes = ", ".join(str(tuple(value.shape)) for value in others)
        raise RuntimeError(f"{name}: operands on cuda:0 and, of shape {shapes}, on cpu; {_where()}")


class _Devices(TorchFunctionMode):
    """Reads where a call wants its result, before PyTorch does."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        first = args[0] if args else None
        if name in ("numpy", "__array__") and isinstance(first, OnPaper):
            raise TypeError(f"can't convert cuda:0 device type tensor to numpy; {_where()}")
        if name == "untyped_storage" and isinstance(first, OnPaper):  # who writes files asks for it
            return func(first.values_)
        if name in ("to", "cpu", "cuda") and isinstance(first, torch.Tensor):
            given = {"cpu": (CPU,), "cuda": (CUDA,)}.get(name, args[1:])
            device, dtype, free, layout = torch._C._nn._parse_to(*given, **kwargs)
            changes = {"dtype": dtype, "memory_format": layout}
            changes = {key: value for key, value in changes.items() if value is not None}
            return _moved(torch.Tensor.to(first, **changes) if changes else first, device, free)
        if (device := kwargs.get("device")) is None or torch.device(device).type != "cuda":
            return func(*args, **kwargs)
        del kwargs["device"]
        result = func(*args, **kwargs)
        if name in ("as_tensor", "tensor"):
            return _moved(result, CUDA, False)
        return result if isinstance(result, OnPaper) else OnPaper(result)


def _moved(tensor, device, free):
    is_there, goes = isinstance(tensor, OnPaper), (device or tensor.device).type == "cuda"
    if is_there == goes:
        return tensor
    LEDGER.copied("copy", waits=not (free and goes and hasattr(tensor, "pinned")))
    values = _bare(tensor).detach().clone()
    return OnPaper(values) if goes else values


def _pinned(tensor):
    """Mark memory that the device can read while the host goes on; a loader's thread calls it, too."""
    copy = tensor.clone()
    copy.pinned = True
    return copy


@contextlib.contextmanager
def gpu():
    """Let this machine have one GPU of 140 GiB, on paper; yield a new ledger."""
    LEDGER.__init__()
    autocast, free = torch.autocast, 140 << 30
    answers = {
        "is_available": True, "device_count": 1, "current_device": 0, "is_bf16_supported": True,
        "mem_get_info": (free, free), "memory_reserved": 0, "memory_allocated": 0, "max_memory_allocated": 0,
        "get_device_name": "GPU on paper", "get_rng_state": torch.get_rng_state(), "is_current_stream_capturing": False,
    }  # fmt: skip
    nothing = ("reset_peak_memory_stats", "set_rng_state", "manual_seed_all", "empty_cache")
    with contextlib.ExitStack() as stack:
        for name in (*answers, *nothing):
            stack.enter_context(mock.patch.object(torch.cuda, name, mock.Mock(return_value=answers.get(name))))
        as_cpu = lambda kind, **more: autocast(kind.replace("cuda", "cpu"), **more)  # noqa: E731
        stack.enter_context(mock.patch.object(torch, "autocast", as_cpu))
        stack.enter_context(mock.patch.object(torch.Tensor, "pin_memory", _pinned))
        stack.enter_context(mock.patch.object(torch.backends.cudnn, "is_acceptable", lambda tensor: False))
        before = torch.__future__.get_overwrite_module_params_on_conversion()
        torch.__future__.set_overwrite_module_params_on_conversion(True)  # a moved module takes new parameters
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, before)
        stack.enter_context(_Devices())
        yield LEDGER
