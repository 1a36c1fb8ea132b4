"""Prompts and worked solutions as token ids.

The one place where a question's text is tokenised; responses come from the engine as token ids and stay so.
"""

from transformers import PreTrainedTokenizerBase

from ...data.prompts import PromptFormat
from ...rollout.engine import Prompt

__all__ = ["prompt_of", "prompt_text", "solution_ids"]


def prompt_text(tokenizer: PreTrainedTokenizerBase, prompt: PromptFormat, question: str) -> str:
    """The question in the format, or in the tokenizer's chat template. Raises as `prompt_of` does."""
    return _chat_text(tokenizer, prompt, question) if prompt.is_chat else prompt.render(question)


def prompt_of(tokenizer: PreTrainedTokenizerBase, prompt: PromptFormat, question: str) -> Prompt:
    """The question in the format, as text and as token ids.

    `tokenizer(prompt.render(question))`, with whatever special tokens the tokenizer puts around a text. A chat is
    `tokenizer.apply_chat_template(…, tokenize=False, add_generation_prompt=True)`, tokenised without any more special
    tokens: the template has written its own.

    Raises `ValueError` when the tokenizer has no chat template, or one that refuses the messages.
    """
    text = prompt_text(tokenizer, prompt, question)
    return Prompt(text, tuple(tokenizer(text, add_special_tokens=not prompt.is_chat).input_ids))


def solution_ids(tokenizer: PreTrainedTokenizerBase, solution: str, stop: str | None) -> tuple[int, ...]:
    """Token ids of a worked solution that continues a prompt.

    One that does not end in the `stop` text ends in the end-of-text token: else nobody would learn to end a response.
    """
    ids = tuple(tokenizer(solution, add_special_tokens=False).input_ids)
    if (stop is not None and solution.endswith(stop)) or tokenizer.eos_token_id is None:
        return ids
    return (*ids, int(tokenizer.eos_token_id))


def _chat_text(tokenizer: PreTrainedTokenizerBase, prompt: PromptFormat, question: str) -> str:
    if tokenizer.chat_template is None:
        raise ValueError(
            "prompt 'chat' needs a tokenizer with a chat template, and this one has none; choose another prompt, such "
            "as 'r1_zero', or a model that was trained to chat"
        )
    from jinja2 import TemplateError

    messages = prompt.messages(question)
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:  # some templates know no system's message
        roles = " and ".join(message["role"] for message in messages)
        raise ValueError(f"the tokenizer's chat template refuses a message of {roles}: {error}") from error
    return str(text)
