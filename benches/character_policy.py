"""Small decoders from scratch whose tokens are the characters of a few symbols: what the trainer's benches train."""

from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from pgkern.train.config import TrainConfig
from pgkern.train.model.policy_model import Policy, load_policy

PAD, END = "<pad>", "<|endoftext|>"
INITIALIZER_RANGE = 0.1  # as the trainer's own small model; 0.02 is for wide ones


def character_tokenizer(symbols: str) -> PreTrainedTokenizerFast:
    """A token for each symbol, one for padding, one that ends a text; anything else is not to be written."""
    vocabulary = {token: index for index, token in enumerate([PAD, END, *symbols])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=PAD))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, clean_up_tokenization_spaces=False
    )


def write_policy(
    folder: Path, symbols: str, *, hidden_size: int, num_layers: int, intermediate_size: int, seed: int
) -> int:
    """Write a fresh Qwen3 with heads of 32 and tied embeddings, as transformers loads it; its number of parameters."""
    tokenizer = character_tokenizer(symbols)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=intermediate_size,
        num_hidden_layers=num_layers,
        num_attention_heads=hidden_size // 32,
        num_key_value_heads=hidden_size // 32,
        head_dim=32,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        initializer_range=INITIALIZER_RANGE,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    return _write(folder, lambda: Qwen3ForCausalLM(config), tokenizer, seed)


def write_gpt2_policy(
    folder: Path, symbols: str, *, hidden_size: int, num_layers: int, max_tokens: int, seed: int
) -> int:
    """The same for a GPT-2 with heads of 32, a head of its own and a learned vector for each of `max_tokens` places."""
    tokenizer = character_tokenizer(symbols)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=hidden_size,
        n_layer=num_layers,
        n_head=hidden_size // 32,
        n_positions=max_tokens,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        tie_word_embeddings=False,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    return _write(folder, lambda: GPT2LMHeadModel(config), tokenizer, seed)


def _write(folder: Path, build: Callable[[], PreTrainedModel], tokenizer: PreTrainedTokenizerFast, seed: int) -> int:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return sum(parameter.numel() for parameter in model.parameters())


def read_policy(folder: Path, config: TrainConfig) -> Policy:
    """What is in the folder, as the trainer holds it."""
    return load_policy(folder, config)
