"""`pgkern info`: versions, devices, and which implementation of the losses is used here."""

import argparse
import os
import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("pgkern", "numpy", "torch", "triton", "transformers", "tokenizers", "vllm")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("info", help="show versions, devices and which kernels are used here")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what a bug report should begin with."""
    print(f"python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores")
    for package in _PACKAGES:
        print(f"{package}: {_version(package)}")
    print("verification: Rust, on all cores; batching: Rust")
    if _version("torch") == _MISSING:
        print("losses: torch is not installed")
        return 0
    import torch

    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    print(f"devices: cpu{''.join(f', {name}' for name in devices)}")
    print("losses on cpu: torch in chunks, one pass")
    if devices:
        from ..policy.backend import use_triton

        rows = "Triton kernels" if use_triton(torch.empty(0, device="cuda"), torch.float32) else "torch"
        print(f"losses on cuda: products by cuBLAS, rows by {rows}, one pass")
    return 0


_MISSING = "not installed"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return _MISSING
