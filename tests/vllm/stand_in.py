"""A package that calls itself vllm and is imported at once: for what is about processes and not about vLLM."""

from pathlib import Path

FILES = {
    "vllm/__init__.py": "",
    "vllm/engine/__init__.py": "",
    "vllm/v1/__init__.py": "",
    "vllm/v1/engine/__init__.py": "",
    "vllm/platforms.py": """
class current_platform:
    is_cpu = staticmethod(lambda: False)
""",
    "vllm/engine/arg_utils.py": """
class EngineArgs:
    def __init__(self, **settings): self.settings = settings
""",
    "vllm/sampling_params.py": """
class RequestOutputKind: DELTA = 1
class SamplingParams:
    def __init__(self, **settings): self.__dict__.update(settings)
""",
    "vllm/v1/engine/llm_engine.py": """
import time
from types import SimpleNamespace as Some

class LLMEngine:
    \"\"\"Says token 7 until its budget runs out, a hundred times a second.\"\"\"
    left = {}
    from_engine_args = classmethod(lambda cls, arguments: cls())
    get_tokenizer = lambda self: Some(decode=lambda ids, **settings: "7" * len(ids))
    set_weight_version = lambda self, version: setattr(self, "weight_version", version)
    get_weight_version = lambda self: self.weight_version
    add_request = lambda self, name, prompt, params: self.left.update({name: params.max_tokens})
    abort_request = lambda self, names: [self.left.pop(name, None) for name in names]

    def step(self):
        time.sleep(0.01)
        outputs = []
        for name in list(self.left):
            self.left[name] -= 1
            finished = self.left[name] == 0
            versions = [Some(version=self.weight_version)] if finished else None
            token = Some(token_ids=[7], logprobs=[{7: Some(logprob=-0.5)}], weight_versions=versions,
                         finish_reason="length" if finished else None)
            outputs.append(Some(request_id=name, finished=finished, outputs=[token]))
            if finished: del self.left[name]
        return outputs
""",
}


def write_stand_in(folder: Path, on_import: str = "") -> Path:
    """Write the package; `on_import` is run when it is imported. Gives the folder for `PYTHONPATH`."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "vllm" / "__init__.py").write_text(on_import)
    return folder
