"""The README's loop over a transformers model, run as it stands there.

Names: B rows of L tokens, V vocabulary.
"""

import re
from pathlib import Path

import pytest
import torch

import pgkern
from pgkern import PolicyObjective

README = Path(__file__).parents[1] / "README.md"
B, L, V = 3, 9, 61


def test_the_loop_over_a_transformers_model(capsys: pytest.CaptureFixture[str]) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.Qwen3Config(
        vocab_size=V,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        tie_word_embeddings=True,
    )
    model = transformers.Qwen3ForCausalLM(config)
    input_ids = torch.randint(V, (B, L))
    response_mask = torch.arange(L).expand(B, L) >= 4
    attention_mask = torch.ones_like(input_ids)
    advantages = torch.tensor([1.0, -0.5, 0.25])

    def log_probs() -> torch.Tensor:
        logits = model(input_ids, attention_mask=attention_mask).logits[:, :-1]
        return pgkern.token_log_probs(logits, input_ids[:, 1:])

    old_log_probs = log_probs().detach() + 0.3 * torch.randn(B, L - 1)
    objective = PolicyObjective.grpo(clip_high=0.28)
    expected = pgkern.policy_loss(
        log_probs(), advantages, response_mask[:, 1:], old_log_probs=old_log_probs, objective=objective
    )
    expected.loss.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()

    code = re.search(r"```python\n(import pgkern\n.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    names = {
        "model": model,
        "input_ids": input_ids,
        "attention_mask": attention_mask,
        "response_mask": response_mask,
        "advantages": advantages,
        "old_log_probs": old_log_probs,
    }
    exec(compile(code[1], "README.md", "exec"), names)
    assert float(capsys.readouterr().out.removeprefix("tensor(").removesuffix(")\n")) > 0
    torch.testing.assert_close(names["result"].loss, expected.loss)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name])
