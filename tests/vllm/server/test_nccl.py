"""Weights sent by NCCL: what can be seen of it without a GPU."""

from functools import partial
from pathlib import Path

import pytest

from pgkern.rollout.engine import EngineFailedError
from pgkern.rollout.vllm.nccl_push import NcclPush, own_address
from pgkern.rollout.vllm.server_replica import ServerReplica


def test_this_machines_address_is_the_one_the_server_reaches_it_by() -> None:
    assert own_address("unix:/tmp/http.sock") == "127.0.0.1"
    assert own_address("http://127.0.0.1:8000") == "127.0.0.1"
    assert own_address("http://localhost:8000") in ("127.0.0.1", "::1")


def test_a_server_that_was_not_started_for_it_says_so(
    replica: ServerReplica, vllm_python: Path, tmp_path: Path
) -> None:
    push = partial(NcclPush, str(vllm_python), master_address="127.0.0.1", log=tmp_path / "log")
    with pytest.raises((EngineFailedError, ValueError), match=r"/init_weight_transfer_engine.*weight_transfer_config"):
        ServerReplica(replica.address, lambda ids: "", weight_push=push)


def test_a_sender_that_ends_is_noticed_with_its_last_words(tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho no GPU anywhere >&2\nexit 1\n")
    script.chmod(0o755)
    ask = {"/get_world_size": {"world_size": 1}}
    with pytest.raises(EngineFailedError, match=r"the sender of weights has ended(.|\n)*no GPU anywhere"):
        NcclPush(str(script), lambda method, path, body: ask[path], master_address="127.0.0.1", log=tmp_path / "log")
