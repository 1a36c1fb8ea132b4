"""Visits to rows of logits that exist already."""
