"""What happened to a run besides its steps, in ``events.jsonl``: divergence, roll-backs, resumption, failures."""

from __future__ import annotations

from .jsonl_log import JsonlLog


class EventLog(JsonlLog):
    """Writes ``events.jsonl``, one JSON object with ``step``, ``event`` and ``message`` for each event.

    Events are "resumed", "diverged", "rolled_back", "reward_failed", "checkpoint_failed", "tracker_failed",
    "checkpoint_damaged", "engine_doubtful", "engine_failed", "engine_rebuilt" and "stopped"; the report marks the first
    three on the curves.
    """

    def log(self, step: int, event: str, message: str) -> None:
        """Append an event: the step that it happened in, its name, and what happened, for people to read."""
        self.append([{"step": step, "event": event, "message": message}])
