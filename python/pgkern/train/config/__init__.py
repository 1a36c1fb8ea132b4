"""Every setting of a training run, with the default that `pgkern train` uses when it is told nothing.

The defaults train a small transformer from scratch on addition, on a CPU, in a few minutes.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from ...rollout.vllm.arguments import check_temperature
from .advantages import AdvantageConfig, Baseline, Returns, ValueConfig
from .data import SETTINGS_OF_FILES, DataConfig
from .divergence import DivergenceConfig
from .model import LoraConfig, ModelConfig, WarmupConfig
from .objective import ObjectiveConfig
from .optimizer import OptimizerConfig
from .reward import RewardConfig
from .rollouts import RolloutConfig
from .run import RunConfig
from .vllm import VllmConfig
from .watch import WatchConfig

__all__ = [
    "SETTINGS_OF_FILES",
    "SETTINGS_OF_ONE_ENGINE",
    "AdvantageConfig",
    "Baseline",
    "DataConfig",
    "DivergenceConfig",
    "Engine",
    "LoraConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "OptimizerConfig",
    "Returns",
    "RewardConfig",
    "RolloutConfig",
    "RunConfig",
    "TrainConfig",
    "ValueConfig",
    "VllmConfig",
    "WarmupConfig",
    "WatchConfig",
]

Engine = Literal["transformers", "vllm", "vllm-server"]

SETTINGS_OF_ONE_ENGINE: dict[str, Engine] = {
    "urls": "vllm-server",
    "servers": "vllm-server",
    "gpus": "vllm-server",
    "weight_transfer": "vllm-server",
    "sleep": "vllm",
    "in_memory": "vllm",
}
"""Of the table `vllm`, by the one engine that takes them."""

_STEPS_FROM_SCRATCH = 400  # of warm-up


@dataclass(frozen=True)
class TrainConfig:
    """The whole configuration; each part is a table of the TOML file, and `rewards` an array of tables."""

    engine: Engine = "transformers"  # what samples: the trained module itself, or vLLM in processes of its own
    run: RunConfig = field(default_factory=RunConfig)
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    warmup: WarmupConfig = field(default_factory=WarmupConfig)
    rollouts: RolloutConfig = field(default_factory=RolloutConfig)
    vllm: VllmConfig = field(default_factory=VllmConfig)
    rewards: tuple[RewardConfig, ...] = ()  # none: the built-in one that fits the task and its prompt
    advantages: AdvantageConfig = field(default_factory=AdvantageConfig)
    value: ValueConfig = field(default_factory=ValueConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    divergence: DivergenceConfig = field(default_factory=DivergenceConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)

    def __post_init__(self) -> None:
        if not self.rewards:
            fitting = (RewardConfig(self.data.default_reward),)
            object.__setattr__(self, "rewards", fitting)  # so that the run's own configuration says which
        if self.warmup.steps is None:
            settled = replace(self.warmup, steps=_STEPS_FROM_SCRATCH if self.model.path is None else 0)
            object.__setattr__(self, "warmup", settled)
        if self.lora.rank is not None and self.model.path is None:
            raise ValueError("adapters on random weights learn nothing: lora.rank needs model.path")
        self._check_engine()
        self._check_staleness()
        baseline, samples = self.advantages.baseline, self.rollouts.samples_per_prompt
        if baseline in ("group_mean", "leave_one_out") and samples < 2:
            raise ValueError(
                f"baseline {baseline!r} compares the samples of a prompt: it needs rollouts.samples_per_prompt of at "
                f"least 2, got {samples}"
            )
        if baseline == "batch_mean" and samples * self.rollouts.prompts_per_step < 2:
            raise ValueError("baseline 'batch_mean' compares the rollouts of a step: it needs at least 2 of them")
        if self.optimizer.updates_per_step > 1 and self.objective.name == "reinforce":
            raise ValueError(
                "objective 'reinforce' is on-policy (eq. 26), so optimizer.updates_per_step must be 1; "
                "'reinforce_off_policy' (eq. 27) and the clipped objectives take more"
            )

    def _check_staleness(self) -> None:
        if self.rollouts.staleness == 0:
            return
        if self.objective.name == "reinforce":
            raise ValueError(
                "objective 'reinforce' is on-policy (eq. 26), so rollouts.staleness must be 0; 'reinforce_off_policy' "
                "(eq. 27) and the clipped objectives weigh rollouts of an older policy by their ratio"
            )
        if self.objective.correction is not None:
            raise ValueError(
                "with rollouts.staleness 1 the objective's ratio is to what the engine sampled with; "
                "nothing is left for objective.correction"
            )
        if self.vllm.sleep:
            raise ValueError("vllm.sleep frees the GPU while the policy trains, and rollouts.staleness 1 samples then")
        if self.vllm.in_memory:
            raise ValueError(
                "vllm.in_memory has an engine that is built anew read the policy's weights again, "
                "which rollouts.staleness 1 changes meanwhile"
            )

    def _check_engine(self) -> None:
        if self.engine != "transformers":
            check_temperature(self.rollouts.temperature)
        settings = self.vllm
        for name, engine in SETTINGS_OF_ONE_ENGINE.items():
            if getattr(settings, name) != getattr(VllmConfig, name) and self.engine != engine:
                raise ValueError(f"vllm.{name} belongs to engine {engine!r}, and the engine is {self.engine!r}")
        room = settings.max_model_len
        if room is not None and room <= self.rollouts.max_tokens:
            raise ValueError(
                f"vllm.max_model_len is {room}, which leaves no room for a prompt beside rollouts.max_tokens "
                f"({self.rollouts.max_tokens})"
            )
