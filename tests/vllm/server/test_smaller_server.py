"""A server that somebody restarts with less room than it had, with servers that only answer like vLLM's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pgkern.rollout.engine import Prompt, Sampling
from pgkern.rollout.supervised_engine import SupervisedEngine
from pgkern.rollout.weight_folder import kinds_of
from pgkern.train.engines.server_engines import running_server

from .no_server import Handler, Server

PROMPTS = [Prompt("", (1, 2, 3))] * 4
SAMPLING = Sampling(max_tokens=20, stop=None)


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    started = [Server(("127.0.0.1", 0), Handler) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever) for server in started]
    for thread in threads:
        thread.start()
    yield started
    for server, thread in zip(started, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("restarted_before", ["a push", "a generation"])
def test_it_counts_as_failed_and_the_other_takes_its_share(
    servers: list[Server], tmp_path: Path, restarted_before: str
) -> None:
    weights, events = {"w": torch.ones(2, 2)}, list[tuple[str, str]]()
    urls = [f"http://127.0.0.1:{server.server_address[1]}" for server in servers]
    engine = SupervisedEngine(
        [running_server(url, {"decode": lambda ids: ""}) for url in urls],
        folder=tmp_path / "weights",
        expected=kinds_of(weights.items()),
        max_rebuilds=1,
        on_event=lambda *event: None if event[0] == "engine_doubtful" else events.append(event),  # of its version
    )
    engine.load_weights(weights.items(), 1)
    assert len(list(engine.generate(PROMPTS, SAMPLING))) == 4
    assert events == []
    servers[1].weights, servers[1].room = "default", 16
    if restarted_before == "a push":
        engine.load_weights(weights.items(), 2)
    rollouts = list(engine.generate(PROMPTS, SAMPLING))
    assert {rollout.weights_version for rollout in rollouts} == {2 if restarted_before == "a push" else 1}
    engine.load_weights(weights.items(), 3)
    assert len(list(engine.generate(PROMPTS, SAMPLING))) == 4
    engine.close()
    assert {name for name, _ in events} == {"engine_failed"}
    assert any("has a max_model_len of 16, and had one of 64" in message for _, message in events)
    assert "given up" in events[-1][1]
