"""The configured rollout engine, and the probe of its weights."""
