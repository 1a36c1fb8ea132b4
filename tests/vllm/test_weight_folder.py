"""What is refused before an engine sees it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import Qwen3Config, Qwen3ForCausalLM

from pgkern.rollout.weight_folder import check_weight_folder, kinds_of, write_weight_folder


@pytest.fixture
def weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    embedding = torch.randn(8, 4)
    return {"model.embed": embedding, "model.up": torch.randn(4, 4).T, "lm_head.weight": embedding}


def test_the_file_has_every_weight_and_a_tied_one_under_both_names(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    folder = tmp_path / "engine" / "weights"
    write_weight_folder(folder, weights.items(), 3, kinds_of(weights.items()))
    assert check_weight_folder(folder) == 3
    read = load_file(folder / "model.safetensors")
    assert read.keys() == weights.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in weights.items())


def test_a_newer_version_takes_the_place_of_an_older_one(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    kinds = kinds_of(weights.items())
    write_weight_folder(tmp_path / "weights", weights.items(), 1, kinds)
    doubled = {name: 2 * tensor for name, tensor in weights.items()}
    write_weight_folder(tmp_path / "weights", doubled.items(), 2, kinds)
    assert check_weight_folder(tmp_path / "weights") == 2
    assert torch.equal(load_file(tmp_path / "weights" / "model.safetensors")["model.up"], doubled["model.up"])
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


@pytest.mark.parametrize("tied", [True, False])
def test_a_transformers_model_names_its_head_whether_tied_or_not(tmp_path: Path, tied: bool) -> None:
    config = Qwen3Config(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        tie_word_embeddings=tied,
    )
    weights = Qwen3ForCausalLM(config).state_dict()
    with torch.device("meta"):
        expected = kinds_of(Qwen3ForCausalLM(config).state_dict().items())
    write_weight_folder(tmp_path / "weights", weights.items(), 0, expected)
    read = load_file(tmp_path / "weights" / "model.safetensors")
    assert torch.equal(read["lm_head.weight"], read["model.embed_tokens.weight"]) == tied


def refused(change: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    other = {name: tensor.clone() for name, tensor in weights.items()}
    if change == "a missing head":
        del other["lm_head.weight"]
    elif change == "an unknown weight":
        other["model.down"] = torch.zeros(2)
    elif change == "another shape":
        other["model.up"] = torch.zeros(4, 5)
    elif change == "another dtype":
        other["model.up"] = other["model.up"].bfloat16()
    else:
        other["model.embed"][3, 1] = {"a NaN": torch.nan, "an infinity": -torch.inf}[change]
    return other


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ("a missing head", ValueError, "1 weights are missing, the first is 'lm_head.weight'"),
        ("an unknown weight", ValueError, "no weight named 'model.down'"),
        ("another shape", ValueError, r"'model.up' is float32 \[4, 5\], expected float32 \[4, 4\]"),
        ("another dtype", ValueError, r"'model.up' is bfloat16 \[4, 4\], expected float32 \[4, 4\]"),
        ("a NaN", FloatingPointError, "'model.embed' is not finite"),
        ("an infinity", FloatingPointError, "'model.embed' is not finite"),
    ],
)
def test_weights_are_refused_and_those_of_before_stay(
    tmp_path: Path, weights: dict[str, Tensor], change: str, error: type[Exception], message: str
) -> None:
    kinds = kinds_of(weights.items())
    with pytest.raises(error, match=message):
        write_weight_folder(tmp_path / "weights", refused(change, weights).items(), 1, kinds)
    assert list(tmp_path.iterdir()) == []
    write_weight_folder(tmp_path / "weights", weights.items(), 1, kinds)
    with pytest.raises(error, match=message):
        write_weight_folder(tmp_path / "weights", refused(change, weights).items(), 2, kinds)
    assert check_weight_folder(tmp_path / "weights") == 1


def test_a_torn_folder_is_refused(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    folder = tmp_path / "weights"
    with pytest.raises(ValueError, match="holds no whole weights"):
        check_weight_folder(folder)
    write_weight_folder(folder, weights.items(), 1, kinds_of(weights.items()))
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=f"is torn: it has {len(whole) - 1} bytes, expected {len(whole)}"):
        check_weight_folder(folder)
    (folder / "model.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match="is torn: its SHA-256"):
        check_weight_folder(folder)
    (folder / "weights.json").write_text('{"version": 1')
    with pytest.raises(ValueError, match="holds no whole weights"):
        check_weight_folder(folder)
