"""Whether a workload in a manifest serves a language model, by what it starts and asks for.

A name or a comment alone never decides. What has no KV cache (embeddings, reranking, speech, pictures) and what stands
beside an engine (routers, gateways, exporters) is none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from scalewarden.rules.gpu_use import CPU_IMAGE
from scalewarden.sources.container import command_line
from scalewarden.sources.launch import started
from scalewarden.sources.manifests import serving_words as words
from scalewarden.sources.requests import gpu_requests
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

_PROGRAM = 3
"""Words of a command line that name what it starts: `python3 -m sglang_router.launch_router`, `vllm bench`."""
_STARTS = ("-m", "-c")
"""Flags that may stand among them."""


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
    here = [one for one in children(spec, "containers") if not _beside(one)]
    on_gpu = _on_gpu(template)
    engines = [one for one in here if started(one)]
    if engines:
        loud = [one for one in engines if not _silent(one)]
        return _by_engine(loud, on_gpu=on_gpu) if loud else Serves.OTHER
    if not on_gpu or any(_silent(one) for one in here):
        return Serves.OTHER
    start = " ".join(f"{one.get('image') or ''} {_program(one)}" for one in here)
    if words.OF_LANGUAGE.search(start):
        return Serves.LLM
    if not words.OF_MODELS.search(start) and not any(_answers(one) for one in here):
        return Serves.OTHER
    return Serves.LLM if words.LLM_WORDS.search(_said(here)) else Serves.UNKNOWN


def _by_engine(engines: Sequence[Object], *, on_gpu: bool) -> Serves:
    runtimes = {started(one)[0].launch.runtime for one in engines}
    said = _said(engines)
    if runtimes <= words.OF_ANY_MODEL and not words.OF_GENERATION.search(said):
        return Serves.OTHER
    if on_gpu:
        return Serves.LLM
    cpu = words.CPU_WORDS.search(said) or any(CPU_IMAGE.search(str(one.get("image") or "")) for one in engines)
    if runtimes == {"KServe"} and any(one.get("resources") for one in engines):
        return Serves.ON_CPU  # its server runs on what it is given
    return Serves.MAYBE_GPU if runtimes & words.ON_GPUS and not cpu else Serves.ON_CPU


def _on_gpu(template: Object) -> bool:
    """It asks for a GPU or another accelerator, whole or in part, or for a node that has some."""
    spec = child(template, "spec")
    gpus = gpu_requests(spec)
    if gpus.count or gpus.resource or gpus.claims or "nvidia" in str(spec.get("runtimeClassName")):
        return True
    asked = [child(one, "resources", kind) for one in children(spec, "containers") for kind in ("limits", "requests")]
    if any(
        words.ACCELERATOR.search(str(name)) and amount not in (0, "0") for one in asked for name, amount in one.items()
    ):
        return True
    notes = (*child(template, "metadata", "annotations"), *child(template, "metadata", "labels"))
    return any(words.GPU_NODE.search(str(key)) for key in child(spec, "nodeSelector")) or any(
        words.GPU_NOTE.search(str(key)) for key in notes
    )


def _program(container: Object) -> str:
    """What is started, without folders: the engine's program, else the first words of the container's command line."""
    line = command_line(container)
    if engines := started(container):
        words_before = engines[0].words[: len(engines[0].words) - len(engines[0].args)]
        line = words_before[-_PROGRAM:] or engines[0].words
    named: list[str] = []
    for word in line[:_PROGRAM]:
        if word.startswith("-") and word not in _STARTS:
            break
        if "=" not in word:  # a variable before the program
            named.append(word.rsplit("/", 1)[-1])
    return " ".join(named)


def _beside(container: Object) -> bool:
    """A router's image may have an engine's name in its path."""
    image = str(container.get("image") or "").partition("@")[0].rpartition("/")[2].partition(":")[0]
    return bool(words.BESIDE.search(image) or words.BESIDE.search(_program(container)))


def _silent(container: Object) -> bool:
    """It generates no text: by its image or program, by the model that it is told, or by how it is told to use it."""
    engines = started(container)
    line = list(engines[0].words if engines else command_line(container))
    image, program = str(container.get("image") or ""), "" if engines else _program(container)
    by_command = bool(engines) and engines[0].args != engines[0].words  # then an image of any name may hold it
    of_image = () if by_command else (words.NO_GENERATION, words.OTHER_MODELS, words.OTHER_SERVERS)
    if any(kind.search(image) for kind in of_image) or words.OTHER_SERVERS.search(program):
        return True
    return bool(words.POOLING.search(" ".join(line))) or any(map(_no_generation, _models(container, line)))


def _models(container: Object, line: Sequence[str]) -> list[str]:
    """The models that a command line names; else those in variables."""
    named = list(_named(line))
    if any(words.MODEL_FLAG.fullmatch(word) or word.startswith(("--model", "-m")) for word in line):
        return named
    variables = children(container, "env")
    return named + [str(one.get("value")) for one in variables if words.MODEL_VARIABLE.search(str(one.get("name")))]


def _no_generation(model: str) -> bool:
    """By the last two parts of its path: folders may be called anything."""
    name = "/".join(model.split("/")[-2:])
    other = words.OTHER_MODELS.search(name) and not words.OF_GENERATION.search(name)
    return bool(words.NO_GENERATION.search(name) or other)


def _named(line: Sequence[str]) -> Iterator[str]:
    """What a command line calls a program or a model: the words before its first flag, and the values of flags that
    name one. A chat template, an adapter or a cache may be called anything."""
    before, flags = "", False
    for word in line:
        flag = words.MODEL_FLAG.fullmatch(word)
        names = words.NAMES_NEXT.fullmatch(before) is not None
        if flag or names or not (flags or word.startswith("-")):
            yield flag["model"] if flag else word
        flags |= word.startswith("-") and words.NAMES_NEXT.fullmatch(word) is None
        before = word


def _said(containers: Iterable[Object]) -> str:
    """Images, command lines and variables, but those that tell whom to ask."""
    return " ".join(word for one in containers for word in _words(one))


def _words(container: Object) -> Iterator[str]:
    yield str(container.get("image") or "")
    yield from command_line(container)
    for one in children(container, "env"):
        name, value = str(one.get("name")), str(one.get("value"))
        if not words.OF_A_CLIENT.search(name) and "://" not in value:
            yield f"{name}={value}"


def _answers(container: Object) -> bool:
    """It listens: it has a port, or is probed on one."""
    probes = ("readinessProbe", "livenessProbe", "startupProbe")
    probed = any(child(container, probe, how) for probe in probes for how in ("httpGet", "tcpSocket", "grpc"))
    return probed or bool(children(container, "ports"))


def beside(name: str) -> bool:
    """True for a name of what stands beside an engine: a router, a frontend."""
    return bool(words.BESIDE_BY_NAME.search(name))


def speaks_of_one(
    names: Iterable[object], labels: Iterable[object], series: Iterable[str], *, on_gpu: bool = False
) -> bool:
    """True where names, labels or series speak of a language model, on a GPU as far as names go, and no name does of
    embeddings or of what stands beside an engine. A team in a label or a job in a query speaks against nothing.

    on_gpu: known otherwise, so that an engine that runs on anything may be meant."""
    own = " ".join(str(name) for name in names)
    said = " ".join((own, *(str(one) for one in labels)))
    named = words.LLM_WORDS.search(said) and (on_gpu or not words.ON_ANYTHING.search(said))
    speaks = named or any(words.LLM_WORDS.search(one) for one in series)
    other = (words.NO_GENERATION, words.OTHER_MODELS, words.OTHER_SERVERS, words.BESIDE_BY_NAME)
    return bool(speaks) and not any(kind.search(own) for kind in other)
