import dataclasses
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgkern.train.config_file import ConfigError, load_config, to_toml


@dataclass(frozen=True)
class Sampling:
    temperature: float = 1.0
    top_k: int | None = None
    max_tokens: int = 256
    stop: tuple[str, ...] = ("</answer>",)

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")


@dataclass(frozen=True)
class Optimizer:
    learning_rate: float = 1e-5
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: Literal[0, 10, 100] = 0


@dataclass(frozen=True)
class Config:
    model: str = "tiny"
    data: Path = Path("train.jsonl")
    seed: int = 0
    compile: bool = False
    note: Optional[str] = "hello"  # noqa: UP045 - the old spelling is a different object to `typing`
    grid: tuple[tuple[int, ...], ...] = ()
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=0.9))
    optimizer: Optimizer = Optimizer()
    evaluation: Sampling | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")


@dataclass(frozen=True)
class Required:
    model: str
    inner: "RequiredInner"


@dataclass(frozen=True)
class RequiredInner:
    steps: int
    width: int = 3


def load(tmp_path: Path, text: str, *overrides: str) -> Config:
    (tmp_path / "run.toml").write_text(text)
    return load_config(Config, tmp_path / "run.toml", overrides)


def error_of(text: str, tmp_path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, *overrides)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_defaults_without_file_or_overrides() -> None:
    assert load_config(Config) == Config()


def test_file_replaces_defaults_and_overrides_replace_the_file(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        model = "base"
        data = "other/train.jsonl"
        grid = [[1, 2], []]
        [sampling]
        top_k = 20
        max_tokens = 64
        [optimizer]
        betas = [0, 0.95]
        schedule = "cosine"
        """,
        "sampling.max_tokens=128",
        "compile=true",
        "optimizer.learning_rate=3e-4",
    )
    assert config == Config(
        model="base",
        data=Path("other/train.jsonl"),
        compile=True,
        grid=((1, 2), ()),
        sampling=Sampling(temperature=0.9, top_k=20, max_tokens=128),  # 0.9: the default of this field, not the class
        optimizer=Optimizer(learning_rate=3e-4, betas=(0.0, 0.95), schedule="cosine"),
    )
    assert type(config.optimizer.betas[0]) is float


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model=plain words", "plain words"),
        ("model=Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ('model="1"', "1"),
        ("model=a=b", "a=b"),
        ("model=", ""),
        ("model = spaced ", "spaced"),
        ('model="x"\nseed = 3', '"x"\nseed = 3'),  # not a second key
    ],
)
def test_override_strings(override: str, expected: str) -> None:
    assert load_config(Config, None, [override]) == Config(model=expected)


def test_override_values_are_toml() -> None:
    config = load_config(
        Config,
        None,
        ["sampling.stop=['a', 'b']", "grid=[[1]]", "seed=1_000", "sampling = {top_k = 5, temperature = 2}"],
    )
    assert config == Config(seed=1000, grid=((1,),), sampling=Sampling(temperature=2.0, top_k=5, stop=("a", "b")))


def test_the_later_override_counts() -> None:
    assert load_config(Config, None, ["seed=1", "seed=2"]).seed == 2


def test_none_is_spelled_none(tmp_path: Path) -> None:
    assert load(tmp_path, 'note = "none"').note is None
    assert load(tmp_path, "[sampling]\ntop_k = 3", "sampling.top_k=none").sampling.top_k is None
    assert load(tmp_path, 'model = "none"').model == "none"  # None is not allowed there: a plain string


def test_optional_table(tmp_path: Path) -> None:
    assert load(tmp_path, "[evaluation]\ntemperature = 0.5").evaluation == Sampling(temperature=0.5)
    assert load(tmp_path, "", "evaluation.top_k=1").evaluation == Sampling(top_k=1)
    assert load(tmp_path, "[evaluation]\ntop_k = 1", "evaluation=none").evaluation is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sead = 1", "run.toml: unknown key 'sead'; did you mean 'seed'?"),
        (
            "[sampling]\ntemprature = 1",
            "run.toml: unknown key 'sampling.temprature'; did you mean 'sampling.temperature'?",
        ),
        ("learning_rate = 1", "run.toml: unknown key 'learning_rate'; did you mean 'optimizer.learning_rate'?"),
        ("[sampling]\nlearning-rate = 1", "run.toml: unknown key 'sampling.learning-rate'; did you mean 'optimizer.le"),
        (
            "[sampling]\nqqq = 1",
            "run.toml: unknown key 'sampling.qqq'; valid keys of [sampling]: temperature, top_k, max_tokens, stop",
        ),
        ("qqq = 1", "run.toml: unknown key 'qqq'; valid keys at the top level: model, data, seed, compile, note"),
    ],
)
def test_unknown_key_is_refused_with_the_nearest_one(text: str, message: str, tmp_path: Path) -> None:
    assert error_of(text, tmp_path).startswith(message)


def test_unknown_key_in_an_override_names_the_override() -> None:
    with pytest.raises(ConfigError, match=r"^--set seeed=1: unknown key 'seeed'; did you mean 'seed'\?$"):
        load_config(Config, None, ["seeed=1"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = true", "seed = true is of type bool, expected int"),
        ("seed = 1.0", "seed = 1.0 is of type float, expected int"),
        ('seed = "1"', "seed = '1' is of type str, expected int"),
        ("seed = [1]", "seed = [1] is of type array, expected int"),
        ("seed = {a = 1}", "seed = {'a': 1} is of type table, expected int"),
        ("seed = 2024-01-01", "seed = datetime.date(2024, 1, 1) is of type date, expected int"),
        ("compile = 1", "compile = 1 is of type int, expected bool (true or false)"),
        (
            'compile = "True"',
            "compile = 'True' is of type str, expected bool (true or false); "
            "did you mean true, without quotes and in lower case?",
        ),
        ("model = 1", "model = 1 is of type int, expected str; for text write quotes: model='\"1\"'"),
        ("data = 1.5", "data = 1.5 is of type float, expected path (a string); for text write quotes: data='\"1.5\"'"),
        ("note = false", 'note = false is of type bool, expected str or "none"; for text write quotes'),
        ("sampling = 1", "sampling = 1 is of type int, expected table"),
        ("evaluation = 1", 'evaluation = 1 is of type int, expected table or "none"'),
        ("[sampling]\ntemperature = true", "sampling.temperature = true is of type bool, expected float"),
        ("[sampling]\ntemperature = 'hot'", "sampling.temperature = 'hot' is of type str, expected float"),
        ("[sampling]\ntop_k = 1.5", 'sampling.top_k = 1.5 is of type float, expected int or "none"'),
        ("[sampling]\nstop = 'x'", "sampling.stop = 'x' is of type str, expected array of str"),
        ("[sampling]\nstop = ['x', 1]", "sampling.stop[1] = 1 is of type int, expected str"),
        ("grid = [[1], [2, 'x']]", "grid[1][1] = 'x' is of type str, expected int"),
        (
            "[optimizer]\nbetas = [0.9]",
            "optimizer.betas = [0.9] is of type array, expected array of exactly 2: [float, float]",
        ),
        (
            "[optimizer]\nschedule = 'cosin'",
            "optimizer.schedule = 'cosin' is of type str, expected one of 'constant', 'cosine'; did you mean 'cosine'?",
        ),
        ("[optimizer]\nwarmup = 5", "optimizer.warmup = 5 is of type int, expected one of 0, 10, 100"),
        ("[optimizer]\nwarmup = false", "optimizer.warmup = false is of type bool, expected one of 0, 10, 100"),
    ],
)
def test_ill_typed_value_is_refused(text: str, message: str, tmp_path: Path) -> None:
    assert error_of(text, tmp_path).startswith(f"run.toml: {message}")


def test_int_too_large_for_a_float_is_refused(tmp_path: Path) -> None:
    assert "expected float" in error_of(f"[sampling]\ntemperature = 1{'0' * 400}", tmp_path)


def test_long_values_are_cut_in_messages(tmp_path: Path) -> None:
    assert len(error_of(f'seed = "{"x" * 10_000}"', tmp_path)) < 200


def test_post_init_error_names_the_table(tmp_path: Path) -> None:
    assert (
        error_of("[sampling]\ntemperature = 0.5", tmp_path, "sampling.temperature=-1")
        == "run.toml, --set sampling.temperature=-1: table [sampling]: temperature must be positive, got -1.0"
    )
    assert error_of("seed = -1", tmp_path) == "run.toml: top level: seed must not be negative, got -1"


@pytest.mark.parametrize(
    ("text", "line"),
    [("seed = 1\nmodel = \n", 2), ("seed = 1\n\n[sampling\n", 3), ("a = [1,\n2,\n", 2), ("seed = 1\nseed = 2\n", 2)],
)
def test_syntax_error_tells_file_and_line(text: str, line: int, tmp_path: Path) -> None:
    assert error_of(text, tmp_path).startswith(f"run.toml:{line}: not valid TOML: ")


def test_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_bytes(b'seed = 1\nmodel = "\xff"\n')
    with pytest.raises(ConfigError, match=r"run\.toml:2: not UTF-8"):
        load_config(Config, tmp_path / "run.toml")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        load_config(Config, tmp_path / "absent.toml")


@pytest.mark.parametrize("override", ["seed", "=1", "", "sampling.=1", ".seed=1"])
def test_malformed_override(override: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"--set {override}: expected key=value")):
        load_config(Config, None, [override])


def test_required_keys() -> None:
    assert load_config(Required, None, ["model=x", "inner.steps=2"]) == Required("x", RequiredInner(2))
    with pytest.raises(ConfigError, match="top level: the key 'model' is missing and has no default"):
        load_config(Required, None, ["inner.steps=2"])
    with pytest.raises(ConfigError, match=r"table \[inner\]: the key 'steps' is missing"):
        load_config(Required, None, ["model=x"])


def test_unsupported_annotation_is_the_programmers_mistake() -> None:
    Bad = dataclasses.make_dataclass("Bad", [("weights", dict[str, float])])
    with pytest.raises(TypeError, match="weights: a configuration field cannot have the type"):
        load_config(Bad, None, ["weights=1"])


def test_to_toml_text() -> None:
    assert to_toml(Config(note=None, data=Path("a b"), grid=((1, 2), ()))) == (
        'model = "tiny"\ndata = "a b"\nseed = 0\ncompile = false\nnote = "none"\ngrid = [[1, 2], []]\n'
        'evaluation = "none"\n'
        '\n[sampling]\ntemperature = 0.9\ntop_k = "none"\nmax_tokens = 256\nstop = ["</answer>"]\n'
        '\n[optimizer]\nlearning_rate = 1e-05\nbetas = [0.9, 0.999]\nschedule = "constant"\nwarmup = 0\n'
    )


def test_nan_is_written_and_read(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(to_toml(Optimizer(learning_rate=math.nan)))
    assert math.isnan(load_config(Optimizer, tmp_path / "c.toml").learning_rate)


def test_what_toml_cannot_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match='note: the string "none" stands for None'):
        to_toml(Config(note="none"))
    with pytest.raises(ConfigError, match=r"model = .*: not valid Unicode"):
        to_toml(Config(model="\udc80"))
    with pytest.raises(TypeError, match="does not fit"):
        to_toml(Config(model=[1]))  # type: ignore[arg-type]


texts = st.text()  # hypothesis leaves out surrogates, which no UTF-8 file can hold
floats = st.floats(allow_nan=False)
samplings = st.builds(
    Sampling,
    temperature=st.floats(min_value=0, exclude_min=True),
    top_k=st.none() | st.integers(),
    max_tokens=st.integers(),
    stop=st.lists(texts).map(tuple),
)
optimizers = st.builds(
    Optimizer,
    learning_rate=floats,
    betas=st.tuples(floats, floats),
    schedule=st.sampled_from(["constant", "cosine"]),
    warmup=st.sampled_from([0, 10, 100]),
)
configs = st.builds(
    Config,
    model=texts,
    data=texts.map(Path),
    seed=st.integers(min_value=0),
    compile=st.booleans(),
    note=st.none() | texts.filter(lambda text: text != "none"),
    grid=st.lists(st.lists(st.integers()).map(tuple)).map(tuple),
    sampling=samplings,
    optimizer=optimizers,
    evaluation=st.none() | samplings,
)


@given(config=configs)
def test_to_toml_loads_back_equal(config: Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "config.toml"
    path.write_bytes(to_toml(config).encode())
    loaded = load_config(Config, path)
    assert loaded == config
    assert to_toml(loaded) == to_toml(config)


@given(text=texts)
def test_any_override_text_gives_a_value_or_a_config_error(text: str) -> None:
    for key in ("model", "seed", "sampling", "sampling.stop"):
        try:
            config: Any = load_config(Config, None, [f"{key}={text}"])
        except ConfigError:
            continue
        assert isinstance(config, Config)
