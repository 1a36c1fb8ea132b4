"""Configured rewards, judged beside generation."""
