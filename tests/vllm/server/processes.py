"""Which processes came of which, and what they hold."""

from contextlib import suppress
from pathlib import Path


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return state_of(pid) != "Z"
    return False


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def descendants(pid: int) -> list[int]:
    """The process itself, its children, and theirs."""
    found = [pid]
    for each in found:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if int((process / "stat").read_text().rpartition(")")[2].split()[1]) == each:
                    found.append(int(process.name))
    return found


def server_processes(address: str) -> list[int]:
    """The API server that listens there and vLLM's processes that came of it; empty when it has ended."""
    for process in Path("/proc").glob("[0-9]*"):
        words = words_of(process)
        if address.removeprefix("unix:") in words and words[1] == "-m":  # the guard has it in its command too
            return descendants(int(process.name))
    return []


def engine_core(address: str) -> int:
    (engine,) = [pid for pid in server_processes(address) if "EngineCore" in words_of(Path(f"/proc/{pid}"))[0]]
    return engine


def shared_memory_of(pid: int) -> set[str]:
    """Names in /dev/shm that the process has mapped."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        return {line.split("/dev/shm/")[1].removesuffix(" (deleted)") for line in lines if "/dev/shm/" in line}
    return set()


def words_of(process: Path) -> list[str]:
    with suppress(OSError):
        return (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    return []
