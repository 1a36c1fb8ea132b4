"""Prompts as token ids: with a real tokenizer, which puts a token of its own before a text."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from pgkern.data.prompts import prompt_format
from pgkern.train.model.prompt import prompt_of, solution_ids

CHAT = (
    "{{ bos_token }}{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NO_SYSTEM = "{{ raise_exception('Conversation roles must alternate') if messages[0].role == 'system' }}"


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    alphabet = {letter: index for index, letter in enumerate(["<s>", "</s>", *pre_tokenizers.ByteLevel.alphabet()])}
    made = Tokenizer(models.BPE(alphabet, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<s>", "</s>"])
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", clean_up_tokenization_spaces=False
    )


def test_a_text_gets_the_special_tokens_of_its_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = prompt_of(tokenizer, prompt_format("Q: {question}"), "1+1?")
    assert prompt.text == "Q: 1+1?"
    assert prompt.token_ids == tuple(tokenizer("Q: 1+1?").input_ids)
    assert prompt.token_ids.count(0) == 1


def test_a_chat_has_no_special_token_twice(tokenizer: PreTrainedTokenizerFast) -> None:
    tokenizer.chat_template = CHAT
    prompt = prompt_of(tokenizer, prompt_format("chat", system="Be brief."), "1+1?")
    assert prompt.text == "<s><|system|>Be brief.<|user|>1+1?<|assistant|>"
    assert prompt.token_ids.count(0) == 1
    assert tokenizer.decode(prompt.token_ids) == prompt.text
    assert prompt_of(tokenizer, prompt_format("chat"), "1+1?").text == "<s><|user|>1+1?<|assistant|>"


def test_a_chat_needs_a_template_that_takes_its_messages(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ValueError, match="prompt 'chat' needs a tokenizer with a chat template, and this one has none"):
        prompt_of(tokenizer, prompt_format("chat"), "1+1?")
    tokenizer.chat_template = NO_SYSTEM + CHAT
    with pytest.raises(ValueError, match="refuses a message of system and user: Conversation roles must alternate"):
        prompt_of(tokenizer, prompt_format("chat", system="Be brief."), "1+1?")


def test_a_solution_ends_in_the_stop_text_or_the_end_of_text(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.decode(solution_ids(tokenizer, "2 </answer>", "</answer>")) == "2 </answer>"
    assert tokenizer.decode(solution_ids(tokenizer, "2 </answer>", None)) == "2 </answer></s>"
    assert tokenizer.decode(solution_ids(tokenizer, "So \\boxed{2}.", "</answer>")) == "So \\boxed{2}.</s>"
