"""What is taken of a model's head, held to the logits and gradients of the real peft."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pgkern import linear_policy_loss, linear_token_log_probs, lm_head_arguments
from pgkern.policy import naive

peft = pytest.importorskip("peft", reason="peft is not installed: there are no adapters to take")
pytestmark = [
    pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]

B, L, V = 2, 5, 61
EXACT = {"rtol": 1e-10, "atol": 1e-12}


def tiny_model(*, tied: bool = False, dtype: torch.dtype = torch.float64) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=V,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        tie_word_embeddings=tied,
    )
    return LlamaForCausalLM(config).to(dtype)


def adapted(model: Any | None = None, **options: Any) -> Any:
    """A model with an adapter "default" on its head and one projection, which is not 0."""
    settings = {"target_modules": ["lm_head", "q_proj"], "r": 3, "lora_alpha": 5, **options}
    model = peft.get_peft_model(model or tiny_model(), peft.LoraConfig(**settings))
    return away_from_zero(model)


def away_from_zero(model: Any) -> Any:
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.3 * torch.randn_like(parameter))
    return model


def with_two_adapters(second: dict[str, Any] | None = None) -> Any:
    model = adapted()
    settings = {"target_modules": ["lm_head"], "r": 2, "lora_alpha": 7, **(second or {})}
    model.add_adapter("second", peft.LoraConfig(**settings))
    model.base_model.set_adapter(["default", "second"])
    return away_from_zero(model)


def batch() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(2)
    ids = torch.randint(0, V, (B, L + 1), generator=random)
    mask = torch.ones(B, L)
    mask[0, :2] = 0
    return {
        "input_ids": ids[:, :-1],
        "token_ids": ids[:, 1:],
        "mask": mask,
        "advantages": torch.tensor([1.0, -0.7], dtype=torch.float64),
    }


def with_a_bias(model: Any) -> Any:
    model.lm_head = nn.Linear(16, V).double()
    return model


def head_of(model: Any) -> nn.Module:
    return model.get_base_model().lm_head if hasattr(model, "get_base_model") else model.lm_head


def hidden_of(model: Any, input_ids: Tensor) -> Tensor:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return base.model(input_ids=input_ids).last_hidden_state


def assert_is_the_models_own(model: Any, *, trains: int) -> dict[str, Any]:
    """Log-probabilities, loss, and gradients of all that trains: by the head's arguments, and by the model's logits."""
    given = batch()
    input_ids, token_ids = given.pop("input_ids"), given["token_ids"]
    arguments = lm_head_arguments(head_of(model))
    logits = model(input_ids=input_ids).logits
    expected = naive.logits_policy_loss(logits, **given).loss
    hidden = hidden_of(model, input_ids)
    found = linear_policy_loss(hidden, **given, **arguments, chunk_tokens=3).loss
    torch.testing.assert_close(found, expected, **EXACT)
    torch.testing.assert_close(
        linear_token_log_probs(hidden, token_ids=token_ids, **arguments),
        naive.token_log_probs(logits, token_ids),
        **EXACT,
    )
    leaves = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert sum("lm_head" in name for name in leaves) == trains
    if not leaves:
        return arguments
    gradients = torch.autograd.grad(found, list(leaves.values()), allow_unused=True)
    of_model = torch.autograd.grad(expected, list(leaves.values()), allow_unused=True)
    torch.testing.assert_close(gradients, of_model, **EXACT)
    for name, gradient in zip(leaves, gradients, strict=True):
        assert gradient is None or "lm_head" not in name or (gradient != 0).any()
    return arguments


def test_an_adapter() -> None:
    arguments = assert_is_the_models_own(adapted(), trains=2)
    assert list(arguments) == ["weight", "bias", "lora"]
    assert not arguments["weight"].requires_grad
    assert arguments["lora"][2] == 5 / 3


def test_the_weight_alone_is_another_policys() -> None:
    model, given = adapted(), batch()
    hidden = hidden_of(model, given["input_ids"])
    of_adapters = linear_token_log_probs(hidden, token_ids=given["token_ids"], **lm_head_arguments(head_of(model)))
    alone = linear_token_log_probs(hidden, head_of(model).weight, given["token_ids"])
    assert (of_adapters - alone).abs().max() > 0.05
    assert torch.autograd.grad(alone.sum(), head_of(model).lora_B["default"].weight, allow_unused=True) == (None,)


@pytest.mark.parametrize(
    "second", [{}, {"use_rslora": True}, {"r": 3, "lora_alpha": 5}, {"lora_alpha": 0.5}, {"target_modules": ["q_proj"]}]
)
def test_two_adapters(second: dict[str, Any]) -> None:
    model = with_two_adapters(second)
    on_head = "lm_head" in second.get("target_modules", ["lm_head"])
    arguments = assert_is_the_models_own(model, trains=4 if on_head else 2)
    assert arguments["lora"][0].shape[0] == (3 + second.get("r", 2) if on_head else 3)
    for name in ("default", "second"):
        model.set_adapter(name)
        trains = 2 if name == "default" or on_head else 0
        arguments = assert_is_the_models_own(model, trains=trains)
        assert (arguments["lora"] is not None) == (trains > 0)


def test_merged_and_disabled_adapters() -> None:
    model = adapted()
    logits = model(input_ids=batch()["input_ids"]).logits.detach()
    with model.disable_adapter():
        assert assert_is_the_models_own(model, trains=0)["lora"] is None
        of_base = model(input_ids=batch()["input_ids"]).logits.detach()
    assert (logits - of_base).abs().max() > 0.05
    model.merge_adapter()
    arguments = lm_head_arguments(head_of(model))
    assert arguments["lora"] is None
    found = hidden_of(model, batch()["input_ids"]) @ arguments["weight"].T
    torch.testing.assert_close(found.detach(), logits, **EXACT)
    model.disable_adapter_layers()
    with pytest.raises(ValueError, match=r"disabled but merged into its weight: call unmerge_adapter\(\) first"):
        lm_head_arguments(head_of(model))
    model.enable_adapter_layers()
    model.unmerge_adapter()
    assert_is_the_models_own(model, trains=2)
    assert lm_head_arguments(head_of(model.merge_and_unload()))["lora"] is None


@pytest.mark.parametrize("kind", ["linear", "tied", "bias"])
def test_a_plain_head(kind: str) -> None:
    model = tiny_model(tied=kind == "tied")
    if kind == "bias":
        with_a_bias(model)
    arguments = assert_is_the_models_own(model, trains={"linear": 1, "tied": 0, "bias": 2}[kind])
    assert arguments["weight"] is model.lm_head.weight
    assert arguments["bias"] is model.lm_head.bias
    assert arguments["lora"] is None
    assert (arguments["weight"] is model.model.embed_tokens.weight) == (kind == "tied")


def test_a_tied_head_with_an_adapter() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # merging would change the embedding too
        model = adapted(tiny_model(tied=True))
    assert_is_the_models_own(model, trains=2)


def test_a_head_with_a_bias_and_an_adapter() -> None:
    model = adapted(with_a_bias(tiny_model()))
    assert assert_is_the_models_own(model, trains=2)["bias"] is not None


def test_a_head_that_is_saved_as_a_whole() -> None:
    model = adapted(target_modules=["q_proj"], modules_to_save=["lm_head"])
    with torch.no_grad():
        head_of(model).modules_to_save["default"].weight += 0.1
    arguments = assert_is_the_models_own(model, trains=1)
    assert arguments["weight"] is head_of(model).modules_to_save["default"].weight
    with model.disable_adapter():
        assert lm_head_arguments(head_of(model))["weight"] is head_of(model).original_module.weight


def test_adapters_in_fp32_on_a_bf16_model() -> None:
    """As peft keeps them: nothing of an adapter is rounded on the way, where peft rounds the logits."""
    model, given = adapted(tiny_model(dtype=torch.bfloat16)), batch()
    head = head_of(model)
    assert head.lora_A["default"].weight.dtype == torch.float32
    hidden = hidden_of(model, given["input_ids"]).detach()
    found = linear_token_log_probs(hidden, token_ids=given["token_ids"], **lm_head_arguments(head))
    exact = hidden.double() @ (head.weight.double() + head.get_delta_weight("default").double()).T
    torch.testing.assert_close(found.double(), naive.token_log_probs(exact, given["token_ids"]), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found, naive.token_log_probs(head(hidden), given["token_ids"]), rtol=0, atol=0.05)


def test_dropout_counts_in_training_only() -> None:
    model = adapted(lora_dropout=0.1)
    message = (
        r"adapter 'default' of the head has lora_dropout 0.1 and is in training mode: give the head lora_dropout 0"
    )
    with pytest.raises(ValueError, match=message):
        lm_head_arguments(head_of(model).train())
    model.eval()
    assert_is_the_models_own(model, trains=2)


def renamed(**changes: Any) -> Callable[[], nn.Module]:
    """An adapted head of which something is another way."""

    def build() -> nn.Module:
        head = head_of(adapted())
        for name, value in changes.items():
            setattr(head, name, value)
        return head

    return build


class Scaled(nn.Linear):
    def forward(self, hidden: Tensor) -> Tensor:
        return 2 * super().forward(hidden)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: head_of(adapted(use_dora=True)), r"'default' of the head is not plain LoRA but DoraLinearVariant"),
        (renamed(use_dora={"default": True}, lora_variant={}), r"'default' of the head is not plain LoRA but DoRA"),
        (renamed(fan_in_fan_out=True), r"the head's adapter 'default' is for a transposed weight"),
        (
            lambda: head_of(adapted(with_a_bias(tiny_model()), target_modules=["lm_head"], lora_bias=True)),
            r"'default' of the head has a bias: set lora_bias to False",
        ),
        (renamed(base_layer=Scaled(16, V)), r"a head must be a torch.nn.Linear .* got Scaled: pass weight, bias"),
        (lambda: nn.Embedding(V, 16), r"a head must be a torch.nn.Linear .* got Embedding"),
        (lambda: of_ints(nn.Linear(16, V)), r"weight is a Parameter of torch.int8: leave the head out of the quant"),
        (lambda: flat(nn.Linear(16, V)), r"the head's weight has shape \[976\], expected \[61, 16\]: gather it first"),
        (lambda: adapted_by_ia3().lm_head, r"only LoRA of a linear layer can be taken from a head, got peft's Linear"),
        (lambda: nested(), r"an adapter on top of another one's layer: merge the inner one"),
        (lambda: None, r"module must be a Module, got NoneType"),
    ],
)
def test_what_cannot_be_taken_is_said(build: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lm_head_arguments(build())


def of_ints(linear: nn.Linear) -> nn.Linear:
    linear.weight = nn.Parameter(linear.weight.detach().to(torch.int8), requires_grad=False)
    return linear


def flat(linear: nn.Linear) -> nn.Linear:
    linear.weight = nn.Parameter(linear.weight.detach().flatten())
    return linear


def adapted_by_ia3() -> Any:
    config = peft.IA3Config(target_modules=["lm_head"], feedforward_modules=[])
    return peft.get_peft_model(tiny_model(), config).get_base_model()


def nested() -> nn.Module:
    inner, outer = head_of(adapted()), head_of(adapted())
    outer.base_layer = inner
    return outer
