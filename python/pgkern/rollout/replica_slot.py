"""A place among the engines: how a replica for it is built, the one that runs there, and how often it has failed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite

from .cancellation import Cancellation
from .engine import EngineFailedError, Rollout, Sampling
from .replica import Replica, Request


@dataclass
class ReplicaSlot:
    """Builds its replica when there is none and believes nothing that it answers."""

    name: str
    build: Callable[[], Replica]
    deadline_s: float
    cancellation: Cancellation = field(default_factory=Cancellation)
    """Whether the engine is being closed, while which nothing new is begun."""
    replica: Replica | None = None
    has_run: bool = False
    """Whether one ever started; where the first does not, the next will not either."""
    failures: list[str] = field(default_factory=list)
    """In a row: since a share of requests was last answered whole."""
    asleep: bool = False
    doubts: list[str] = field(default_factory=list)
    """What the replica that was built last says may be wrong with it, until somebody is told."""

    def bring_up(self, push: Callable[[Replica], None], version: int) -> None:
        """Build a replica if there is none, and give it the weights. Raises `EngineFailedError`.

        And `ValueError` for what can be seen to be wrong with the first: a later one is as the first was, unless it
        failed.
        """
        has_run = self.has_run
        try:
            replica = self.replica or self._built()
            self.wake_up()
            push(replica)
            found = replica.version()
        except ValueError as error:
            if has_run:
                raise EngineFailedError(f"it is not what it was: {error}") from error
            raise
        if found != version:
            raise EngineFailedError(f"it says that it has the weights of version {found}, expected {version}")

    def _built(self) -> Replica:
        """There when it was not cancelled: whoever cancels first does so and then closes what is there."""
        if not self.cancellation.is_cancelled:
            replica = self.replica = self.build()
            self.asleep, self.has_run = False, True
            self.doubts = list(replica.doubts)
            if not self.cancellation.is_cancelled:
                return replica
            self.close()
        raise EngineFailedError("the engine was closed while it started")

    def answers(self, requests: Sequence[Request], sampling: Sampling, version: int) -> Iterator[Rollout]:
        """Each request's rollout, looked at. Raises `EngineFailedError` for one that cannot be true."""
        assert self.replica is not None
        self.wake_up()
        unanswered = {(request.prompt_index, request.sample_index) for request in requests}
        for rollout in self.replica.generate(requests, sampling, self.deadline_s):
            key = rollout.prompt_index, rollout.sample_index
            if key not in unanswered:
                raise EngineFailedError(f"it answered sample {key[1]} of prompt {key[0]}, which it was not asked for")
            unanswered.remove(key)
            _require_possible(rollout, sampling, version)
            yield rollout
        if unanswered:
            raise EngineFailedError(f"it answered {len(requests) - len(unanswered)} of {len(requests)} requests")

    def sleep(self) -> None:
        """Free the accelerator's memory until the replica is used again."""
        if self.replica is not None and not self.asleep:
            self.replica.sleep()
            self.asleep = True

    def wake_up(self) -> None:
        """Nothing where it is awake."""
        if self.replica is not None and self.asleep:
            self.replica.wake_up()
            self.asleep = False

    def close(self) -> None:
        """End the replica, if there is one."""
        replica, self.replica = self.replica, None
        if replica is not None:
            replica.close()


def _require_possible(rollout: Rollout, sampling: Sampling, version: int) -> None:
    if rollout.weights_version != version:
        raise EngineFailedError(f"a rollout is of the weights of version {rollout.weights_version}, expected {version}")
    length, num_log_probs = len(rollout.response_ids), len(rollout.log_probs)
    if not 1 <= length <= sampling.max_tokens:
        raise EngineFailedError(f"a rollout has {length} tokens, expected 1 to {sampling.max_tokens}")
    if num_log_probs != length:
        raise EngineFailedError(f"a rollout has {num_log_probs} log-probabilities of {length} tokens")
    if not all(map(isfinite, rollout.log_probs)):
        raise EngineFailedError("a rollout's log-probabilities are not finite")
