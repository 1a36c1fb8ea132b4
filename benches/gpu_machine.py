"""Whether this interpreter can run what needs a GPU: `python -m benches.gpu_machine [MODULE ...]`, which needs nothing.

Prints what there is and ends with 0, or says everything that is missing and ends with 1. Modules beyond those that the
library itself needs are asked for as well.
"""

import sys
from importlib import import_module
from pathlib import Path


def missing(modules: list[str]) -> list[str]:
    """A line for each thing that is not there."""
    lines = []
    for name in modules:
        try:
            module = import_module(name)
        except Exception as error:  # also a shared library of it that is not there
            lines.append(f"{name} cannot be imported: {error}")
        else:
            print(f"{name} {getattr(module, '__version__', '')} from {Path(module.__file__ or '').parent}")
    if "torch" in sys.modules:
        cuda = sys.modules["torch"].cuda
        if cuda.is_available():
            print(f"device: {cuda.get_device_name()}")
        else:
            lines.append("torch sees no CUDA device")
    return lines


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]} at {sys.executable}")
    found_missing = missing(["numpy", "torch", "triton", "pgkern", *sys.argv[1:]])
    for line in found_missing:
        print(f"MISSING: {line}", file=sys.stderr)
    if found_missing:
        print("nothing was run; name an interpreter that has it all: make GPU_PYTHON=...", file=sys.stderr)
    sys.exit(1 if found_missing else 0)
