"""Rollouts by transformers' `generate`: no server, any device, any causal language model."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
    StopStringCriteria,
)

from .engine import Prompt, Rollout, Sampling


class TransformersEngine:
    """Samples from the given model.

    Args:
        model: what is sampled from.
        tokenizer: the model's.
        batch_size: rollouts that are generated together.
        trained_in_place: the model is the very module that is trained, adapters and all: it has its new weights before
            they are pushed, and a push changes the version alone.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        batch_size: int = 256,
        trained_in_place: bool = False,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, expected at least 1")
        self._model, self._tokenizer, self._batch_size = model, tokenizer, batch_size
        self._trained_in_place, self._version = trained_in_place, 0

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Rollout]:
        """See `RolloutEngine.generate`. The same seed gives the same rollouts; torch's generators are left as found.

        Raises `FloatingPointError` when the model's weights are spoiled and its logits NaN.
        """
        empty = [index for index, prompt in enumerate(prompts) if not prompt.token_ids]
        if empty:
            raise ValueError(f"prompt {empty[0]} has no tokens")
        # Prompts of like length share a batch: less padding to compute.
        by_length = sorted(range(len(prompts)), key=lambda index: len(prompts[index].token_ids))
        wanted = [(index, sample) for index in by_length for sample in range(sampling.num_samples)]
        for start in range(0, len(wanted), self._batch_size):
            places = wanted[start : start + self._batch_size]
            yield from self._generate_batch(places, [prompts[index] for index, _ in places], sampling, start)

    def load_weights(self, weights: Iterable[tuple[str, Tensor]], version: int) -> None:
        """See `RolloutEngine.load_weights`.

        Raises `ValueError` for a name the model does not have, a shape that differs, or a tensor that is missing; the
        model is then unchanged.
        """
        if self._trained_in_place:
            self._version = version
            return
        own = self._model.state_dict()
        given = dict(weights)
        for name, tensor in given.items():
            if name not in own:
                raise ValueError(f"the model has no weight named {name!r}")
            if own[name].shape != tensor.shape:
                raise ValueError(
                    f"the weight {name!r} has shape {tuple(tensor.shape)}, expected {tuple(own[name].shape)}"
                )
        covered = {own[name].data_ptr() for name in given}  # a tied head is one tensor under two names
        missing = [name for name in own if own[name].data_ptr() not in covered]
        if missing:
            raise ValueError(f"{len(missing)} weights are missing, the first is {missing[0]!r}")
        with torch.no_grad():
            for name, tensor in given.items():
                own[name].copy_(tensor)
        self._version = version

    def close(self) -> None:
        """Nothing to free: the model belongs to the caller."""

    def _generate_batch(
        self, places: list[tuple[int, int]], prompts: list[Prompt], sampling: Sampling, start: int
    ) -> Iterator[Rollout]:
        device = self._model.device
        prompt_ids_BL, attention_mask_BL = self._left_padded(prompts, device)
        greedy = sampling.temperature == 0.0
        recorder = _LogProbRecorder(temperature=1.0 if greedy else sampling.temperature)
        ends, stop = end_token_ids(self._model, self._tokenizer), self._stop_criteria(sampling.stop)
        ending = _Ending(ends, stop, prompt_ids_BL.shape)
        distribution = {"do_sample": False} if greedy else {"do_sample": True, "top_k": 0, "top_p": 1.0}
        config = GenerationConfig(max_new_tokens=sampling.max_tokens, pad_token_id=self._pad_token_id(), **distribution)
        cuda = [device] if device.type == "cuda" else []
        generate: Any = self._model.generate  # its declared type is a tensor's
        with _evaluating(self._model), torch.no_grad(), torch.random.fork_rng(devices=cuda):
            torch.manual_seed(sampling.seed + start)
            output_BL: Any = generate(
                input_ids=prompt_ids_BL,
                attention_mask=attention_mask_BL,
                generation_config=config,
                logits_processor=LogitsProcessorList([recorder]),
                stopping_criteria=StoppingCriteriaList([ending]),
            )
        response_ids_BL = output_BL[:, prompt_ids_BL.shape[1] :].tolist()
        log_probs_BL = recorder.finish(output_BL).tolist()
        lengths = ending.lengths_B.tolist()
        for row, ((index, sample), prompt) in enumerate(zip(places, prompts, strict=True)):
            length = lengths[row] or len(response_ids_BL[row])
            response_ids = response_ids_BL[row][:length]
            yield Rollout(
                prompt_index=index,
                prompt=prompt,
                response_ids=tuple(response_ids),
                response=self._text(response_ids),
                log_probs=tuple(log_probs_BL[row][:length]),
                finish_reason="stop" if lengths[row] else "length",
                weights_version=self._version,
                sample_index=sample,
            )

    def _text(self, response_ids: list[int]) -> str:
        text = self._tokenizer.decode(response_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)

    def _left_padded(self, prompts: list[Prompt], device: torch.device) -> tuple[Tensor, Tensor]:
        width = max(len(prompt.token_ids) for prompt in prompts)
        padding = [width - len(prompt.token_ids) for prompt in prompts]
        pad = self._pad_token_id()
        ids_BL = [[pad] * left + list(prompt.token_ids) for left, prompt in zip(padding, prompts, strict=True)]
        mask_BL = [[0] * left + [1] * (width - left) for left in padding]
        return torch.tensor(ids_BL, device=device), torch.tensor(mask_BL, device=device)

    def _pad_token_id(self) -> int:
        pad, end = self._tokenizer.pad_token_id, self._tokenizer.eos_token_id
        return int(pad if pad is not None else end if end is not None else 0)

    def _stop_criteria(self, stop: str | None) -> StopStringCriteria | None:
        return StopStringCriteria(self._tokenizer, [stop]) if stop else None


def end_token_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """What ends a response: the tokenizer's end-of-text token, and whichever the model was published with."""
    published = model.generation_config.eos_token_id if model.generation_config else None
    several = published if isinstance(published, list) else [published]
    return sorted({int(token) for token in (*several, tokenizer.eos_token_id) if token is not None})


class _LogProbRecorder(LogitsProcessor):
    """Applies the temperature and keeps log π of each token that was then sampled.

    It keeps one `[batch, vocabulary]` tensor at a time, not one a step.
    """

    def __init__(self, temperature: float) -> None:
        self._temperature = temperature
        self._latest_BV: Tensor | None = None
        self._recorded: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self._record(input_ids)
        self._latest_BV = torch.log_softmax(scores.float() / self._temperature, dim=-1)
        if bool(self._latest_BV[:, 0].isnan().any()):  # one NaN among the logits makes the whole row NaN
            raise FloatingPointError("the model's logits are not finite: there is nothing to sample from")
        return self._latest_BV

    def finish(self, output_BL: Tensor) -> Tensor:
        """`[batch, response]` log-probabilities of the whole output's response tokens."""
        self._record(output_BL)
        return torch.cat(self._recorded, dim=1)

    def _record(self, ids_BL: Tensor) -> None:
        if self._latest_BV is not None:
            self._recorded.append(self._latest_BV.gather(1, ids_BL[:, -1:]))


class _Ending(StoppingCriteria):
    """Ends a response at an end-of-text token or at the stop text, and notes how long it was (0: not ended)."""

    def __init__(self, end_ids: list[int], stop: StopStringCriteria | None, prompt_shape: torch.Size) -> None:
        self._end_ids, self._stop, self._prompt_width = end_ids, stop, prompt_shape[1]
        self.lengths_B = torch.zeros(prompt_shape[0], dtype=torch.long)

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: object) -> Tensor:
        ended_B = torch.isin(input_ids[:, -1], torch.tensor(self._end_ids, device=input_ids.device))
        if self._stop is not None:
            ended_B = ended_B | self._stop(input_ids, scores)
        self.lengths_B = self.lengths_B.to(input_ids.device)
        length = input_ids.shape[1] - self._prompt_width
        self.lengths_B = torch.where(ended_B & (self.lengths_B == 0), length, self.lengths_B)
        return ended_B


@contextmanager
def _evaluating(model: PreTrainedModel) -> Iterator[None]:
    """Evaluation mode and a bare generation config: a published top-k, top-p or penalty would bias every ratio."""
    training, published = model.training, model.generation_config
    model.eval()
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = published
        model.train(training)
