"""Where and on what a figure was measured: device, versions, commit, code."""

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Iterable
from glob import glob
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
"""The repository."""


def environment(device: str) -> dict[str, Any]:
    """What to know about a figure, for its record; `device` is "cpu" or "cuda"."""
    return {
        "device": describe_device(device),
        "load_average": round(os.getloadavg()[0], 2),  # other processes' work, when above 0 at the start
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        **_commit(),
        "code": code_digest(),
    }


def code_digest() -> str:
    """Of every Python file of the benches and of the installed package: two figures with the same one measured the same
    code, in a checkout, in a copy of one without git, and from an installed wheel."""
    package = find_spec("pgkern")
    return digest_of([Path(__file__).parent, *map(Path, (package.submodule_search_locations or []) if package else [])])


def digest_of(folders: Iterable[Path]) -> str:
    """Of the names and the content of every Python file beneath them, wherever they are."""
    digest = hashlib.sha256()
    for folder in folders:
        for name in sorted(glob("**/*.py", root_dir=folder, recursive=True)):  # which follows the link to the kernels
            digest.update(f"{name}\0".encode() + (folder / name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def describe_device(device: str) -> dict[str, Any]:
    """The processor's model and cores, and the GPU's if that is what was measured."""
    found: dict[str, Any] = {
        "kind": device,
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }
    if device == "cuda":
        import torch

        found["gpu"] = torch.cuda.get_device_name()
        found["gpu_memory_gib"] = round(torch.cuda.get_device_properties().total_memory / 2**30, 1)
        found["cuda"] = torch.version.cuda or f"HIP {torch.version.hip}"
    return found


def device_label(device: dict[str, Any]) -> str:
    """The device in a few words, for titles."""
    cpu = f"{device['cpu']}, {device['cores']} cores"
    return f"{device['gpu']} ({cpu})" if "gpu" in device else cpu


def device_name(device: dict[str, Any]) -> str:
    """The device in a file's name: "cpu", or the GPU's model without its maker, such as "h200"."""
    if "gpu" not in device:
        return "cpu"
    words = re.findall("[a-z0-9]+", device["gpu"].lower())
    return "-".join(word for word in words if word not in _MAKERS) or "gpu"


_MAKERS = ("nvidia", "amd", "tesla", "geforce", "instinct", "radeon")


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_PACKAGES = ("pgkern", "torch", "triton", "numpy", "math-verify", "transformers", "peft", "trl")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]))
    name = fields.get("model name", platform.machine())
    if "model" in fields:
        name += f" (family {fields.get('cpu family', '?')} model {fields['model']})"
    return name


def _commit() -> dict[str, Any]:
    """The commit, and whether tracked or new files differ from it; results of benches do not count."""
    head = _git("rev-parse", "HEAD")
    if head is None:
        return {"commit": None, "dirty": None}
    return {"commit": head, "dirty": bool(_git("status", "--porcelain", "--", ":/", ":(top,exclude)benches/results"))}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
