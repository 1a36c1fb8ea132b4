"""Rollout engines behind one small interface."""
