"""A small engine in a process of its own: a policy that knows the last token alone. `child_replica.py` speaks with it.

Run as a script with what it does wrong: "nothing", "stale" keeps its first weights and says otherwise, "old" keeps its
first version, "other version" answers under another one than it says, "half" leaves requests out, "double" answers one
twice, "nan" has log-probabilities that are none, "slow" takes a second for each answer, "hanging" for ever, "not
starting" for its start.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

END = 0


def log_probs_of(weight_VV: Any, last: int, temperature: float) -> Any:
    logits_V = weight_VV[last].astype(np.float64) / temperature
    return logits_V - np.log(np.exp(logits_V - logits_V.max()).sum()) - logits_V.max()


def sampled(
    weight_VV: Any, prompt: list[int], seed: int, temperature: float, length: int
) -> tuple[list[int], list[float]]:
    generator, ids, log_probs = np.random.default_rng(seed), list(prompt), []
    while len(log_probs) < length and (not log_probs or ids[-1] != END):
        log_probs_V = log_probs_of(weight_VV, ids[-1], temperature)
        ids.append(int(np.argmax(log_probs_V + generator.gumbel(size=log_probs_V.shape))))
        log_probs.append(float(log_probs_V[ids[-1]]))
    return ids[len(prompt) :], log_probs


def main(wrong: str) -> None:
    weight_VV, version = None, -1

    def say(message: dict[str, Any]) -> None:
        print(json.dumps(message), flush=True)

    if wrong == "not starting":
        time.sleep(3600.0)
    say({"ready": True})
    for line in sys.stdin:
        message = json.loads(line)
        if "folder" in message:
            time.sleep(0.02)  # a push takes time
            if weight_VV is None or wrong != "stale":
                weight_VV = load_file(Path(message["folder"]) / "model.safetensors")["w"]
            if version < 0 or wrong != "old":
                version = message["version"]
            say({"loaded": True})
        elif "requests" in message:
            requests = message["requests"]
            for place, request in enumerate(requests[: len(requests) // 2] if wrong == "half" else requests):
                time.sleep({"slow": 1.0, "hanging": 3600.0}.get(wrong, 0.001))
                ids, log_probs = sampled(
                    weight_VV, request["prompt"], request["seed"], message["temperature"], message["max_tokens"]
                )
                if wrong == "nan":
                    log_probs[-1] = float("nan")
                answered = requests[0] if wrong == "double" else request
                told = version + (wrong == "other version" and place > 2)
                say({"key": answered["key"], "ids": ids, "log_probs": log_probs, "version": told})
            say({"done": True})
        else:
            say({"version": version})


if __name__ == "__main__":
    main(sys.argv[1])
