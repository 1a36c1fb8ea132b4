"""The reward of a choice among options, by letter or by text."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ..verification import Verdict, equivalent, extract_answer
from .reward import Reward, judged

Options: TypeAlias = Sequence[str] | Mapping[str, str]
"""The options' texts, labelled A, B, C, … in their order, or text by label."""

_FONT = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\{([^{}]*)\}")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def multiple_choice(
    completion: str, gold: str | int, options: Options | None = None, *, mode: str = "choice"
) -> Reward:
    """Reward the right option, named by its letter, by its text, or by both if they agree.

    The completion as a whole may be an option's text; otherwise the answer is found as `extract_answer` does with
    `mode`: where the completion says which it is, else the last capital letter that stands alone. `(B)`, `B.`, `b`,
    `B) Paris` and `Paris` are the same choice; what is both a letter and a text is the letter. Text is compared but for
    case and space. `gold` is a label, a text, or the index of an option counted from 0; without options it is a letter.

    A letter that is denied, doubted, or one of several is no choice: `not B`, `B is wrong`, `maybe B`, `A or B`. What
    names no option, or a letter with the text of another, is `UNPARSED` or `NO_ANSWER`; a gold that names none is
    `BAD_GOLD`.

    Raises `ValueError` for more than 26 options in a sequence (a mapping has labels of its own), a gold that is a bool,
    and a mode that is none.

    >>> multiple_choice("So it is **(C)**.", "Rome", ["Oslo", "Bern", "Rome"]).reward
    1.0
    """
    if isinstance(gold, bool):
        raise ValueError(f"gold is {gold}: it must be a label, a text, or the index of an option")
    texts = _labelled(options)
    right = _chosen(gold, texts) if isinstance(gold, str) else _at(gold, texts)
    answer = extract_answer(completion, mode=mode)
    chosen = None
    if options is not None and mode == "choice":
        chosen = _chosen(completion.rpartition("</think>")[2], texts)
    if right is None:
        reason = f"gold {gold!r} is none of the options {', '.join(texts)}"
        return judged(Verdict.BAD_GOLD, reason, answered=answer is not None or chosen is not None)
    if chosen is None:
        if answer is None:
            return judged(Verdict.NO_ANSWER)
        chosen = _chosen(answer, texts)
        if chosen is None:
            return judged(Verdict.UNPARSED, f"{answer[:80]!r} is none of the options {', '.join(texts)}")
    # Two options may have the same text: either is right.
    same = chosen == right or (texts[right] != "" and texts[chosen] == texts[right])
    return judged(Verdict.CORRECT) if same else judged(Verdict.WRONG, f"{chosen} is chosen, {right} is right")


def _labelled(options: Options | None) -> dict[str, str]:
    """The comparable text of each label; texts are empty where only letters are known."""
    if options is None:
        return dict.fromkeys(_LETTERS, "")
    if isinstance(options, Mapping):
        return {str(label).strip(): _comparable(str(text)) for label, text in options.items()}
    if len(options) > len(_LETTERS):
        raise ValueError(f"{len(options)} options: there are {len(_LETTERS)} letters; give them as a mapping by label")
    return {letter: _comparable(str(text)) for letter, text in zip(_LETTERS, options, strict=False)}


def _at(index: int, texts: dict[str, str]) -> str | None:
    return list(texts)[index] if 0 <= index < len(texts) else None


def _chosen(answer: str, texts: dict[str, str]) -> str | None:
    return _by_label(answer, texts) or _by_text(answer, texts)


def _by_text(answer: str, texts: dict[str, str]) -> str | None:
    longest = max(map(len, texts.values()), default=0)
    if len(answer) > 4 * longest + 100:  # white space apart; and nothing long is normalised
        return None
    wanted = _comparable(answer)
    return next((label for label, text in texts.items() if text and text == wanted), None)


def _by_label(answer: str, texts: dict[str, str]) -> str | None:
    """The label that an answer is, or begins with if what follows is that option's text."""
    bare = answer.strip().strip("*$").strip()
    while font := _FONT.fullmatch(bare):
        bare = font[1].strip()
    for label, text in texts.items():
        for spelling in dict.fromkeys((label, label.lower())):
            for opening, closing in (("(", ")"), ("[", "]"), ("", ")"), ("", "."), ("", ":"), ("", "")):
                rest = bare.removeprefix(f"{opening}{spelling}{closing}")
                if len(rest) == len(bare):
                    continue
                if not rest.strip("*. \t\r\n") or (closing and _goes_on_with(rest, bare, label, text)):
                    return label
    return None


def _goes_on_with(rest: str, answer: str, label: str, text: str) -> bool:
    """Whether the option's text follows; one that is not known may be any that takes nothing back: not `B) or C`."""
    return _by_text(rest, {label: text}) is not None if text else equivalent(answer, label)


def _comparable(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .")
