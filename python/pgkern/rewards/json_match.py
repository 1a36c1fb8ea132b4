"""The reward of a JSON value that is the gold's."""

import json
import re
from typing import Any

from ..verification import Verdict
from .json_text import NotJsonError, read_json
from .reward import Reward, judged

_FENCE = re.compile(r"^[ \t]*```.*$", re.MULTILINE)


def json_match(completion: str, gold: Any, *, partial: bool = False) -> Reward:  # noqa: ANN401
    """Reward JSON whose value is the gold's: the last fenced block of the completion, or all of it where there is none.

    `gold` is JSON text (always, if it is a str) or the value itself, as `json.dumps` takes it. The order of keys does
    not count, that of lists does; numbers are equal by their decimal text (1.0 is 1, 1e400 is not 1e401), strings
    letter by letter. With `partial`, where both are objects, the reward is the share of equal fields: those with equal
    values among the keys of either; `answer_reward` stays 1 or 0.

    An answer that is no JSON is `UNPARSED`, with the reason (a key twice, NaN, more than 100 levels or 100,000
    characters are none); such a gold is `BAD_GOLD`.

    >>> json_match('```json\\n{"b": [1.0], "a": 2}\\n```', '{"a": 2, "b": [1]}').reward
    1.0
    """
    text = _json_part(completion)
    try:
        wanted = read_json(gold if isinstance(gold, str) else json.dumps(gold, allow_nan=False))
    except (NotJsonError, TypeError, ValueError, RecursionError) as error:
        return judged(Verdict.BAD_GOLD, str(error), answered=bool(text))
    if not text:
        return judged(Verdict.NO_ANSWER)
    try:
        found = read_json(text)
    except NotJsonError as error:
        return judged(Verdict.UNPARSED, str(error))
    if found == wanted:
        return judged(Verdict.CORRECT)
    if not (partial and isinstance(found, dict) and isinstance(wanted, dict)):
        return judged(Verdict.WRONG)
    keys = found.keys() | wanted.keys()
    equal = sum(key in found and key in wanted and found[key] == wanted[key] for key in keys)
    return Reward(equal / len(keys), 1.0, 0.0, Verdict.WRONG, f"{equal} of {len(keys)} fields are equal")


def _json_part(completion: str) -> str:
    """The last fenced block, to the end of the text where it is not closed; or the whole text."""
    text = completion.rpartition("</think>")[2]
    begin, block = None, None
    for fence in _FENCE.finditer(text):
        if begin is None:
            begin = fence.end()
        else:
            block, begin = text[begin : fence.start()], None
    if begin is not None:
        block = text[begin:]
    return (text if block is None else block).strip()
