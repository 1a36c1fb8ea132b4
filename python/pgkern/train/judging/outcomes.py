"""What becomes of a rollout, by its name in the metrics (``outcome_…``) and in ``rollouts.jsonl``."""

from ...rewards import Failure

FAILURES = tuple(failure.name.lower() for failure in Failure)
"""The outcomes of a sample that a reward could not judge."""
