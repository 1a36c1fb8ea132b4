"""One running inference engine as its supervisor sees it, and what it is asked for."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .engine import Prompt, Rollout, Sampling

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Request:
    """One sample of one prompt."""

    prompt_index: int
    sample_index: int
    """Which of the prompt's samples, from 0."""
    prompt: Prompt
    seed: int
    """Follows from the sampling's seed and the two indices alone: a request that is repeated gives the same tokens."""


def requests_for(prompts: Sequence[Prompt], sampling: Sampling) -> list[Request]:
    """`sampling.num_samples` requests of each prompt, those of a prompt next to one another."""
    return [
        Request(prompt_index, sample_index, prompt, _seed(sampling.seed, prompt_index, sample_index))
        for prompt_index, prompt in enumerate(prompts)
        for sample_index in range(sampling.num_samples)
    ]


def _seed(seed: int, prompt_index: int, sample_index: int) -> int:
    digest = hashlib.sha256(f"{seed} {prompt_index} {sample_index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1  # 63 bits, as every generator of random numbers takes them


class Replica(Protocol):
    """One running engine with weights of its own.

    Whatever goes wrong in it (a process that died, a refused connection, an HTTP error, no progress, a bad answer)
    raises `EngineFailedError`, which says in words what happened; a caller's mistake raises `ValueError`. After an
    `EngineFailedError` the only call that makes sense is `close`. It is built in a thread that outlives it, so its
    process may ask to be killed when the thread that started it ends (PR_SET_PDEATHSIG).
    """

    def generate(self, requests: Sequence[Request], sampling: Sampling, deadline_s: float) -> Iterator[Rollout]:
        """Answer each request by a rollout with its `prompt_index` and `sample_index`, in any order, as they are done.

        `sampling.seed` and `sampling.num_samples` do not count: each request is one sample and has its own seed.
        Each rollout has the `weights_version` that the engine itself gives for it.
        `deadline_s`: after so many seconds without any progress the replica hangs, which is an `EngineFailedError`.
        """
        ...

    def load_folder(self, folder: Path, version: int) -> None:
        """From now on sample from the weights in `folder`, which `write_weight_folder` wrote, under this version.

        What was cached of prefixes under the old weights is forgotten.
        """
        ...

    @property
    def doubts(self) -> Sequence[str]:
        """What may be wrong with it though it started, such as that its version is not one that was tested."""
        ...

    def version(self) -> int:
        """The version of the weights that the engine itself says it has, not one that this side remembers."""
        ...

    def sleep(self) -> None:
        """Free the accelerator's memory, if there is one, until `wake_up`; weights are pushed only when awake."""
        ...

    def wake_up(self) -> None:
        """Take the memory back."""
        ...

    def close(self) -> None:
        """End it, whatever state it is in: nothing of it runs afterwards.

        May be called twice, and while another thread is in one of the calls above, which ends with `EngineFailedError`.
        """
        ...


class SharingReplica(Replica, Protocol):
    """A replica on the trainer's own GPU."""

    def load_shared(self, weights: "Iterable[tuple[str, Tensor]]", version: int) -> None:
        """As `load_folder`, out of the memory where the trainer has them, which stay as they are until it returns."""
        ...
