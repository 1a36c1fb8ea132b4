"""What becomes of a rollout, by its name in the metrics (``outcome_…``) and in ``rollouts.jsonl``."""

FAILURES = ("raised", "timed_out", "bad_value", "died", "not_started")
"""The reward function failed it."""

OUTCOMES = ("correct", "scored", "wrong", "no_answer", "unparsed", "over_budget", "bad_gold", *FAILURES)
"""All that there are, the good ones first."""
