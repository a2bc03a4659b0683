"""Of a container: which engine it runs, in which version, and the flags and variables that tell what it can do."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from scalewarden.signals.engines import TABLES
from scalewarden.sources.container import environment, processes
from scalewarden.sources.endpoints import METRICS_PORTS
from scalewarden.sources.kept_values import NUMBER, REDACTED, Keeper, count, kept, name, one_of, quantity
from scalewarden.sources.kept_words import FLAG_WORDS, IMAGE_WORDS, listed, pieces
from scalewarden.sources.launches import LAUNCHES
from scalewarden.sources.requests import GPUS
from scalewarden.sources.shell import Command, literal

_STATED = [
    at for launch in LAUNCHES for at in (*launch.facts.values(), *((launch.switch.at,) if launch.switch else ()))
]
FLAGS = frozenset(
    flag.replace("_", "-")
    for at in _STATED
    for flag in (*at.flags, *at.off, *(f"--no-{one.removeprefix('--')}" for one in at.flags))
) | listed(
    "--data-parallel-size-local --max-num-batched-tokens --block-size --num-gpu-blocks-override --kv-cache-dtype "
    "--kv-cache-memory-bytes --dtype --quantization -q --enable-chunked-prefill --no-enable-chunked-prefill "
    "--enforce-eager --disable-log-requests --show-hidden-metrics-for-version --swap-space --cpu-offload-gb "
    "--distributed-executor-backend --enable-expert-parallel --api-server-count --device --max-num-queued-reqs "
    "--watermark --kv-cache-metrics --enable-mfu-metrics --scheduling-policy --enable-lora --enable-sleep-mode "
    "--ep-size --max-total-tokens --enable-metrics-for-all-schedulers --chunked-prefill-size --max-prefill-tokens "
    "--schedule-policy --schedule-conservativeness --page-size --decode-log-interval --attention-backend "
    "--num-shard --sharded --max-input-tokens --max-input-length --max-batch-prefill-tokens --max-batch-total-tokens "
    "--max-waiting-tokens --quantize --waiting-served-ratio --prometheus-port --max-num-tokens --max-beam-width "
    "--backend --allow-gpu-metrics --http-port --grpc-port --n-gpu-layers -ngl --batch-size --ubatch-size "
    "--ctx-size --cont-batching --no-cont-batching --flash-attn -fa --threads --slots --no-slots --n-parallel"
)
"""Flags that may be spelled out, with a value that is a number or one of `FLAG_WORDS`: all that state a fact about an
engine, and some that explain its numbers."""

VARIABLES = frozenset(name for at in _STATED for name in at.env) | listed(
    "VLLM_USE_V1 VLLM_ATTENTION_BACKEND VLLM_LOGGING_LEVEL VLLM_PORT VLLM_WORKER_MULTIPROC_METHOD "
    "VLLM_CPU_KVCACHE_SPACE VLLM_SERVER_DEV_MODE "
    "NUM_SHARD SHARDED MAX_CONCURRENT_REQUESTS MAX_INPUT_TOKENS MAX_INPUT_LENGTH MAX_TOTAL_TOKENS MAX_BATCH_SIZE "
    "MAX_BATCH_PREFILL_TOKENS MAX_BATCH_TOTAL_TOKENS MAX_WAITING_TOKENS CUDA_MEMORY_FRACTION QUANTIZE DTYPE "
    "PROMETHEUS_PORT PORT LLAMA_ARG_N_PARALLEL LLAMA_ARG_CTX_SIZE LLAMA_ARG_N_GPU_LAYERS LLAMA_ARG_BATCH "
    "LLAMA_ARG_UBATCH LLAMA_ARG_ENDPOINT_METRICS LLAMA_ARG_ENDPOINT_SLOTS LLAMA_ARG_PORT LLAMA_ARG_CONT_BATCHING "
    "LLAMA_ARG_FLASH_ATTN OLLAMA_NUM_PARALLEL OLLAMA_MAX_LOADED_MODELS OLLAMA_MAX_QUEUE OLLAMA_CONTEXT_LENGTH "
    "TENSOR_PARALLEL_SIZE NIM_TENSOR_PARALLEL_SIZE NIM_MAX_MODEL_LEN DYN_SYSTEM_PORT DYN_SYSTEM_ENABLED "
    "NCCL_P2P_DISABLE NCCL_IB_DISABLE WORLD_SIZE OMP_NUM_THREADS"
)
"""Environment variables that may be shown, under the same rule for their values."""

_RESOURCES = listed("cpu memory ephemeral-storage") | frozenset(GPUS)
_INTEL = re.compile(r"gpu\.intel\.com/[a-z0-9_.]{1,20}")
_MIG = re.compile(r"nvidia\.com/mig-(?:[0-9]c\.)?[0-9]g\.[0-9]{1,3}gb(?:\.me)?")
_MIG_PREFIX = "nvidia.com/mig-"
NOT_LITERAL = "$redacted"
"""Stands for a word that only a running shell completes."""
_MARKS = (REDACTED, NOT_LITERAL)
_LONGEST_JSON = 4096
_TOGETHER = ("command", "args", "env")
_WORDS = {word for launch in LAUNCHES for program in launch.programs for word in program}
_NAMED = [word for table in TABLES.values() for word in table.images]
_NAMED += [word for launch in LAUNCHES for word in launch.images]
_IMAGES = tuple(sorted(set(_NAMED), key=lambda word: ("/" in word, word)))
"""Words of images that give an engine away, those with a slash last."""
_PROGRAMS = frozenset(word for word in _WORDS if not word.endswith("*"))
_BEGINNINGS = tuple(sorted((word[:-1] for word in _WORDS if word.endswith("*")), key=len, reverse=True))
_VERSION = re.compile(r"v?[0-9]{1,6}(?:(?:rc|a|b|post|dev|cu|py)?[0-9]{0,8})")


def arguments(container: Mapping[str, Any], keeper: Keeper) -> list[str]:
    """The command line: the words that name the engine, known flags with plain values, one mark for all the rest.

    Of a script each command that it runs, as a script again.
    """
    return _command_line(processes(container), keeper)


def _command_line(running: Sequence[Command], keeper: Keeper) -> list[str]:
    lines = [line for process in running if (line := _line(process.words, keeper))]
    telling = [line for line in lines if line != [REDACTED]] or lines[:1]
    if len(telling) < 2:
        return telling[0] if telling else []
    return ["sh", "-c", "; ".join(" ".join(map(_quoted, line)) for line in telling)]


def _quoted(word: str) -> str:
    return word if word == NOT_LITERAL else shlex.quote(word)


def _line(words: Sequence[str], keeper: Keeper) -> list[str]:
    found: list[str] = []
    for index, word in enumerate(words):
        shown = _program(word) or _argument(word, words[index - 1] if index else "")
        if shown not in _MARKS or found[-1:] != [shown]:
            found.append(shown)
        keeper.removed["arguments"] += shown in _MARKS
    line, said = " ".join(words), " ".join(found)
    missing = (one for table in TABLES.values() for one in table.commands if one in line and one not in said)
    return [*found, *(word for command in missing for word in command.split())]


def _program(word: str) -> str | None:
    """A word by which an engine's program is known."""
    name = word.rsplit("/", 1)[-1]
    if name in _PROGRAMS:
        return name
    return next((start for start in _BEGINNINGS if name.startswith(start)), None)


def _argument(word: str, before: str) -> str:
    flag, equals, value = word.partition("=")
    if _known(flag):
        return f"{flag}={plain(value)}" if equals else flag
    return plain(word) if _known(before) else _mark(word)


def _mark(word: str) -> str:
    return REDACTED if literal(word) else NOT_LITERAL


def _known(flag: str) -> bool:
    return flag.startswith("-") and flag.replace("_", "-") in FLAGS


def plain(value: str) -> str:
    """A number or a known word, else a mark; of the role in a `--kv-transfer-config` no more than that."""
    if NUMBER.fullmatch(value) or value in FLAG_WORDS:
        return value
    role = _kv_role(value)
    return f'{{"kv_role": "{role}"}}' if role in FLAG_WORDS else _mark(value)


def _kv_role(text: str) -> str:
    if not text.startswith("{") or len(text) > _LONGEST_JSON:
        return ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return str(found.get("kv_role")) if isinstance(found, dict) else ""


def image(value: Any, keeper: Keeper) -> str | None:
    """The words of an image that say engine, build and version; no registry, owner or digest."""
    if not isinstance(value, str):
        return None
    repository, _, tag = _without_digest(value).rpartition("/")[2].partition(":")
    engines = [word for word in _IMAGES if word in value.lower()]
    words = [piece for piece in pieces(repository) if piece in IMAGE_WORDS and piece not in engines]
    other = ["cpu"] if "cpu" in pieces(value) and "cpu" not in words + pieces(tag) else []
    named = "-".join(dict.fromkeys([*engines, *words, *other])) or REDACTED
    version = _tag(tag)
    return f"{named}:{version}" if version else named


def _without_digest(text: str) -> str:
    return text.partition("@")[0]


def _tag(text: str) -> str:
    """Dotted numbers and known words, in their order."""
    parts = []
    for part in re.split(r"[-_+]", text):
        dotted = part.split(".")
        if part in IMAGE_WORDS or (len(dotted) <= 5 and all(_VERSION.fullmatch(one) for one in dotted)):
            parts.append(part)
    return "-".join(parts)


def variables(container: Mapping[str, Any], keeper: Keeper) -> list[dict[str, Any]]:
    """Known variables with plain values; that one is set from elsewhere, or to a text, but not from where or which."""
    return _variables(container, processes(container), keeper)


def _variables(container: Mapping[str, Any], running: Sequence[Command], keeper: Keeper) -> list[dict[str, Any]]:
    env = environment(container)
    values, hidden = dict(env.values), set(env.hidden)
    for process in running[:1]:  # what a script sets before it starts the engine
        values, hidden = dict(process.variables.values), set(process.variables.hidden)
    shown: list[dict[str, Any]] = [
        {"name": name, "value": plain(values[name])} for name in sorted(VARIABLES & values.keys())
    ]
    shown += [{"name": name, "valueFrom": {}} for name in sorted(VARIABLES & hidden)]
    keeper.removed["variables"] += len(values.keys() | hidden) - len(shown)
    return shown


def _more_variables(value: Any, keeper: Keeper) -> list[dict[str, Any]] | None:
    """That variables come from other objects."""
    return [{}] if isinstance(value, list | tuple) and value else None


def resources(value: Any, keeper: Keeper) -> dict[str, Any] | None:
    """Requests or limits of CPU, memory and GPUs."""
    if not isinstance(value, Mapping):
        return None
    found = {_resource(str(key), keeper): quantity(number, keeper) for key, number in value.items()}
    return {key: number for key, number in found.items() if key and number is not None}


def _resource(key: str, keeper: Keeper) -> str:
    if key in _RESOURCES or _MIG.fullmatch(key) or _INTEL.fullmatch(key):
        return key
    return _MIG_PREFIX + keeper.alias("profile", key) if key.startswith(_MIG_PREFIX) else ""


def port_name(value: Any, keeper: Keeper) -> Any:
    """A port's name as it is usual, or its number; an alias for any other name."""
    if isinstance(value, int):
        return value
    return value if value in METRICS_PORTS else keeper.alias("port", str(value)).replace("~", "-")


RESOURCES = {"requests": resources, "limits": resources, "claims": [{"name": name}]}
_PORT = {"name": port_name, "containerPort": count, "protocol": one_of("TCP", "UDP")}
_CONTAINER = {
    "name": name,
    "image": image,
    "ports": [_PORT],
    "resources": RESOURCES,
    "envFrom": _more_variables,
    "restartPolicy": one_of("Always", "OnFailure", "Never"),
}


def containers(value: Any, keeper: Keeper) -> list[dict[str, Any]]:
    """Containers in their order, each with its command line undone."""
    found: Sequence[Any] = value if isinstance(value, list | tuple) else ()
    return [_container(one, keeper) for one in found if isinstance(one, Mapping)]


def side_cars(value: Any, keeper: Keeper) -> list[dict[str, Any]] | None:
    """Of the init containers those that go on running."""
    found = [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []
    return containers([one for one in found if one.get("restartPolicy") == "Always"], keeper) or None


def _container(one: Mapping[str, Any], keeper: Keeper) -> dict[str, Any]:
    """Its command line and variables are read together: scripts use and set variables."""
    running = processes(one)
    found: dict[str, Any] = kept({key: value for key, value in one.items() if key not in _TOGETHER}, _CONTAINER, keeper)
    args, env = _command_line(running, keeper), _variables(one, running, keeper)
    return found | ({"args": args} if args else {}) | ({"env": env} if env else {})
