"""A disk that takes no more, made so by the kernel: a limit on file sizes, a small tmpfs, a read-only folder."""

import os
import resource
import signal
import subprocess
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from pgkern.train.files.storage_error import StorageError, writing
from pgkern.train.saving.checkpoints import Checkpoints

NOBODY = 65534


def in_child(action: Callable[[], None]) -> None:
    """Run the action in a process of its own, since limits and users cannot be taken back."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            action()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def write_small(new: Path) -> None:
    with (new / "weights.pt").open("wb") as file:
        torch.save({"a": torch.zeros(100)}, file)


def write_large(new: Path) -> None:
    with (new / "weights.pt").open("wb") as file:
        torch.save({"a": torch.zeros(1_000_000)}, file)


def write_large_safetensors(new: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1_000_000)}, new / "weights.safetensors")


WRITES = pytest.mark.parametrize("write", [write_large, write_large_safetensors])


def check_failed_save(folder: Path, write: Callable[[Path], None], reason: str) -> str:
    """A save that fails for want of room, then one that fits; the message."""
    checkpoints = Checkpoints(folder, keep=1)
    good = checkpoints.save(1, write_small, reward=0.5)
    with pytest.raises(StorageError) as caught:
        checkpoints.save(2, write, reward=1.0)
    message = str(caught.value)
    assert message.startswith(
        f"the checkpoint of step 2 could not be written to {folder / 'step-00000002'}: {reason} ("
    )
    assert "MB free" in message
    assert "\n" not in message
    assert sorted(os.listdir(folder)) == ["best", "latest", good.name]
    assert Checkpoints(folder, keep=1).newest() == good
    assert checkpoints.save(2, write_small, reward=1.0) == checkpoints.newest()
    return message


@WRITES
def test_a_file_that_the_system_cuts_off(tmp_path: Path, write: Callable[[Path], None]) -> None:
    def action() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        check_failed_save(tmp_path, write, "File too large")

    in_child(action)


@WRITES
def test_a_full_disk(tmp_path: Path, write: Callable[[Path], None]) -> None:
    with tmpfs(tmp_path / "disk", "2m") as disk:
        message = check_failed_save(disk / "checkpoints", write, "No space left on device")
    assert "of 2.1 MB free" in message


def test_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    good = Checkpoints(folder, keep=1).save(1, write_small, reward=None)

    def action() -> None:
        if os.getuid() == 0:  # root writes everywhere
            for parent in (tmp_path, *tmp_path.parents[:3]):
                parent.chmod(0o755)
            os.setuid(NOBODY)
        checkpoints = Checkpoints(folder, keep=1)
        with pytest.raises(StorageError, match=r"the checkpoint of step 2 could not .*: Permission denied \(.*MB free"):
            checkpoints.save(2, write_small, reward=None)

    folder.chmod(0o555)
    try:
        in_child(action)
    finally:
        folder.chmod(0o755)
    assert Checkpoints(folder, keep=1).newest() == good


def test_a_read_only_disk(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "2m") as disk:
        good = Checkpoints(disk / "checkpoints", keep=1).save(1, write_small, reward=None)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(StorageError, match=r"Read-only file system .*MB free, mounted read-only"):
            Checkpoints(disk / "checkpoints", keep=1).save(2, write_small, reward=None)
        assert good.exists()


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"), writing("the checkpoint", Path("x")):
        raise RuntimeError("shapes differ")


def test_an_error_is_told_once() -> None:
    with pytest.raises(StorageError) as caught, writing("the run", Path("a")), writing("the report", Path("b")):
        raise OSError(28, "No space left on device")
    assert str(caught.value).startswith("the report could not be written to b: No space left on device (")


def test_a_device_that_is_always_full() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    full = Path("/dev/full")
    message = "the metrics could not be written to /dev/full: No space left on device"
    with pytest.raises(StorageError, match=message), writing("the metrics", full), full.open("wb", buffering=0) as file:
        file.write(b"x")
