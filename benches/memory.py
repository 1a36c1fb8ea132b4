"""How much more memory a call needs than what is there before it: for a fresh process that does nothing else."""

import ctypes
import gc
import resource
import sys
from collections.abc import Callable
from pathlib import Path

_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_growth(run: Callable[[], object]) -> tuple[int, str]:
    """Bytes by which resident memory rose above its level before `run`, at the worst moment, and how that was read.

    Where Linux lets us, the kernel's peak (VmHWM) is reset just before; elsewhere it is the peak of the whole process,
    which is the same thing unless preparing the inputs took more than `run`.
    """
    gc.collect()
    _give_free_memory_back()
    reset = _reset_peak()
    before = _resident()
    result = run()
    peak = _peak()
    del result
    return max(0, peak - before), "VmHWM, reset before the call" if reset else "peak of the process"


def _reset_peak() -> bool:
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True


def _resident() -> int:
    field = _status_bytes("VmRSS")
    return _peak() if field is None else field


def _peak() -> int:
    field = _status_bytes("VmHWM")
    if field is not None:
        return field
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _status_bytes(field: str) -> int | None:
    if not _STATUS.exists():
        return None
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return None


def _give_free_memory_back() -> None:
    """What the C library keeps of freed memory would hide that much of the call's own."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
