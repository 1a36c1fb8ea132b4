"""What happened to a run besides its steps, in words."""

from __future__ import annotations

from collections import Counter

from .harmless_text import harmless
from .rollout_table import long_text
from .run_record import RunRecord

_SHOWN_AT_ONCE = 8


def event_list(record: RunRecord) -> str:
    """A table of the events, folded when there are many; empty without any."""
    if not record.events:
        return ""
    rows = "".join(
        f'<tr class="{_kind(event)}"><td class=num>{harmless(event.get("step"), limit=40)}'
        f'<td><span class="chip {_kind(event)}">{_kind(event).replace("_", " ")}</span>'
        f"<td>{long_text(event.get('message', ''))}</tr>"
        for event in record.events
    )
    table = f"<table class=events><thead><tr><th>Step<th>Event<th>Message</thead><tbody>{rows}</tbody></table>"
    if len(record.events) <= _SHOWN_AT_ONCE:
        return table
    counts = Counter(_kind(event).replace("_", " ") for event in record.events)
    summary = ", ".join(f"{count:,} × {kind}" for kind, count in counts.most_common())
    left_out = record.num_events - len(record.events)
    note = f"; {left_out:,} older ones are left out" if left_out else ""
    return f"<details><summary>{summary}{note}</summary>{table}</details>"


def _kind(event: dict[str, object]) -> str:
    return harmless(event.get("event", ""), limit=40)
