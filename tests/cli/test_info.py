import subprocess
import sys
from importlib.metadata import version


def test_versions_and_what_computes_the_losses_are_told() -> None:
    command = [sys.executable, "-W", "error", "-m", "pgkern", "info"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    lines = result.stdout.splitlines()
    for package in ("pgkern", "torch", "numpy"):
        assert f"{package}: {version(package)}" in lines
    assert any(line.startswith("losses on cpu: torch in chunks") for line in lines)


def test_without_torch_it_says_so() -> None:
    code = (
        "import importlib.metadata as m, sys\n"
        "real = m.version\n"
        "def version(name):\n"
        "    if name == 'torch': raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "m.version = version\n"
        "sys.modules['torch'] = None\n"
        "from pgkern.cli import main\n"
        "raise SystemExit(main(['info']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "losses: torch is not installed" in result.stdout.splitlines()
