"""What vLLM is started with; that it takes it is tested by starting it."""

import re
from pathlib import Path

import pytest

from pgkern.rollout.vllm.arguments import VllmArguments, engine_arguments, environment, server_flags


def test_nothing_that_a_model_was_published_with_narrows_what_is_sampled() -> None:
    chosen = engine_arguments(VllmArguments("model"))
    assert (chosen["generation_config"], chosen["logprobs_mode"]) == ("vllm", "processed_logprobs")


def test_a_server_gets_the_same_as_flags() -> None:
    flags = server_flags(VllmArguments("a model", device="cuda", weight_transfer="nccl", sleep_mode=True))
    assert flags[:2] == ["--model", "a model"]
    assert "--enable-sleep-mode" in flags
    assert flags[flags.index("--weight-transfer-config") + 1] == '{"backend": "nccl"}'
    assert "--no-enforce-eager" in flags
    assert "False" not in flags
    assert {"--enforce-eager", "--no-enable-chunked-prefill"} < set(server_flags(VllmArguments("a model")))


def test_memory_is_that_of_the_device() -> None:
    on_cpu, on_gpu = (engine_arguments(VllmArguments("model", device=device)) for device in ("cpu", "cuda"))
    assert on_cpu["kv_cache_memory_bytes"] == 256 * 2**20
    assert "gpu_memory_utilization" not in on_cpu
    assert on_gpu["gpu_memory_utilization"] == 0.5
    assert "kv_cache_memory_bytes" not in on_gpu


def test_the_documented_command_has_the_flags_that_the_trainer_gives_its_own_server() -> None:
    page = (Path(__file__).parents[2] / "docs" / "vllm.md").read_text()
    section = page.partition("A server of your own")[2].partition("\n## ")[0]
    documented = set(re.findall(r"--[a-z][a-z-]+(?: [a-z_0-9.]+)?", section.replace("\\\n", " ")))
    own = server_flags(VllmArguments("model"))
    of_the_page = {"--host", "--port"}
    assert {flag.split()[0] for flag in documented} - of_the_page <= set(own)
    for name in ("--logprobs-mode", "--generation-config"):
        assert f"{name} {own[own.index(name) + 1]}" in documented
    assert {"--no-enable-chunked-prefill", "--load-format dummy", "--host 127.0.0.1"} <= documented
    assert all(
        f"{name}={environment(VllmArguments('model'))[name]}" in section
        for name in ("OMP_NUM_THREADS", "VLLM_CPU_OMP_THREADS_BIND")
    )


@pytest.mark.parametrize(("max_model_len", "max_num_seqs"), [(64, 3000), (3000, 64), (64, 64)])
def test_a_step_on_a_cpu_has_room_for_the_longest_prompt_and_for_a_token_of_every_response(
    max_model_len: int, max_num_seqs: int
) -> None:
    arguments = VllmArguments("model", max_model_len=max_model_len, max_num_seqs=max_num_seqs)
    assert engine_arguments(arguments)["max_num_batched_tokens"] == max(2048, max_model_len, max_num_seqs)


def test_an_engine_on_a_cpu_computes_with_one_thread_unless_more_are_asked_for() -> None:
    assert environment(VllmArguments("model"))["OMP_NUM_THREADS"] == "1"
    assert environment(VllmArguments("model", cpu_threads=3))["OMP_NUM_THREADS"] == "3"
    assert "OMP_NUM_THREADS" not in environment(VllmArguments("model", device="cuda"))


def test_threads_on_a_cpu_give_their_core_away_while_they_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert environment(VllmArguments("model"))["OMP_WAIT_POLICY"] == "passive"
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert environment(VllmArguments("model"))["OMP_WAIT_POLICY"] == "active"
    assert not {"OMP_WAIT_POLICY", "TORCHDYNAMO_DISABLE"} & environment(VllmArguments("model", device="cuda")).keys()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_model_len": 0}, "max_model_len is 0, expected at least 1"),
        ({"kv_cache_mib": 0}, "kv_cache_mib is 0"),
        ({"cpu_threads": 0}, "cpu_threads is 0"),
        ({"gpu_memory_share": 0.0}, r"gpu_memory_share is 0\.0"),
        ({"sleep_mode": True}, "sleep_mode and weight_transfer need a GPU"),
        ({"weight_transfer": "ipc"}, "sleep_mode and weight_transfer need a GPU"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VllmArguments("model", **settings)  # type: ignore[arg-type]
