"""Whether a workload in a manifest serves a language model, by what it starts and asks for.

A name or a comment alone never decides. What has no KV cache (embeddings, reranking, speech, pictures) and what stands
beside an engine (routers, gateways, exporters) is none.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from scalewarden.rules.gpu_use import CPU_IMAGE
from scalewarden.sources.container import command_line
from scalewarden.sources.launch import started
from scalewarden.sources.requests import gpu_requests
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

ON_GPUS = frozenset({"vLLM", "SGLang", "TGI", "TensorRTLLM", "LMDeploy", "NIM", "Dynamo", "KServe"})
"""Runtimes that are built for GPUs unless something says CPU. llama.cpp and Ollama run on what is there."""
_NO_KV_CACHE = re.compile(
    r"text-embeddings-inference|michaelf34/infinity|embed|rerank|colbert|minilm|whisper|stable-diffusion|comfyui"
    r"|diffusers|jupyter|notebook|\bbge-|/bge|/gte-|/e5-|jina-clip|(?<![a-z])(tts|asr)(?![a-z])|openedai-speech|kokoro"
    r"|resnet|yolo|efficientnet|mobilenet|detectron|segment-anything|tensorflow/serving|tf-serving|deepstream"
    r"|jellyfin|plexinc|frigate|immich|milvus|alphafold|esmfold|rfdiffusion|diffdock|molmim|/nim/deepmind|/nim/ipd"
    r"|/nim/mit|black-forest-labs|(?<![a-z])flux(?![a-z])|sdxl|audio2face|maxine|parakeet|/riva|studiovoice|trellis"
    r"|invokeai|xtts|coqui|rapidsai|blender|handbrake|ffmpeg|transcod",
    re.IGNORECASE,
)
"""Models and servers of embeddings, speech, pictures and video, by the names that images and arguments give them."""
_MODEL = r"--?(?:served[-_])?model(?:[-_](?:path|id|name|repository|store|dir))?"
_MODEL_FLAG = re.compile(f"{_MODEL}=(?P<model>.+)")
_NAMES_NEXT = re.compile(rf"{_MODEL}|-m|-c|--?hf[-_]repo|-hf")
"""Flags before a model's name, or before the program that is started."""
_POOLING = re.compile(
    r"--(task|runner|convert)[= ](\w*embed\w*|classify|\w+_classification|fill_mask|score|reward|pooling)"
    r"|--is-embedding|--embeddings?\b|--rerank",
    re.IGNORECASE,
)
_BESIDE = re.compile(
    r"router|gateway|proxy|\bepp\b|webui|dashboard|exporter|operator|controller|bench|loadgen|locust|client|adapter"
    r"|scheduler|planner|frontend|playground|sidecar|litellm|envoy|nginx|lmcache_server",
    re.IGNORECASE,
)
_PROGRAM = 3
"""Words of a command line that name what it starts: `python3 -m sglang_router.launch_router`, `vllm bench`."""
_CPU_WORDS = re.compile(
    r"inference-sim|--device[= ]cpu|VLLM_CPU_|VLLM_TARGET_DEVICE[= ]cpu|--n-gpu-layers[= ]0\b|-ngl[= ]0\b"
)
_OF_LANGUAGE = re.compile(
    r"aphrodite|mlc[_-]llm|lorax|tabbyml/tabby|tabbyapi|exllama|koboldcpp|\bmii\.entrypoints|deepspeed-mii"
    r"|fastchat\.serve\.\w*worker|lightllm|rtp[_-]llm|openllm|scalellm|ktransformers|mistral\.?rs|llamafile"
    r"|friendliai/|modular/max-|jetstream|maxengine|djl-(?:serving|inference):\S*lmi",
    re.IGNORECASE,
)
"""Servers of language models whose own metrics no table here knows, by image or program."""
_OF_MODELS = re.compile(
    r"xinference|localai/localai|\blocal-ai\b|djl-(?:serving|inference)|gpustack|\b(?:transformers|litgpt) serve\b",
    re.IGNORECASE,
)
"""Servers of models of any kind: what they serve is known by more words only."""
LLM_WORDS = re.compile(
    r"vllm|sglang|\btgi\b|text-generation|trt-?llm|tensorrt-?llm|lmdeploy|\bllms?\b|llama|mistral|mixtral|qwen|deepseek"
    r"|gemma|\bphi-?\d|gpt-|falcon|\bnim\b|ollama|nemotron|starcoder|chatglm|internlm|baichuan|\bgranite|\bkimi",
    re.IGNORECASE,
)
"""Words of names and labels that speak of a language model; they decide nothing but a note."""


_ON_ANYTHING = re.compile(r"ollama|llama[._-]?cpp|llamacpp", re.IGNORECASE)
"""Engines that run on CPUs as well: their name alone asks for no GPU."""


class Serves(StrEnum):
    """What a workload is to an autoscaler. ON_CPU: a model that runs on CPUs, so that CPU is its load. MAYBE_GPU: an
    engine built for GPUs that asks for none in this manifest. UNKNOWN: something that answers and asks for GPUs, and
    does not say what it is."""

    LLM = "llm"
    MAYBE_GPU = "maybe on a GPU"
    ON_CPU = "on CPU"
    UNKNOWN = "unknown"
    OTHER = "other"


def serves(template: Object) -> Serves:
    """What a pod template serves."""
    spec = child(template, "spec")
    containers = children(spec, "containers")
    gpus = gpu_requests(spec)
    on_gpu = bool(gpus.count or gpus.resource or gpus.claims)
    engines = [one for one in containers if started(one) and not _beside(one)]
    if any(_silent(one) for one in engines or containers):
        return Serves.OTHER
    if engines:
        return Serves.LLM if on_gpu else _without_gpu(engines)
    if not on_gpu:
        return Serves.OTHER
    start = " ".join(_start(one) for one in containers if not _beside(one))
    if _OF_LANGUAGE.search(start):
        return Serves.LLM
    if not _OF_MODELS.search(start) and not any(_answers(one) for one in containers):
        return Serves.OTHER
    said = " ".join(word for one in containers for word in _words(one))
    return Serves.LLM if LLM_WORDS.search(said) else Serves.UNKNOWN


def _start(container: Object) -> str:
    """The image and what the command line begins with."""
    return f"{container.get('image') or ''} {_program(container)}"


def _program(container: Object) -> str:
    return " ".join(command_line(container)[:_PROGRAM])


def _without_gpu(engines: list[Object]) -> Serves:
    said = " ".join(word for one in engines for word in _words(one))
    runtimes = {started(one)[0].launch.runtime for one in engines}
    cpu = _CPU_WORDS.search(said) or any(CPU_IMAGE.search(str(one.get("image") or "")) for one in engines)
    if runtimes == {"KServe"} and any(one.get("resources") for one in engines):
        return Serves.ON_CPU  # its server runs on what it is given
    return Serves.MAYBE_GPU if runtimes & ON_GPUS and not cpu else Serves.ON_CPU


def _beside(container: Object) -> bool:
    """A router's image may have an engine's name in its path."""
    image = str(container.get("image") or "").partition("@")[0].rpartition("/")[2]
    return bool(_BESIDE.search(image) or _BESIDE.search(_program(container)))


def _silent(container: Object) -> bool:
    models = _named(command_line(container))
    variables = [str(one.get("value")) for one in children(container, "env") if "MODEL" in str(one.get("name"))]
    named = " ".join((str(container.get("image") or ""), *models, *variables))
    return bool(_NO_KV_CACHE.search(named) or _POOLING.search(" ".join(_words(container))))


def _named(words: Sequence[str]) -> Iterator[str]:
    """What a command line calls a program or a model: the words before its first flag, and the values of flags that
    name one. A chat template, an adapter or a cache may be called anything."""
    before, flags = "", False
    for word in words:
        flag = _MODEL_FLAG.fullmatch(word)
        names = _NAMES_NEXT.fullmatch(before) is not None
        if flag or names or not (flags or word.startswith("-")):
            yield flag["model"] if flag else word
        flags |= word.startswith("-") and _NAMES_NEXT.fullmatch(word) is None
        before = word


def _words(container: Object) -> Iterator[str]:
    yield str(container.get("image") or "")
    yield from command_line(container)
    yield from (f"{one.get('name')}={one.get('value')}" for one in children(container, "env"))


def _answers(container: Object) -> bool:
    """It listens: it has a port, or is probed on one."""
    probes = ("readinessProbe", "livenessProbe", "startupProbe")
    probed = any(child(container, probe, how) for probe in probes for how in ("httpGet", "tcpSocket", "grpc"))
    return probed or bool(children(container, "ports"))


def beside(name: str) -> bool:
    """True for a name of what stands beside an engine: a router, a frontend."""
    return bool(_BESIDE.search(name))


def speaks_of_one(names: Iterable[object], labels: Iterable[object], series: Iterable[str]) -> bool:
    """True where names, labels or series speak of a language model, on a GPU as far as names go, and no name does of
    embeddings or of what stands beside an engine. A team in a label or a job in a query speaks against nothing."""
    own = " ".join(str(name) for name in names)
    said = " ".join((own, *(str(one) for one in labels)))
    named = LLM_WORDS.search(said) and not _ON_ANYTHING.search(said)
    speaks = named or any(LLM_WORDS.search(one) for one in series)
    return bool(speaks) and not (_NO_KV_CACHE.search(own) or _BESIDE.search(own))
