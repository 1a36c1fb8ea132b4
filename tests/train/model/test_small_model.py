from hypothesis import given, settings
from hypothesis import strategies as st

from pgkern.data.prompts import R1_ZERO
from pgkern.train.config import ModelConfig
from pgkern.train.model.small_model import build_model, build_tokenizer

TEXTS = [R1_ZERO.replace("{question}", f"What is {a} + 5?") + " 1+1=2 </think> <answer> 2 </answer>" for a in range(50)]
TOKENIZER = build_tokenizer(TEXTS, 1024)


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    ids = TOKENIZER(text, add_special_tokens=False).input_ids
    assert TOKENIZER.decode(ids, clean_up_tokenization_spaces=False) == text


def test_a_digit_is_a_token_and_so_is_the_template_around_the_question() -> None:
    assert len(TOKENIZER("1907", add_special_tokens=False).input_ids) == 4
    before, after = R1_ZERO.replace("{question}", "What is {question} + 5?").split("{question}")
    assert len(TOKENIZER(before).input_ids) == 1
    assert len(TOKENIZER(TEXTS[7]).input_ids) < 20 < len(after)
    assert len(TOKENIZER) <= 1024


def test_the_model_has_the_sizes_asked_for_and_a_tied_head() -> None:
    model = build_model(ModelConfig(hidden_size=48, num_layers=3, head_dim=16), TOKENIZER)
    assert model.config.num_hidden_layers == 3
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert tuple(model.get_output_embeddings().weight.shape) == (len(TOKENIZER), 48)
    assert model.config.eos_token_id == TOKENIZER.eos_token_id
