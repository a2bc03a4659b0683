"""How engines are started in the wild, and what that states about them."""

import time
from typing import Any

import pytest

from scalewarden.model.workload import Role, Workload
from scalewarden.sources.container import switch
from scalewarden.sources.launch import started
from scalewarden.sources.launches import LAUNCHES
from scalewarden.sources.objects import workload_of

Object = dict[str, Any]
FROM_MAP = {"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}


def env(**values: str | None) -> list[Object]:
    return [{"name": name, **(FROM_MAP if value is None else {"value": value})} for name, value in values.items()]


def read(image: str = "acme/llm:1", **container: Any) -> Workload:
    labels = container.pop("labels", {})
    return workload_of({"metadata": {"labels": labels}, "spec": {"containers": [{"image": image, **container}]}})


VLLM = "vllm/vllm-openai:v0.32.0"
WAYS = {
    "a list": {"command": ["vllm", "serve", "m", "--max-num-seqs", "64", "-tp=2"]},
    "a module": {"command": ["python3", "-m", "vllm.entrypoints.openai.api_server", "--max-num-seqs=64", "-tp", "2"]},
    "a full path": {"command": ["/opt/venv/bin/vllm", "serve"], "args": ["m", "--max_num_seqs", "64", "-tp", "2"]},
    "a shell": {"command": ["sh", "-c", "cd /models && exec vllm serve m --max-num-seqs 64 -tp 2"]},
    "a login shell": {"command": ["/bin/bash", "-lc"], "args": ["vllm serve m --max-num-seqs 64 -tp 2"]},
    "strict bash": {"command": ["bash", "-euo", "pipefail", "-c", "vllm serve m --max-num-seqs 64 -tp 2"]},
    "many lines": {"command": ["bash", "-c", "set -e\n# start it --max-num-seqs 8\nvllm serve m \\\n  --max-num-seqs "
                   "64 \\\n  -tp 2 \\\n  2>&1 | tee /var/log/vllm.log"]},
    "wrappers": {"command": ["tini", "--", "numactl", "-N", "0", "nice", "-n", "5", "vllm", "serve", "m",
                             "--max-num-seqs", "64", "-tp", "2"]},
    "dumb-init and a shell": {"command": [
        "dumb-init", "--", "sh", "-c", "env A=1 vllm serve m --max-num-seqs 64 -tp 2"]},
    "assignments": {"command": ["sh", "-c", "TP=2 ; N=64 VLLM_USE_V1=1 vllm serve m --max-num-seqs 64 -tp $TP"]},
    "an export": {"command": [
        "sh", "-c", "export TP=2 N=64 && vllm serve m --max-num-seqs ${N} --tensor-parallel-size=$TP"]},
    "ray first": {"command": ["sh", "-c", "ray start --head --port=6379; vllm serve m --max-num-seqs 64 -tp 2"]},
    "positional": {"command": [
        "bash", "-c", 'exec vllm serve "$@"', "--"], "args": ["m", "--max-num-seqs", "64", "-tp", "2"]},
    "a shell in a shell": {"command": ["sh", "-c", "bash -c 'vllm serve m --max-num-seqs 64 -tp 2'"]},
    "kubernetes variables": {"args": ["--max-num-seqs=$(SEQS)", "-tp", "$(TP)"],
                             "env": env(BASE="6", SEQS="$(BASE)4", TP="2"), "image": VLLM},
    "defaults": {"command": ["sh", "-c", "vllm serve m --max-num-seqs ${SEQS:-64} -tp ${TP-2}"]},
    "the last one counts": {"command": ["vllm", "serve", "m", "--max-num-seqs=1", "-tp", "8", "-tp", "2",
                                        "--max-num-seqs", "64"]},
    "a here-document before": {"command": ["sh", "-c", "cat > /x <<'END'\nvllm serve bad -tp 8\nEND\nvllm serve m "
                                           "--max-num-seqs 64 -tp 2"]},
    "arguments in one variable": {"command": ["sh", "-c", "vllm serve m $ARGS"],
                                  "env": env(ARGS="--max-num-seqs 64  -tp 2")},
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_start_vllm(way: str):
    container = {"image": "acme/llm:1", **WAYS[way]}
    found = read(**container)
    assert (found.runtime, found.max_num_seqs, found.tensor_parallel_size) == ("vLLM", 64, 2)


UNKNOWN = {
    "no flag": {"command": ["vllm", "serve", "m"]},
    "a flag without a value": {"command": ["vllm", "serve", "m", "-tp"]},
    "from a config map": {"command": ["sh", "-c", "vllm serve m -tp ${TP:-2}"], "env": env(TP=None)},
    "maybe from a config map": {"command": ["sh", "-c", "vllm serve m -tp ${TP:-2}"],
                                "envFrom": [{"configMapRef": {"name": "c"}}]},
    "computed": {"command": ["sh", "-c", "TP=$(nvidia-smi -L | wc -l); vllm serve m -tp $TP"]},
    "computed in place": {"command": ["sh", "-c", "vllm serve m -tp `nproc`"]},
    "set in a branch": {"command": ["sh", "-c", "TP=2\nif [ -n \"$BIG\" ]; then TP=8; fi\nvllm serve m -tp $TP"]},
    "set after a test": {"command": ["sh", "-c", "[ -n \"$BIG\" ] && TP=8; vllm serve m -tp $TP"]},
    "two branches that differ": {"command": ["sh", "-c", "if x; then vllm serve m -tp 2; else vllm serve m -tp 4; fi"]},
    "of another program": {"command": ["sh", "-c", "warmup -tp 8; vllm serve m"]},
    "a word": {"command": ["vllm", "serve", "m", "-tp", "two"]},
    "arabic digits": {"command": ["vllm", "serve", "m", "-tp", "٢"]},
    "nothing is run": {"command": ["sh", "-c"]},
}  # fmt: skip


@pytest.mark.parametrize("way", UNKNOWN)
def test_what_is_not_literal_is_unknown(way: str):
    assert read(**UNKNOWN[way]).tensor_parallel_size is None


def facts(found: Workload, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(found, name) for name in names)


def test_all_that_vllm_states():
    found = read(command=["vllm", "serve", "m"], args=[
        "--tensor-parallel-size=4", "-pp", "2", "--data-parallel-size", "8", "--max-num-seqs", "256", "--port", "8200",
        "--device-memory-utilization", "0.85", "--max-model-len", "32768", "--no-enable-prefix-caching",
        "--served-model-name", "acme/chat", "chat", "--disable-log-stats",
        "--kv-transfer-config", '{"kv_connector":"NixlConnector","kv_role":"kv_producer"}'])  # fmt: skip
    assert facts(found, "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size") == (4, 2, 8)
    assert facts(found, "max_num_seqs", "gpu_memory_utilization", "max_model_len") == (256, 0.85, 32768)
    assert facts(found, "prefix_caching", "served_model_name", "role") == (False, "acme/chat", Role.PREFILL)
    assert facts(found, "metrics_off", "stated_port") == ("`--disable-log-stats` is set", 8200)
    assert facts(found, "metrics_port", "metrics_path") == (8200, "/metrics")


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"command": ["python", "-m", "sglang.launch_server", "--model-path", "m", "--tp", "4", "--dp-size", "2",
                      "--max-running-requests", "128", "--mem-fraction-static", "0.88", "--context-length", "8192",
                      "--disable-radix-cache", "--disaggregation-mode", "decode"]},
         {"runtime": "SGLang", "tensor_parallel_size": 4, "data_parallel_size": 2, "max_num_seqs": 128,
          "gpu_memory_utilization": 0.88, "max_model_len": 8192, "prefix_caching": False, "role": Role.DECODE,
          "metrics_off": "`--enable-metrics` is not set", "metrics_port": 30000}),
        ({"image": "lmsysorg/sglang:v0.5.23", "args": ["--enable-metrics", "--tp-size=2"]},
         {"runtime": "SGLang", "tensor_parallel_size": 2, "metrics_off": None}),
        ({"image": "ghcr.io/huggingface/text-generation-inference:3.3",
          "env": env(MODEL_ID="m", NUM_SHARD="2", MAX_CONCURRENT_REQUESTS="512", MAX_BATCH_SIZE="64", PORT="8080",
                     CUDA_MEMORY_FRACTION="0.9", MAX_TOTAL_TOKENS="4096")},
         {"runtime": "TGI", "tensor_parallel_size": 2, "max_num_seqs": 64, "max_concurrent_requests": 512,
          "gpu_memory_utilization": 0.9, "max_model_len": 4096, "metrics_port": 8080}),
        ({"image": "ghcr.io/huggingface/text-generation-inference:3.3", "args": ["--max-concurrent-requests", "9"],
          "env": env(MAX_CONCURRENT_REQUESTS="512", MAX_BATCH_SIZE=None)},
         {"max_num_seqs": None, "max_concurrent_requests": 9, "metrics_port": 80}),
        ({"command": ["trtllm-serve", "m", "--tp_size", "8", "--pp_size=2", "--max_batch_size", "512",
                      "--kv_cache_free_gpu_memory_fraction", "0.75", "--max_seq_len", "16384"]},
         {"runtime": "TensorRTLLM", "tensor_parallel_size": 8, "pipeline_parallel_size": 2, "max_num_seqs": 512,
          "gpu_memory_utilization": None, "free_memory_fraction": 0.75, "metrics_path": "/prometheus/metrics",
          "metrics_off": None}),
        ({"command": ["mpirun", "-n", "1", "--allow-run-as-root", "tritonserver", "--allow-metrics=false",
                      "--http-port", "9000"]},
         {"runtime": "Triton", "metrics_off": "`--allow-metrics=false` is set", "metrics_port": 8002}),
        ({"command": ["lmdeploy", "serve", "api_server", "m", "--tp", "2", "--max-batch-size", "256",
                      "--cache-max-entry-count", "0.5", "--session-len", "8192", "--server-port", "23334"]},
         {"runtime": "LMDeploy", "tensor_parallel_size": 2, "max_num_seqs": 256, "free_memory_fraction": 0.5,
          "gpu_memory_utilization": None, "max_model_len": 8192, "metrics_port": 23334, "metrics_off": None}),
        ({"image": "ghcr.io/ggml-org/llama.cpp:server-cuda", "args": ["-m", "/m.gguf", "-c", "4096", "-np", "4"]},
         {"runtime": "llama.cpp", "max_num_seqs": 4, "max_model_len": None, "metrics_port": 8080,
          "metrics_off": "`--metrics` is not set"}),
        ({"command": ["llama-server", "-m", "/m.gguf"],
          "env": env(LLAMA_ARG_N_PARALLEL="8", LLAMA_ARG_ENDPOINT_METRICS="1", LLAMA_ARG_CTX_SIZE="8192")},
         {"max_num_seqs": 8, "metrics_off": None}),
        ({"command": ["llama-server", "-m", "/m.gguf", "--slots", "-cb", "--parallel", "-1"],
          "env": env(LLAMA_ARG_N_PARALLEL="8", LLAMA_ARG_ENDPOINT_METRICS=None)},
         {"max_num_seqs": None, "metrics_off": None}),
        ({"image": "nvcr.io/nim/meta/llama-3.1-70b-instruct:1.8.0",
          "env": env(NIM_TENSOR_PARALLEL_SIZE="8", NIM_MAX_MODEL_LEN="32768")},
         {"runtime": "NIM", "tensor_parallel_size": 8, "max_model_len": 32768, "metrics_path": "/v1/metrics"}),
        ({"command": ["python3", "-m", "dynamo.vllm"], "args": ["--model", "m", "-tp", "2", "--max-num-seqs", "32"]},
         {"runtime": "Dynamo", "tensor_parallel_size": 2, "max_num_seqs": 32,
          "metrics_off": "`DYN_SYSTEM_PORT` is not set"}),
        ({"command": ["python3", "-m", "dynamo.sglang"], "args": ["--tp", "2"], "env": env(DYN_SYSTEM_PORT="9091")},
         {"runtime": "Dynamo", "tensor_parallel_size": 2, "metrics_off": None, "metrics_port": 9091}),
        ({"image": "kserve/huggingfaceserver:v0.15-gpu",
          "args": ["--model_name=llama3", "--model_id=m", "--tensor-parallel-size=2", "--max-num-seqs=96"]},
         {"runtime": "KServe", "tensor_parallel_size": 2, "max_num_seqs": 96, "served_model_name": "llama3",
          "metrics_port": 8080}),
        ({"image": "ollama/ollama:0.9", "env": env(OLLAMA_NUM_PARALLEL="4")},
         {"runtime": "Ollama", "max_num_seqs": 4}),
        ({"image": "rayproject/ray-ml:2.44", "command": ["sh", "-c", "ray start --head --metrics-export-port=8090"]},
         {"runtime": "Ray", "metrics_port": 8090}),
    ],
)  # fmt: skip
def test_what_each_runtime_states(container: Object, expected: Object):
    found = read(**container)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("args", "off"),
    [
        (["--config", "/etc/sglang.yaml"], None),
        (["$EXTRA_ARGS"], None),
        (["--enable-metrics=false"], "`--enable-metrics` is not set"),
        (["--enable-metrics", "--no-enable-metrics"], "`--enable-metrics` is not set"),
    ],
)
def test_metrics_are_off_only_where_nothing_may_switch_them_on(args: list[str], off: str | None):
    assert read(command=["python", "-m", "sglang.launch_server", "--model-path", "m", *args]).metrics_off == off


@pytest.mark.parametrize(
    ("args", "state"),
    [
        ((), None), (("--x",), True), (("--no-x",), False), (("--x=false",), False), (("--x", "false"), False),
        (("--x", "True"), True), (("--x", "--y"), True), (("--x", "model"), True), (("--no-x", "--x"), True),
        (("--x", "--no-x"), False), (("--x=$X",), None), (("--x", "$X"), None), (("x",), None),
    ],
)  # fmt: skip
def test_switches(args: tuple[str, ...], state: bool | None):
    assert switch(args, "--x") is state


@pytest.mark.parametrize(
    ("label", "role"),
    [("prefill", Role.PREFILL), ("decode", Role.DECODE), ("prefill-decode", None), ("both", None)],
)
def test_a_label_gives_the_role(label: str, role: Role | None):
    both = ["--kv-transfer-config", '{"kv_role":"kv_both"}']
    assert read(command=["vllm", "serve", "m", *both], labels={"llm-d.ai/role": label}).role is role


@pytest.mark.parametrize("config", ["{", "[1]", '{"kv_role": 5}', "{" * 100_000, '{"kv_role":' * 800])
def test_a_transfer_configuration_that_is_none(config: str):
    assert read(command=["vllm", "serve", "m", "--kv-transfer-config", config]).role is None


def test_an_image_of_ones_own_still_has_the_commonest_flags():
    found = read(args=["--max-num-seqs", "16", "--tensor-parallel-size", "2", "--gpu-memory-utilization", "0.8"])
    assert facts(found, "runtime", "max_num_seqs", "tensor_parallel_size") == (None, 16, 2)
    assert facts(found, "gpu_memory_utilization", "metrics_port", "metrics_path") == (0.8, None, None)


def test_the_words_kept_are_those_of_the_engine():
    found = read(command=["sh", "-c", "echo --device cpu; nice vllm serve m -tp 2"])
    assert found.args == ("nice", "vllm", "serve", "m", "-tp", "2")


@pytest.mark.parametrize("evil", ["$(", "<<A\n", '"\\', "'", "${A:-", "`$", "<", "(((", "a=", "if ", "\\\n", "$A "])
def test_a_hostile_script_takes_no_time(evil: str):
    begun = time.process_time()
    read(command=["sh", "-c", evil * 20_000 + " vllm serve m -tp 2"])
    assert time.process_time() - begun < 5


def test_pods_of_one_template_are_read_once():
    container = {"command": ["vllm", "serve", "m"], "env": env(A="1")}
    assert started(container)[0] is started(dict(container))[0]
    assert started({"command": [{1: {2, 3}}], "image": VLLM})[0].launch.runtime == "vLLM"


def test_a_start_of_absurd_length_is_not_read():
    assert read(command=["vllm", "serve", "m", "x" * 200_000]).runtime is None


def test_every_row_of_the_table_can_be_recognised():
    for launch in LAUNCHES:
        for program in launch.programs:
            words = [word.replace("*", ".x") for word in program]
            assert started({"command": ["tini", "--", *words, "--flag"]})[0].launch == launch
        for image in launch.images:
            found = started({"image": f"registry.example/{image}/x:1"})
            assert found[0].launch.runtime == launch.runtime
