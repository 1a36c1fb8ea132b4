"""Rollouts by vLLM: in a worker process of its own, or from servers."""
