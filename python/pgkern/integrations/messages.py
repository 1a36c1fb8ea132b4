"""The text to judge of what a model answered: a text as it is, of a chat its last assistant message."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Completion: TypeAlias = str | Sequence[Mapping[str, Any]]
"""A text, or the messages of a chat; a message's content is a text or a list of parts."""


def text_of(completion: Completion) -> str:
    """The completion's text; empty where no assistant message has any.

    Raises `TypeError` for what is neither a text nor messages.
    """
    if isinstance(completion, str):
        return completion
    if not isinstance(completion, Sequence):
        raise TypeError(f"a completion must be a str or a list of messages, got {type(completion).__name__}")
    for message in reversed(completion):
        if not isinstance(message, Mapping):
            raise TypeError(f"a completion must be a str or a list of messages, got one of {type(message).__name__}")
        text = _content(message.get("content"))
        if message.get("role", "assistant") == "assistant" and text:
            return text
    return ""


def _content(content: Any) -> str:  # noqa: ANN401
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.get("text") or "" for part in content if part.get("type") == "text")
