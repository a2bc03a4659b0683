"""Which engine a pod template starts, from its command line or its image, and how that is said."""

import pytest

from scalewarden.model.workload import Engine, Workload
from scalewarden.signals.engines import detect_in_template, detect_on_page
from scalewarden.signals.exposition import parse
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Scrape


def template(image: str, *args: str) -> Workload:
    return Workload(image=image, args=args)


@pytest.mark.parametrize(
    ("image", "engine"),
    [
        ("vllm/vllm-openai:v0.33.0", Engine.VLLM),
        ("public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:v0.11", Engine.VLLM),
        ("kserve/huggingfaceserver:v0.15.0-gpu", Engine.VLLM),
        ("ghcr.io/llm-d/llm-d-inference-sim:v0.9.2", Engine.VLLM),
        ("lmsysorg/sglang:v0.5.23-cu129", Engine.SGLANG),
        ("ghcr.io/huggingface/text-generation-inference:3.3", Engine.TGI),
        ("nvcr.io/nvidia/tensorrt-llm/release:1.2.0", Engine.TENSORRT_LLM),
        ("nvcr.io/nvidia/tritonserver:25.10-trtllm-python-py3", Engine.TRITON),
        ("nvcr.io/nvidia/tritonserver:25.10-vllm-python-py3", Engine.TRITON),
        ("openmmlab/lmdeploy:v0.18.0-cu12", Engine.LMDEPLOY),
        ("ghcr.io/ggml-org/llama.cpp:server-cuda", Engine.LLAMA_CPP),
        ("ollama/ollama:0.12.3", Engine.OLLAMA),
        ("rayproject/ray-llm:2.50.0-py311-cu128", Engine.RAY_SERVE),
        ("nvcr.io/nim/meta/llama-3.1-70b-instruct:1.8", Engine.NIM),
        ("mirror.corp.example/nvcr.io/nim/meta/llama-3.1-8b-instruct:1.8", Engine.NIM),
        ("nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.9.0", Engine.DYNAMO),
        ("nvcr.io/nvidia/ai-dynamo/sglang-runtime:0.9.0", Engine.DYNAMO),
        ("nvcr.io/nvidia/ai-dynamo/tensorrtllm-runtime:0.9.0", Engine.DYNAMO),
    ],
)
def test_by_image(image: str, engine: Engine):
    found = detect_in_template(template(image))
    assert found is not None
    assert (found.engine, found.evidence) == (engine, f"image {image}")


@pytest.mark.parametrize(
    ("line", "engine", "word"),
    [
        ("vllm serve acme/chat-8b --tensor-parallel-size 2", Engine.VLLM, "vllm serve"),
        ("python3 -m vllm.entrypoints.openai.api_server --model acme/chat-8b", Engine.VLLM, "vllm.entrypoints"),
        ("python3 -m sglang.launch_server --enable-metrics", Engine.SGLANG, "sglang.launch_server"),
        ("text-generation-launcher --model-id acme/chat-8b", Engine.TGI, "text-generation-launcher"),
        ("trtllm-serve acme/chat-8b --backend pytorch", Engine.TENSORRT_LLM, "trtllm-serve"),
        ("tritonserver --model-repository=/models", Engine.TRITON, "tritonserver"),
        ("lmdeploy serve api_server acme/chat-8b", Engine.LMDEPLOY, "lmdeploy serve"),
        ("/app/llama-server -m /models/chat.gguf --metrics", Engine.LLAMA_CPP, "llama-server"),
        ("ollama serve", Engine.OLLAMA, "ollama serve"),
        ("serve run config.yaml", Engine.RAY_SERVE, "serve run"),
        ("python3 -m dynamo.vllm --model acme/chat-8b", Engine.DYNAMO, "dynamo.vllm"),
        ("python3 -m dynamo.frontend", Engine.DYNAMO, "dynamo.frontend"),
    ],
)
def test_by_command(line: str, engine: Engine, word: str):
    found = detect_in_template(template("registry.example/platform/base:7", *line.split()))
    assert found is not None
    assert (found.engine, found.evidence) == (engine, f"command `{word}`")


def test_the_command_says_more_than_the_image():
    """A Ray image may start vLLM by itself, and a vLLM image another engine."""
    found = detect_in_template(template("rayproject/ray:2.50.0", "vllm", "serve", "acme/chat-8b"))
    assert found is not None
    assert found.engine is Engine.VLLM


@pytest.mark.parametrize(
    ("image", "args"),
    [
        ("nginx:1.29", ()),
        ("nginx:1.29", ("--root", "/srv/nim/html")),
        ("registry.example/minim/nim/tool:2", ()),
        ("registry.example/team/nim/dashboard:2", ("serve",)),
        ("registry.example/cache:1", ("--model", "acme/llama-3.1-8b")),
        ("postgres:18", ("-c", "shared_buffers=1GB")),
    ],
)
def test_nothing_is_claimed_of_other_software(image: str, args: tuple[str, ...]):
    assert detect_in_template(template(image, *args)) is None


@pytest.mark.parametrize(
    "page",
    [
        "",
        "python_info 1\nprocess_start_time_seconds 1.7e9\n",
        "DCGM_FI_DEV_GPU_UTIL 100\n",
        "num_requests_running 3\nnum_requests_waiting 0\n",  # NIM writes these, and so may anybody
        "gpu_cache_usage_perc 0.4\n",
        "nginx_connections_active 4\n",
        "llamacpp_requests 3\nollama_requests 4\n",
    ],
)
def test_no_engine_is_seen_on_a_strangers_page(page: str):
    assert detect_on_page(Scrape(0.0, tuple(parse(page, WANTED)))) is None
