import pytest
import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast

from pgkern.rollout.engine import Prompt, Rollout, Sampling
from pgkern.rollout.transformers_engine import TransformersEngine
from pgkern.train.config import ModelConfig
from pgkern.train.model.small_model import build_model, build_tokenizer

TEXTS = ["What is 12 + 34? <think> 2+4=6, 1+3=4 </think> <answer> 46 </answer>", "Say it again, please: 7 + 8?"]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(TEXTS, 300)


@pytest.fixture
def model(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    torch.manual_seed(0)
    model = build_model(ModelConfig(hidden_size=32, num_layers=2, head_dim=16), tokenizer)
    with torch.no_grad():
        for parameter in model.parameters():  # a fresh head is nearly uniform; this one has preferences
            parameter.mul_(3.0) if parameter.dim() == 2 else None
    return model


def prompts(tokenizer: PreTrainedTokenizerFast, *texts: str) -> list[Prompt]:
    return [Prompt(text, tuple(tokenizer(text).input_ids)) for text in texts]


def log_probs_by_hand(model: PreTrainedModel, rollout: Rollout, temperature: float) -> list[float]:
    ids = torch.tensor([[*rollout.prompt.token_ids, *rollout.response_ids]])
    with torch.no_grad():
        log_p = (model(ids).logits[0].double() / temperature).log_softmax(-1)
    start = len(rollout.prompt.token_ids) - 1
    return [float(log_p[start + place, token]) for place, token in enumerate(rollout.response_ids)]


class Steered:
    """The model with a head that says the script, whatever the prompt."""

    def __init__(self, model: PreTrainedModel, script: list[int]) -> None:
        self.model = model
        head, spoken = model.get_output_embeddings(), iter([*script, *[0] * 100])

        def say(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], logits: torch.Tensor) -> torch.Tensor:
            steered = torch.full_like(logits, -1e4)
            steered[..., next(spoken)] = 0.0
            return steered

        head.register_forward_hook(say)


@pytest.mark.parametrize("temperature", [1.0, 0.6, 1.7])
def test_log_probs_are_the_models_at_the_sampling_temperature(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, temperature: float
) -> None:
    engine = TransformersEngine(model, tokenizer, batch_size=5)
    asked = prompts(tokenizer, "What is 12 + 34?", "Say 7", "Say it again, please: 7 + 8? And 1?")
    sampling = Sampling(num_samples=4, temperature=temperature, max_tokens=12, seed=3)
    rollouts = list(engine.generate(asked, sampling))
    assert sorted(rollout.prompt_index for rollout in rollouts) == [0] * 4 + [1] * 4 + [2] * 4
    for rollout in rollouts:
        assert rollout.prompt is asked[rollout.prompt_index]
        assert len(rollout.log_probs) == len(rollout.response_ids)
        assert rollout.log_probs == pytest.approx(log_probs_by_hand(model, rollout, temperature), abs=2e-5)


def test_the_seed_decides_and_the_global_generator_is_left_alone(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    engine = TransformersEngine(model, tokenizer)
    asked = prompts(tokenizer, "What is 12 + 34?")

    def sample(seed: int) -> list[tuple[int, ...]]:
        return [one.response_ids for one in engine.generate(asked, Sampling(num_samples=8, max_tokens=8, seed=seed))]

    state = torch.get_rng_state()
    first = sample(1)
    torch.rand(3)
    assert sample(1) == first
    assert sample(2) != first
    torch.set_rng_state(state)
    list(engine.generate(asked, Sampling(max_tokens=2, seed=9)))
    assert torch.equal(torch.get_rng_state(), state)


def test_greedy_takes_the_likeliest_token(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    (rollout,) = TransformersEngine(model, tokenizer).generate(
        prompts(tokenizer, "What is 12 + 34?"), Sampling(temperature=0.0, max_tokens=6)
    )
    ids = torch.tensor([[*rollout.prompt.token_ids, *rollout.response_ids]])
    start = len(rollout.prompt.token_ids) - 1
    assert model(ids).logits[0, start:-1].argmax(-1).tolist() == list(rollout.response_ids)


@pytest.mark.parametrize("pieces", [["</answer>"], ["<", "/", "answ", "er", ">"]])
def test_the_stop_text_ends_a_response_also_when_it_is_spelled_in_pieces(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, pieces: list[str]
) -> None:
    ending = [token for piece in pieces for token in tokenizer(piece, add_special_tokens=False).input_ids]
    script = tokenizer("7+8=15", add_special_tokens=False).input_ids + ending
    steered = Steered(model, script)
    (rollout,) = TransformersEngine(steered.model, tokenizer).generate(
        prompts(tokenizer, "What is 7 + 8?"), Sampling(max_tokens=40, stop="</answer>")
    )
    assert rollout.response == "7+8=15</answer>"
    assert list(rollout.response_ids) == script
    assert rollout.finish_reason == "stop"


def test_a_response_that_runs_out_of_tokens_is_told_apart(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    script = tokenizer("7+8=15 and so on", add_special_tokens=False).input_ids
    (rollout,) = TransformersEngine(Steered(model, script).model, tokenizer).generate(
        prompts(tokenizer, "What is 7 + 8?"), Sampling(max_tokens=4)
    )
    assert (rollout.finish_reason, list(rollout.response_ids)) == ("length", script[:4])


def test_the_end_of_text_token_ends_a_response_and_is_an_action(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    script = [*tokenizer("15", add_special_tokens=False).input_ids, tokenizer.eos_token_id]
    (rollout,) = TransformersEngine(Steered(model, script).model, tokenizer).generate(
        prompts(tokenizer, "What is 7 + 8?"), Sampling(max_tokens=20, stop=None)
    )
    assert (rollout.finish_reason, list(rollout.response_ids), rollout.response) == ("stop", script, "15")


def test_a_published_top_k_narrows_nothing_and_is_left_in_place(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    published = GenerationConfig(do_sample=True, top_k=1, top_p=0.1, repetition_penalty=2.0)
    model.generation_config = published
    rollouts = list(
        TransformersEngine(model, tokenizer).generate(
            prompts(tokenizer, "What is 12 + 34?"), Sampling(num_samples=64, max_tokens=1)
        )
    )
    assert len({rollout.response_ids for rollout in rollouts}) > 5
    for rollout in rollouts:
        assert rollout.log_probs == pytest.approx(log_probs_by_hand(model, rollout, 1.0), abs=2e-5)
    assert model.generation_config is published
    assert model.training


def test_new_weights_are_sampled_from_and_their_version_is_on_the_rollouts(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    torch.manual_seed(1)
    other = build_model(ModelConfig(hidden_size=32, num_layers=2, head_dim=16), tokenizer)
    engine = TransformersEngine(model, tokenizer)
    engine.load_weights(((name, tensor.clone()) for name, tensor in other.state_dict().items()), version=5)
    (rollout,) = engine.generate(prompts(tokenizer, "What is 12 + 34?"), Sampling(max_tokens=5))
    assert rollout.weights_version == 5
    assert rollout.log_probs == pytest.approx(log_probs_by_hand(other, rollout, 1.0), abs=2e-5)


def test_weights_that_do_not_fit_are_refused_and_nothing_changes(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    engine = TransformersEngine(model, tokenizer)
    weights = {name: tensor.clone() + 1.0 for name, tensor in model.state_dict().items()}
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    name = "model.layers.0.mlp.up_proj.weight"
    with pytest.raises(ValueError, match=f"1 weights are missing, the first is '{name}'"):
        engine.load_weights(((key, value) for key, value in weights.items() if key != name), version=1)
    with pytest.raises(ValueError, match=r"the weight 'model.norm.weight' has shape \(31,\), expected \(32,\)"):
        engine.load_weights({**weights, "model.norm.weight": torch.ones(31)}.items(), version=1)
    with pytest.raises(ValueError, match=r"the model has no weight named 'model\.nurm'"):
        engine.load_weights({**weights, "model.nurm": torch.ones(1)}.items(), version=1)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_samples": 0}, "num_samples is 0, expected at least 1"),
        ({"temperature": -0.5}, "temperature is -0.5, expected a finite number of at least 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"max_tokens": 0}, "max_tokens is 0, expected at least 1"),
    ],
)
def test_impossible_sampling_is_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sampling(**settings)  # type: ignore[arg-type]


def test_a_prompt_without_tokens_is_refused(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ValueError, match="prompt 1 has no tokens"):
        list(TransformersEngine(model, tokenizer).generate([*prompts(tokenizer, "a"), Prompt("", ())], Sampling()))
