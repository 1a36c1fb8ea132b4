"""Batches for the policy update: rows of sequences, equal shares of work, arrays aligned for the loss."""

from .collate import CollatedBatch, collate_packed, collate_padded
from .ragged import Ragged
from .ranks import pack_balanced
from .rows import pack_sequences, pack_sequences_flat
from .shares import balance
from .work import attention_crossover, imbalance, sequence_work

__all__ = [
    "CollatedBatch",
    "Ragged",
    "attention_crossover",
    "balance",
    "collate_packed",
    "collate_padded",
    "imbalance",
    "pack_balanced",
    "pack_sequences",
    "pack_sequences_flat",
    "sequence_work",
]
