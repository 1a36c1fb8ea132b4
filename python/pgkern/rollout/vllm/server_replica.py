"""A vLLM server as a replica: one that this process started, or one that runs elsewhere under an address."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..cancellation import Cancellation
from ..engine import EngineFailedError, Rollout, Sampling
from ..replica import Request
from .arguments import VllmArguments
from .completion import completion_body, read_completion
from .concurrent_posts import ConcurrentPosts
from .server_check import check_server
from .server_connection import RefusedError, ask, ask_for_text, read_object
from .server_process import ServerProcess
from .weight_push import Ask, SharedFolder, WeightPush

_COMPLETIONS = "/v1/completions"
_PROGRESS = ("vllm:prompt_tokens_total{", "vllm:generation_tokens_total{")
_HEALTH_TIMEOUT_S = 2.0
_UPDATING = "updating"


class ServerReplica:
    """Speaks HTTP with one vLLM server (see `Replica`).

    The server is told a name for its weights that only this object gives, and every rollout has the version that the
    server's own name for them says: weights that the server has from elsewhere (it was restarted, somebody else pushed)
    are version -1.

    Args:
        address: `http://host:port` or `unix:/path/of/the.sock`.
        decode: the text of a response's token ids, without special tokens, as the trainer's tokenizer gives it.
        end_token_ids: they end a response, beside the end-of-text token that the server knows of.
        connections: as many requests are in flight at once, as far as this process may have so many.
        deadline_s: for whatever is not generation: a push, a question.
        process: of this server, ended by `close`; None leaves the server running.
        least_model_len: a server with less room is refused.
        can_sleep: whether the server was started with `--enable-sleep-mode`.
        weight_push: how weights come to it; by default it reads the folder, under the same path as this process.
        cancellation: ends whatever it is asked.

    Raises `EngineFailedError` when the server does not answer or has too little room, and `ValueError` when its vLLM is
    too old or was not started as it must be: with `VLLM_SERVER_DEV_MODE=1` and `--logprobs-mode processed_logprobs`.
    """

    def __init__(
        self,
        address: str,
        decode: Callable[[list[int]], str],
        *,
        end_token_ids: Sequence[int] = (),
        connections: int = 256,
        deadline_s: float = 300.0,
        process: ServerProcess | None = None,
        least_model_len: int = 0,
        can_sleep: bool = False,
        weight_push: Callable[[Ask], WeightPush] = SharedFolder,
        cancellation: Cancellation | None = None,
    ) -> None:
        if connections < 1:
            raise ValueError(f"connections is {connections}, expected at least 1")
        self.address = address
        self._decode, self._end_token_ids = decode, tuple(end_token_ids)
        self._connections, self._deadline_s = connections, deadline_s
        self._process, self._can_sleep = process, can_sleep
        self._cancellation = cancellation or Cancellation()
        self._pushed_by = uuid.uuid4().hex[:12]
        self._posts: ConcurrentPosts | None = None
        self._push: WeightPush | None = None
        self._is_closed, self._has_pushed = False, False
        self.max_model_len, self.doubts = least_model_len, tuple[str, ...]()
        try:
            with self._explained():
                self._look_at_it()
                self._push = weight_push(self._ask)
        except BaseException:
            self.close()
            raise

    @classmethod
    def start(
        cls,
        python: str,
        arguments: VllmArguments,
        log: Path,
        decode: Callable[[list[int]], str],
        *,
        start_deadline_s: float = 600.0,
        end_token_ids: Sequence[int] = (),
        connections: int = 256,
        deadline_s: float = 300.0,
        weight_push: Callable[[Ask], WeightPush] = SharedFolder,
        cancellation: Cancellation | None = None,
    ) -> "ServerReplica":
        """A replica with a server of its own: see `ServerProcess`."""
        process = ServerProcess(python, arguments, log, start_deadline_s=start_deadline_s, cancellation=cancellation)
        return cls(
            process.address,
            decode,
            end_token_ids=end_token_ids,
            connections=connections,
            deadline_s=deadline_s,
            process=process,
            can_sleep=arguments.sleep_mode,
            weight_push=weight_push,
            cancellation=cancellation,
        )

    def generate(self, requests: Sequence[Request], sampling: Sampling, deadline_s: float) -> Iterator[Rollout]:
        """See `Replica.generate`. Progress is an answer, or a token more in the server's own count (`/metrics`).

        An answer is given out after the server has said, later than the answer, which weights it has. Ending the
        iteration early aborts what is in flight.

        Raises `FloatingPointError` when log-probabilities are NaN, as `TransformersEngine` does.
        """
        bodies = [completion_body(request, sampling, self._end_token_ids) for request in requests]
        for request in requests:
            self._require_room(request, sampling)
        if not requests:
            return
        with self._explained():
            weights = self._weights_name(deadline_s)
            posts = ConcurrentPosts(self.address, _COMPLETIONS, bodies, self._connections, deadline_s)
            self._posts = posts
            try:
                remaining = len(requests)
                while remaining:
                    answers = self._wait(posts, deadline_s)
                    if (now := self._weights_name(deadline_s)) != weights:
                        raise EngineFailedError(
                            f"the weights of the vLLM server {self.address} changed while it generated: it named them "
                            f"{weights!r} and names them {now!r}"
                        )
                    version = self._version_of(weights)
                    for index, text in answers:
                        answer = read_object(text, f"the vLLM server {self.address}")
                        yield read_completion(answer, requests[index], sampling, self._decode, version)
                    remaining -= len(answers)
            finally:
                posts.close()

    def load_folder(self, folder: Path, version: int) -> None:
        """See `Replica.load_folder`.

        What is in flight is aborted first. Until all is done the server's name for its weights says that they change.
        """
        if version < 0:
            raise ValueError(f"version is {version}, expected at least 0")
        with self._explained():
            if self._has_pushed and self._is_another():
                self._look_at_it()
            self._name_weights(_UPDATING)
            # Requests of an iteration that was given up may still run; they would hold on to what the reset must free.
            self._ask("POST", "/pause?mode=abort")
            assert self._push is not None
            self._push.send(folder)
            # Keys and values of known prefixes were computed by the old weights.
            reset = self._ask("POST", "/reset_prefix_cache")
            if not reset.get("success", True):
                raise EngineFailedError(f"the vLLM server {self.address} did not reset its prefix cache")
            self._name_weights(f"{self._pushed_by}-{version}")
            self._ask("POST", "/resume")
            self._has_pushed = True

    def version(self) -> int:
        """See `Replica.version`; -1 for weights that were not pushed by this object."""
        with self._explained():
            return self._version_of(self._weights_name(self._deadline_s))

    def sleep(self) -> None:
        """See `Replica.sleep`."""
        if self._can_sleep:
            with self._explained():
                self._ask("POST", "/sleep?level=1")

    def wake_up(self) -> None:
        """See `Replica.wake_up`."""
        if self._can_sleep:
            with self._explained():
                self._ask("POST", "/wake_up")

    def close(self) -> None:
        """See `Replica.close`; a server that others started goes on. From another thread, it ends a generation."""
        self._is_closed = True
        if self._posts is not None:
            self._posts.close()
        if self._push is not None:
            self._push.close()
        if self._process is not None:
            self._process.close()

    def _look_at_it(self) -> None:
        """Whether it is a server as this object needs it; one that was restarted may not be."""
        room, doubts = check_server(self._ask_whether)
        if room < self.max_model_len:
            raise EngineFailedError(
                f"the vLLM server {self.address} has a max_model_len of {room}, and had one of {self.max_model_len}"
            )
        self.max_model_len, self.doubts = room, doubts

    def _is_another(self) -> bool:
        """Whether its weights are neither of a push of this object's nor of one that broke off, as after a restart."""
        name = self._weights_name(self._deadline_s)
        return name != _UPDATING and self._version_of(name) == -1

    def _ask_whether(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Where to be refused is an answer."""
        return ask(self.address, method, path, body, timeout_s=self._deadline_s, cancellation=self._cancellation)

    def _ask(self, method: str, path: str, body: object = None, timeout_s: float | None = None) -> dict[str, Any]:
        """What it did not refuse when it was looked at: where it does so now, it is not the server it was."""
        timeout_s = self._deadline_s if timeout_s is None else timeout_s
        try:
            return ask(self.address, method, path, body, timeout_s=timeout_s, cancellation=self._cancellation)
        except RefusedError as error:
            raise EngineFailedError(str(error)) from error

    def _wait(self, posts: ConcurrentPosts, deadline_s: float) -> list[tuple[int, str]]:
        look_every_s = min(5.0, deadline_s / 4)
        tokens, progress_at = -1.0, time.monotonic()
        while not self._is_closed:
            try:
                if answers := posts.wait(look_every_s):
                    return answers
            except RefusedError as error:
                if not error.is_the_requests_fault or (self._has_pushed and self._is_another()):
                    raise EngineFailedError(str(error)) from error
                if "not JSON compliant" in str(error):  # what the server makes of log-probs that are NaN
                    raise FloatingPointError(
                        "the model's logits are not finite: there is nothing to sample from"
                    ) from error
                raise
            if (now := self._tokens_so_far()) > tokens:
                tokens, progress_at = now, time.monotonic()
            elif time.monotonic() - progress_at > deadline_s:
                raise EngineFailedError(
                    f"the vLLM server {self.address} has made no progress for {deadline_s:g} s; it {self._health()}"
                )
        raise EngineFailedError(f"the vLLM server {self.address} was closed while it generated")

    def _tokens_so_far(self) -> float:
        """How many tokens the server has read and sampled since its start; -1 where it does not say."""
        try:
            metrics = ask_for_text(self.address, "GET", "/metrics", timeout_s=_HEALTH_TIMEOUT_S)
        except (EngineFailedError, ValueError):
            return -1.0  # whether that is a failure is for the deadline to say
        values = [float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith(_PROGRESS)]
        return sum(values) if values else -1.0

    def _health(self) -> str:
        try:
            ask_for_text(self.address, "GET", "/health", timeout_s=_HEALTH_TIMEOUT_S)
        except EngineFailedError as error:
            return f"does not answer a question about its health either ({error})"
        return "answers when asked about its health: its engine hangs"

    def _weights_name(self, timeout_s: float) -> str:
        return str(self._ask("GET", "/weight_info", timeout_s=timeout_s).get("weight_version"))

    def _name_weights(self, name: str) -> None:
        self._ask("POST", "/update_weight_version", {"new_version": name})

    def _version_of(self, name: str) -> int:
        pushed_by, _, version = name.partition("-")
        return int(version) if pushed_by == self._pushed_by else -1

    def _require_room(self, request: Request, sampling: Sampling) -> None:
        length = len(request.prompt.token_ids)
        if not length:
            raise ValueError(f"prompt {request.prompt_index} has no tokens")
        if length + sampling.max_tokens > self.max_model_len:
            raise ValueError(
                f"prompt {request.prompt_index} has {length} tokens and max_tokens is {sampling.max_tokens}; together "
                f"they must be at most the server's max_model_len, {self.max_model_len}"
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """A failure of our own server says how its process fares."""
        try:
            yield
        except EngineFailedError as error:
            if self._process is None:
                raise
            raise EngineFailedError(f"{error}. {self._process.last_words()}") from error
