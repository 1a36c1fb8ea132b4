"""The two-digit run in plain PyTorch: decoder, data and settings of the trainer's, and nothing else of it.

Names: B samples of a step, G samples of a prompt, L tokens of prompt and response, R of the response.
"""

import random
from collections.abc import Callable

import torch
from torch import Tensor

from pgkern.data.problem import Problem
from pgkern.train.parts import Parts


def plain_steps(parts: Parts, steps: int, *, after: Callable[[int], object]) -> None:
    """Group-relative policy gradients on `parts.policy`; `after` is told how many steps are done.

    loss = -Σ A · log π(token | tokens before) / tokens, with A = (r - group mean) / group standard deviation. Every
    prompt has the same number of tokens, so nothing is padded but what follows a response's end.
    """
    settings, config = parts.config.rollouts, parts.config.optimizer
    model, tokenizer = parts.policy.model, parts.policy.tokenizer
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    order = random.Random(parts.config.run.seed)
    torch.manual_seed(parts.config.run.seed)
    for step in range(steps):
        problems = order.sample(parts.task.train, settings.prompts_per_step)
        asked = [problem for problem in problems for _ in range(settings.samples_per_prompt)]
        prompt_BP = torch.tensor([parts.policy.prompt(problem).token_ids for problem in asked])
        output_BL = _sample(model, prompt_BP, settings.max_tokens)
        response_BR = output_BL[:, prompt_BP.shape[1] :]
        reward_PG = _rewards(tokenizer.batch_decode(response_BR), asked, tokenizer.eos_token).view(len(problems), -1)
        spread_P1 = reward_PG.std(dim=1, keepdim=True)
        advantage_B = ((reward_PG - reward_PG.mean(dim=1, keepdim=True)) / (spread_P1 + 1e-6)).view(-1)
        logits_BRV = model(output_BL[:, :-1]).logits[:, prompt_BP.shape[1] - 1 :]
        log_prob_BR = logits_BRV.log_softmax(dim=-1).gather(2, response_BR[..., None])[..., 0]
        mask_BR = _until_end(response_BR, int(tokenizer.eos_token_id))
        loss = -(advantage_B[:, None] * log_prob_BR * mask_BR).sum() / mask_BR.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_gradient_norm)
        optimizer.step()
        after(step + 1)


@torch.no_grad()
def _sample(model: torch.nn.Module, prompt_BP: Tensor, max_tokens: int) -> Tensor:
    output_BL = prompt_BP
    for _ in range(max_tokens):
        probability_BV = model(output_BL).logits[:, -1].softmax(dim=-1)
        output_BL = torch.cat([output_BL, torch.multinomial(probability_BV, 1)], dim=1)
    return output_BL


def _until_end(response_BR: Tensor, end: int) -> Tensor:
    """Which tokens belong to the response: those up to its first end, which is one of them."""
    ended_BR = (response_BR == end).long()
    return (ended_BR.cumsum(dim=1) - ended_BR) == 0


def _rewards(texts: list[str], asked: list[Problem], end: str) -> Tensor:
    return torch.tensor(
        [float(text.partition(end)[0] == problem.gold) for text, problem in zip(texts, asked, strict=True)]
    )
