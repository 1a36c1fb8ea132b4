"""What runs in vLLM's process: it imports vLLM once, and becomes or forks workers that have an engine each.

Imports take many times what a small engine takes to start, so an engine that died is back soon where forks are used.
Started by `HostProcess` as `main(control, lifeline, parent)`: two sockets' numbers and that of the trainer's process.
A worker is a session of its own. It ends with the trainer, whatever either of them is doing.
"""

import contextlib
import gc
import json
import os
import queue
import select
import signal
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...rewards.worker_main import end_when_closed, end_with
from ..engine import Prompt, Rollout, Sampling
from ..replica import Request
from .arguments import VllmArguments
from .channel import Channel
from .local import VllmReplica, import_vllm

_LOOK_EVERY_SECONDS = 0.25  # whether the trainer is still there
_LONGEST_END_SECONDS = 10.0  # a killed process may still wait for a disk
_PROGRESS_EVERY_SECONDS = 0.2


def main(control_number: int, lifeline_number: int, parent: int) -> None:
    """Serve the trainer's orders until it is gone."""
    end_when_closed(lifeline_number)
    _let_memory_run_out_here_first()
    control = socket.socket(fileno=control_number)
    try:
        import_vllm()
    except BaseException as error:
        traceback.print_exc()
        control.send(_as_json({"failure": f"vLLM cannot be imported: {_said(error)}"}))
        return
    gc.collect()
    gc.freeze()  # vLLM has its garbage collected five times while it starts: that need not go over all of its imports
    control.send(_as_json({"ready": True}))
    for order, numbers in _orders(control, parent):
        if "end" in order:
            control.send(_as_json({"status": _end(int(order["end"]))}))
            continue
        channel_number, worker_lifeline_number, log_number = numbers
        pid = os.fork() if order["fork"] else 0
        if pid == 0:
            if order["fork"]:
                parent = os.getppid()
                os.setsid()
                os.close(lifeline_number)
            else:
                control.send(_as_json({"pid": os.getpid()}))
            control.close()
            end_when_closed(worker_lifeline_number)
            os.dup2(log_number, 1)
            os.dup2(log_number, 2)
            threading.Thread(target=end_with, args=(parent,), daemon=True).start()
            _be_a_worker(Channel(socket.socket(fileno=channel_number)), order["arguments"], order["start_folder"])
        for number in numbers:
            os.close(number)
        control.send(_as_json({"pid": pid}))


def _orders(control: socket.socket, parent: int) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """Each order with the sockets that came with it, until the trainer closes or is gone."""
    while os.getppid() == parent:
        if not select.select([control], [], [], _LOOK_EVERY_SECONDS)[0]:
            continue
        payload, numbers, _, _ = socket.recv_fds(control, 1 << 16, 3)
        if not payload:
            break
        yield json.loads(payload), list(numbers)


def _end(pid: int) -> int:
    """Kill a worker and all that it started; its exit status as `subprocess` has it."""
    for kill in (os.killpg, os.kill):  # it may not have had the time to become a group
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    until = time.monotonic() + _LONGEST_END_SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    return -signal.SIGKILL


def _be_a_worker(channel: Channel, settings: dict[str, Any], start_folder: str) -> None:
    """Build the engine, and serve until the trainer closes the channel. Does not return."""
    status = 1
    try:
        Worker(channel).serve(VllmArguments(**settings), start_folder)
        status = 0
    except EOFError:
        status = 0  # the trainer has closed
    except BaseException:
        traceback.print_exc()  # into the log, whose end the trainer quotes
    finally:
        os._exit(status)  # nothing that this process has of its host is to run again


class Worker:
    """An engine and the channel that it is used through."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._unsent: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def serve(self, arguments: VllmArguments, start_folder: str) -> None:
        """Answer orders one after the other; the first that fails for the engine's own reasons is the last."""
        try:
            self._replica = VllmReplica(arguments, start_folder)
        except BaseException as error:
            self._channel.send({"failure": f"vLLM cannot be started: {_said(error)}"})
            raise
        # Whoever reads the answers may be busy meanwhile: generation does not wait for it.
        sender = threading.Thread(target=self._send_all, daemon=True)
        sender.start()
        self._say({"ready": True})
        while True:
            order = self._channel.receive()
            try:
                self._obey(order)
            except (ValueError, FloatingPointError) as error:  # the caller's mistake, or the policy's
                self._say({"error": type(error).__name__, "message": str(error)})
            except BaseException as error:
                self._say({"failure": _said(error)})
                self._unsent.put(None)
                sender.join(_LONGEST_END_SECONDS)
                raise

    def _obey(self, order: dict[str, Any]) -> None:
        replica = self._replica
        if order["do"] == "generate":
            self._generate(order)
        elif order["do"] == "load_folder":
            replica.load_folder(Path(order["folder"]), int(order["version"]))
        elif order["do"] == "load_shared":
            replica.load_shared(order["rows"], int(order["version"]))
        elif order["do"] == "sleep":
            replica.sleep()
        elif order["do"] == "wake_up":
            replica.wake_up()
        if order["do"] != "stop":  # it comes too late here: the generation has ended by itself, and said so
            self._say({"done": True, "version": replica.version()})

    def _generate(self, order: dict[str, Any]) -> None:
        prompts = [Prompt("", tuple(token_ids)) for token_ids in order["prompts"]]
        requests = [
            Request(prompt_index, number, prompts[place], seed)
            for number, (prompt_index, place, seed) in enumerate(order["requests"])
        ]
        said = time.monotonic()
        for rollouts in self._replica.steps(requests, Sampling(**order["sampling"])):
            if rollouts:
                self._say({"rollouts": [_as_row(rollout) for rollout in rollouts]})
                said = time.monotonic()
            elif rollouts is not None and time.monotonic() > said + _PROGRESS_EVERY_SECONDS:
                self._say({"progress": True})
                said = time.monotonic()
            if select.select([self._channel], [], [], 0)[0]:
                order = self._channel.receive()
                if order["do"] != "stop":
                    raise RuntimeError(f"the order {order['do']} came in the middle of a generation")
                break

    def _say(self, message: dict[str, Any]) -> None:
        self._unsent.put(message)

    def _send_all(self) -> None:
        while (message := self._unsent.get()) is not None:
            self._channel.send(message)


def _as_row(rollout: Rollout) -> list[Any]:
    return [
        rollout.sample_index,  # here the number of the request
        rollout.response_ids,
        rollout.response,
        rollout.log_probs,
        rollout.finish_reason,
        rollout.weights_version,
    ]


def _as_json(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:2000]}"


def _let_memory_run_out_here_first() -> None:
    """Where memory runs out, the system is to end vLLM, which can be built again, and not the trainer."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("500")
