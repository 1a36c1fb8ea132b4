"""Prompt formats: what stands around a question, and the form in which a response gives its answer."""

from dataclasses import dataclass
from pathlib import Path

from .answer_form import AnswerForm, form_asked_for, worked_solution

R1_ZERO = (
    "A conversation between User and Assistant. The User asks a question, and the Assistant solves it. "
    "The Assistant first thinks about the reasoning process in the mind and then provides the User with the answer. "
    "The reasoning process is enclosed within <think> </think> and answer is enclosed within <answer> </answer> tags, "
    "respectively, i.e., <think> reasoning process here </think> <answer> answer here </answer>.\n"
    "User: {question}\n"
    "Assistant: <think>"
)
"""The prompt of DeepSeek-R1-Zero (arXiv 2501.12948, table 1). A response starts inside `<think>`."""

QUESTION_ONLY = "{question}"

TEMPLATES = {"r1_zero": R1_ZERO, "question_only": QUESTION_ONLY}

CHAT = "chat"
"""The name of the format that the tokenizer's own chat template makes."""

_FILE = "file:"


@dataclass(frozen=True)
class PromptFormat:
    """What a prompt is made by; `prompt_format` makes one of a setting.

    Attributes:
        template: the text around `{question}`; None for the tokenizer's chat template.
        answer_form: the form that a worked solution, and a right response, gives its answer in.
        system: what a chat template gets as the system's message, if anything.
    """

    template: str | None
    answer_form: AnswerForm
    system: str | None = None

    @property
    def is_chat(self) -> bool:
        """Whether the tokenizer's chat template makes the prompt."""
        return self.template is None

    def render(self, question: str) -> str:
        """The template's text with the question in its place; braces of the question are left alone.

        A chat's is the question: the text around it is the tokenizer's (`train/model/prompt.py`).
        """
        return question if self.template is None else self.template.replace("{question}", question)

    def messages(self, question: str) -> list[dict[str, str]]:
        """The question as a chat template takes it."""
        system = [{"role": "system", "content": self.system}] if self.system is not None else []
        return [*system, {"role": "user", "content": question}]

    def solution(self, reasoning: str, answer: str) -> str:
        """The text that continues the prompt and arrives at `answer`; a space comes first where the prompt has none."""
        apart = "" if self.template is None or self.template[-1:].isspace() else " "
        return apart + worked_solution(self.answer_form, reasoning, answer)


def prompt_format(prompt: str, *, system: str | None = None, answer_form: AnswerForm | None = None) -> PromptFormat:
    """The format that a setting names: `r1_zero`, `question_only`, `chat`, a text with `{question}`, or `file:PATH`.

    The answer's form is `r1_zero` for that prompt, `boxed` for `question_only` and `chat`, and what the text speaks of
    for any other; `answer_form` has the last word.

    Raises `ValueError` for anything else, for a text without `{question}` and for a system message without a chat;
    `OSError` for a file that cannot be read.
    """
    if system is not None and prompt != CHAT:
        raise ValueError(f"a system prompt goes with prompt 'chat', not {prompt!r:.60}, whose text can say it")
    if prompt == CHAT:
        return PromptFormat(None, answer_form or "boxed", system)
    template = TEMPLATES.get(prompt, prompt)
    if prompt.startswith(_FILE):
        template = _text_of(Path(prompt.removeprefix(_FILE)))
    elif "{question}" not in template:
        names = ", ".join(map(repr, (*TEMPLATES, CHAT)))
        raise ValueError(f"prompt is {prompt!r:.80}, expected one of {names}, a text with {{question}}, or 'file:PATH'")
    return PromptFormat(template, answer_form or form_asked_for(template))


def _text_of(path: Path) -> str:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"the prompt's file {path} is not UTF-8 text ({error})") from error
    if "{question}" not in text:
        raise ValueError(f"the prompt's file {path} does not say where the {{question}} goes: {text!r:.80}")
    return text
