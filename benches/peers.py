"""Other libraries that compute the same; each is optional, and who is absent is named.

Their errors are measured as everyone's are, so a peer that computes something else shows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from .suite import Provider


@dataclass(frozen=True)
class Peer:
    """A library's function: its package, how it is called on the inputs, and the devices it runs on."""

    name: str
    package: str
    make: Callable[[], Provider]
    devices: tuple[str, ...] = ("cuda",)


def installed_peers(peers: Iterable[Peer], device: str) -> tuple[dict[str, Provider], list[str]]:
    """The peers that there are and that run on this device, and a line for each other one."""
    found: dict[str, Provider] = {}
    missing = []
    for peer in peers:
        if find_spec(peer.package) is None:
            missing.append(f"{peer.name} is left out: the package {peer.package} is not installed")
        elif device not in peer.devices:
            missing.append(f"{peer.name} is left out: it does not run on {device}")
        else:
            try:
                found[peer.name] = peer.make()
            except Exception as error:  # another release than the one it was written for, or what that one needs
                said = str(error).split(" (/")[0]  # without the path that an import error names
                missing.append(f"{peer.name} is left out: {type(error).__name__}: {said}")
    return found, missing
