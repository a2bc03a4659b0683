"""What a check finds in manifests as people write them, and what it leaves alone."""
# ruff: noqa: E501 - a table with a manifest in each line

import pytest
import yaml

from scalewarden.app.checking import Checking
from scalewarden.sources.manifests.files import Found, objects
from tests.unit.check.manifests import BRAKE, CPU, QUEUE, checked, checking, codes, deployment, hpa, prometheus, scaled

WAITING = prometheus("sum(vllm:num_requests_waiting)")
V1 = """\
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: llama, namespace: serving}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: llama}
  minReplicas: 2
  maxReplicas: 3
  targetCPUUtilizationPercentage: 60
"""
V2BETA1 = """\
apiVersion: autoscaling/v2beta1
kind: HorizontalPodAutoscaler
metadata: {name: llama, namespace: serving}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: llama}
  minReplicas: 2
  maxReplicas: 3
  metrics:
    - type: Pods
      pods: {metricName: "vllm:kv_cache_usage_perc", targetAverageValue: "50"}
"""
KSERVE = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: llama
  namespace: serving
  annotations: {serving.kserve.io/deploymentMode: RawDeployment}
spec:
  predictor:
    minReplicas: 1
    maxReplicas: 4
    scaleMetric: cpu
    scaleTarget: 60
    model:
      modelFormat: {name: huggingface}
      args: ["--model_id=meta-llama/Llama-3.1-8B"]
      resources: {limits: {nvidia.com/gpu: "1"}}
"""
KNATIVE = KSERVE.replace(
    "serving.kserve.io/deploymentMode: RawDeployment", "autoscaling.knative.dev/metric: cpu"
).replace("    scaleMetric: cpu\n    scaleTarget: 60\n", "")


def by_kserve(query: str, kind: str = "external") -> str:
    """An InferenceService that KServe scales through KEDA."""
    scales = (
        f"    autoScaling: {{metrics: [{{type: X, {kind}: {{metric: {{query: {query}}}, target: {{value: 3}}}}}}]}}\n"
    )
    return KSERVE.replace("    scaleMetric: cpu\n    scaleTarget: 60\n", scales).replace(
        "RawDeployment", "RawDeployment, serving.kserve.io/autoscalerClass: keda"
    )


LLM_SERVICE = """\
apiVersion: serving.kserve.io/v1alpha1
kind: LLMInferenceService
metadata: {name: qwen, namespace: serving}
spec:
  model: {uri: hf://Qwen/Qwen2.5-7B}
  template:
    containers: [{name: main, resources: {limits: {nvidia.com/gpu: "1"}}}]
"""
NIM = """\
apiVersion: apps.nvidia.com/v1alpha1
kind: NIMService
metadata: {name: llama, namespace: serving}
spec:
  image: {repository: nvcr.io/nim/meta/llama-3.1-8b-instruct, tag: "1.12"}
  resources: {limits: {nvidia.com/gpu: 1}}
  scale:
    enabled: true
    hpa:
      maxReplicas: 5
      metrics:
        - type: Resource
          resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
"""
RAY = """\
apiVersion: ray.io/v1
kind: RayService
metadata: {name: llama, namespace: serving}
spec:
  serveConfigV2: |
    applications: [{name: llm, runtime_env: {pip: ["vllm==0.5.4"]}}]
  rayClusterConfig:
    workerGroupSpecs:
      - template: {spec: {containers: [{name: w, image: "rayproject/ray-ml:2.33", resources: {limits: {nvidia.com/gpu: 2}}}]}}
"""
DISAGGREGATED = """\
apiVersion: disaggregatedset.x-k8s.io/v1
kind: DisaggregatedSet
metadata: {name: llama, namespace: serving}
spec:
  roles:
    - name: decode
      spec: {leaderWorkerTemplate: {workerTemplate: {spec: {containers: [
        {name: v, image: vllm/vllm-openai, resources: {limits: {nvidia.com/gpu: 1}}}]}}}}
"""
AIBRIX = """\
apiVersion: autoscaling.aibrix.ai/v1alpha1
kind: PodAutoscaler
metadata: {name: llama, namespace: serving}
spec:
  scalingStrategy: APA
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: llama}
  minReplicas: 1
  maxReplicas: 8
  metricsSources:
    - {metricSourceType: pod, path: metrics, targetMetric: gpu_cache_usage_perc, targetValue: "50"}
"""
LWS = """\
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: llama, namespace: serving}
spec:
  leaderWorkerTemplate:
    size: 2
    leaderTemplate:
      spec:
        containers:
          - {name: vllm, image: vllm/vllm-openai, resources: {limits: {nvidia.com/gpu: 8}}}
    workerTemplate:
      spec:
        containers:
          - {name: vllm, image: vllm/vllm-openai, resources: {limits: {nvidia.com/gpu: 8}}}
"""
SCALEDJOB = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {name: batch, namespace: serving}
spec:
  jobTargetRef:
    template:
      spec:
        containers:
          - {name: vllm, image: vllm/vllm-openai, resources: {limits: {nvidia.com/gpu: 1}}}
  triggers:
    - type: prometheus
      metadata: {query: 'avg(vllm:kv_cache_usage_perc)', threshold: "80", ignoreNullValues: "false"}
      metricType: Value
"""
DECLARED = """\
apiVersion: scalewarden.dev/v1alpha1
kind: InferenceDeployment
metadata: {name: chat, namespace: serving}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: llama}
"""

MISTAKES = [
    ("CPU alone", [deployment(), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("no metric is CPU", [deployment(), hpa(BRAKE)], {"ASC601": "error"}),
    ("CPU beside the queue", [deployment(), hpa(CPU.replace("]", ", ") + QUEUE[10:], BRAKE)], {"ASC601": "warning"}),
    ("autoscaling/v1", [deployment(), V1], {"ASC601": "error"}),
    ("v2beta1, and percent for a fraction", [deployment(), V2BETA1], {"ASC607": "warning"}),
    ("no brake", [deployment(), hpa(QUEUE)], {"ASC604": "warning"}),
    ("all at once", [deployment(), hpa(QUEUE, "behavior: {scaleDown: {stabilizationWindowSeconds: 0, policies: [{type: Percent, value: 100, periodSeconds: 15}]}}")], {"ASC604": "warning"}),
    ("a window shorter than a model's start", [deployment(), hpa(QUEUE, "behavior: {scaleDown: {stabilizationWindowSeconds: 30, policies: [{type: Pods, value: 2, periodSeconds: 60}]}}")], {"ASC604": "warning"}),
    ("GPU utilization", [deployment(), hpa('metrics: [{type: External, external: {metric: {name: dcgm_gpu_utilization}, target: {type: Value, value: "80"}}}]', BRAKE)], {"ASC602": "warning"}),
    ("memory that never falls", [deployment(), hpa('metrics: [{type: Pods, pods: {metric: {name: DCGM_FI_DEV_FB_USED}, target: {type: AverageValue, averageValue: "60000"}}}]', BRAKE)], {"ASC603": "warning"}),
    ("50 for a gauge from 0 to 1", [deployment(), hpa('metrics: [{type: Pods, pods: {metric: {name: "vllm:kv_cache_usage_perc"}, target: {type: AverageValue, averageValue: "50"}}}]', BRAKE)], {"ASC607": "warning"}),
    ("averaged twice", [deployment(), scaled(prometheus("avg(vllm:num_requests_waiting)"))], {"ASC607": "warning"}),
    ("a wrong name", [deployment(), scaled(prometheus("sum(vllm_num_requests_waiting)"))], {"ASC613": "warning"}),
    ("an empty result is zero", [deployment(), scaled(prometheus("sum(vllm:num_requests_waiting)", more="serverAddress: x"))], {"ASC608": "warning"}),
    ("a zero of one's own", [deployment(), scaled(prometheus("sum(vllm:num_requests_waiting) or vector(0)"))], {"ASC608": "warning"}),
    ("a static fallback", [deployment(), scaled(prometheus("sum(vllm:num_requests_waiting)"), more="fallback: {failureThreshold: 3, replicas: 1}")], {"ASC608": "warning"}),
    ("a zero of one's own through KServe", [by_kserve("sum(vllm:num_requests_waiting) or vector(0)")], {"ASC608": "warning", "ASC604": "warning"}),
    ("averaged twice through KServe", [by_kserve("avg(vllm:num_requests_waiting)")], {"ASC607": "warning", "ASC604": "warning"}),
    ("a query that KServe's HPA never gets", [by_kserve("sum(vllm:num_requests_waiting)").replace("keda", "hpa")], {"ASC601": "error", "ASC604": "warning"}),
    ("a counter as it stands", [deployment(), scaled(prometheus('sum(vllm:generation_tokens_total{namespace="serving"})'))], {"ASC603": "warning"}),
    ("a Kafka queue below its activation", [deployment(), scaled("{type: kafka, metadata: {topic: t, lagThreshold: '5', activationLagThreshold: '9'}}", prometheus("sum(vllm:num_requests_running)", more='ignoreNullValues: "false", activationThreshold: "5"'), low=0)], {}),
    ("zero below an activation", [deployment(), scaled(prometheus("sum(vllm:num_requests_running)", more='ignoreNullValues: "false", activationThreshold: "5"'), low=0)], {"ASC614": "warning"}),
    ("an HPA without room", [deployment(), hpa(CPU, BRAKE).replace("minReplicas: 2", "minReplicas: 8")], {"ASC601": "note"}),
    ("a Deployment that KServe makes", [LLM_SERVICE, hpa(CPU, BRAKE, name="qwen-kserve")], {"ASC601": "error"}),
    ("zero while requests run", [deployment(), scaled(prometheus("sum(vllm:num_requests_waiting)"), low=0)], {"ASC614": "warning"}),
    ("KEDA's cpu trigger", [deployment(), scaled('{type: cpu, metricType: Utilization, metadata: {value: "60"}}')], {"ASC601": "error"}),
    ("two scalers", [deployment(), hpa(QUEUE, BRAKE), scaled(prometheus("sum(vllm:num_requests_waiting)"))], {"ASC609": "warning"}),
    ("metrics switched off", [deployment(args=["--model", "x", "--disable-log-stats"])], {"SIG002": "warning"}),
    ("SGLang without its switch", [deployment("lmsysorg/sglang:v0.5.8", args=["python3", "-m", "sglang.launch_server"])], {"SIG002": "note"}),
    ("its metrics are read", [deployment("lmsysorg/sglang:v0.5.8", args=["python3", "-m", "sglang.launch_server"]), scaled(prometheus("sum(sglang:num_queue_reqs)"))], {"SIG002": "warning"}),
    ("a StatefulSet of SGLang", [deployment("lmsysorg/sglang", kind="StatefulSet", args=["--enable-metrics"]), hpa(CPU, BRAKE, target="StatefulSet")], {"ASC601": "error"}),
    ("KServe", [KSERVE], {"ASC601": "error", "ASC604": "warning"}),
    ("KServe through Knative", [KSERVE.replace("RawDeployment", "Serverless")], {"ASC601": "error", "ASC604": "warning"}),
    ("KServe by Knative's annotation", [KNATIVE], {"ASC601": "error", "ASC604": "warning"}),
    ("a wrapper's variable before it", [deployment(args=["env", "https_proxy=http://proxy:1", "vllm", "serve", "m"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a model called after routers", [deployment(args=["vllm", "serve", "katanemo/Arch-Router-1.5B"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a script that fetches embeddings too", [deployment("python:3.12", args=["sh", "-c", "huggingface-cli download BAAI/bge-m3 && exec vllm serve Qwen/Qwen3-8B"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a folder of notebooks", [deployment(args=["--model", "/mnt/notebooks-shared/llama-3-8b"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a variable for another model", [deployment(args=["--model", "m"], more="env: [{name: EMBEDDING_MODEL, value: BAAI/bge-m3}]"), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("beside an engine for embeddings", [deployment(more="- {name: e, image: vllm/vllm-openai, args: [--task, embed]}").replace("  - {name: e", "- {name: e"), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("Triton with TensorRT-LLM", [deployment("nvcr.io/nvidia/tritonserver:24.07-trtllm-python-py3", args=["tritonserver", "--model-repository=/m"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("another maker's accelerator", [deployment(gpu=False).replace("cpu: 4", "huawei.com/Ascend910: 4"), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a part of a GPU", [deployment(gpu=False).replace("cpu: 4", "aliyun.com/gpu-mem: 40"), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a node with GPUs", [deployment(gpu=False).replace("      containers:", "      nodeSelector: {cloud.google.com/gke-accelerator: nvidia-l4}\n      containers:"), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a DeploymentConfig", [deployment(kind="DeploymentConfig").replace("apps/v1", "apps.openshift.io/v1"), hpa(CPU, BRAKE, target="DeploymentConfig")], {"ASC601": "error"}),
    ("a RayService", [RAY, hpa(CPU, BRAKE, target="RayService")], {"ASC601": "error"}),
    ("a role of several", [DISAGGREGATED, hpa(CPU, BRAKE, name="llama-decode", target="DisaggregatedSetRoleScaler")], {"ASC601": "error"}),
    ("a NIM", [NIM], {"ASC601": "error", "ASC604": "warning"}),
    ("a NIM from a registry of one's own", [NIM.replace("nvcr.io/nim/meta", "registry.corp/mirror")], {"ASC601": "error", "ASC604": "warning"}),
    ("a NIM whose GPUs its operator adds", [NIM.replace("  resources: {limits: {nvidia.com/gpu: 1}}\n", "")], {"ASC601": "warning", "ASC604": "warning"}),
    ("a NIM's Deployment", [NIM.replace("enabled: true", "enabled: false"), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a component of Dynamo", [hpa(CPU, BRAKE, name="chat-decode", target="DynamoGraphDeploymentScalingAdapter")], {"ASC601": "warning"}),
    ("a mean of what is calculated", [deployment(), scaled(prometheus("avg(DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE))", "0.9"))], {"ASC603": "warning", "ASC607": "warning"}),
    ("memory of an engine elsewhere", [scaled(prometheus("max(DCGM_FI_DEV_FB_USED)", "60000")).replace("name: llama", "name: vllm-llama")], {"ASC603": "note", "ASC607": "note"}),
    ("the mean of the GPUs' time", [deployment(), scaled(prometheus("avg(nvidia_gpu_utilization)", "75"))], {"ASC602": "warning", "ASC607": "warning"}),
    ("the rate of a gauge", [deployment(), scaled(prometheus("sum(rate(vllm:num_requests_waiting[1m]))"))], {"ASC607": "warning"}),
    ("an engine in an image of another name", [deployment("registry.corp/llama-factory-api:1", args=["python", "-m", "vllm.entrypoints.openai.api_server"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a benchmark's own service elsewhere", [scaled(prometheus("avg(vllm:num_requests_waiting)")).replace("name: llama", "name: ms-bench-llama8b")], {"ASC607": "note"}),
    ("a queue of an adapter's name", [deployment(), hpa(QUEUE.replace("vllm:num_requests_waiting", "vllm_request_queue_depth").replace('"3"', '"50"'), BRAKE)], {"ASC611": "note"}),
    ("a mean in percent", [deployment(), scaled(prometheus("avg(vllm:kv_cache_usage_perc) * 100", "80"))], {"ASC607": "warning"}),
    ("a mean by a constant", [deployment(), scaled(prometheus("max(vllm:num_requests_running) / scalar(vector(32))", "0.7"))], {"ASC607": "warning"}),
    ("what runs by what may run", [deployment(), scaled(prometheus("max(vllm:num_requests_running) / max(acme:limit)", "0.7"))], {"ASC607": "warning"}),
    ("a mean by the pods that are up", [deployment(), scaled(prometheus('sum(vllm:num_requests_waiting) / scalar(count(up{job="v"}))'))], {"ASC607": "warning"}),
    ("a mean by the replicas", [deployment(), scaled(prometheus("sum(vllm:num_requests_waiting) / on() kube_deployment_status_replicas"))], {"ASC607": "warning"}),
    ("a GPU as a resource", [deployment(), hpa(CPU.replace("cpu", "nvidia.com/gpu"), BRAKE)], {"ASC602": "warning", "ASC613": "warning"}),
    ("a GPU's memory as a resource", [deployment(), hpa(CPU.replace("cpu", "nvidia.com/gpu-memory-utilization"), BRAKE)], {"ASC603": "warning", "ASC613": "warning"}),
    ("an external scaler that says it", [deployment(), scaled("{type: external, metadata: {scalerAddress: x, metricType: gpu_utilization, targetValue: '80'}}")], {"ASC602": "warning"}),
    ("Ollama elsewhere on a GPU", [hpa(CPU.replace("]", ", ") + QUEUE.replace("vllm:num_requests_waiting", "gpu_utilization")[10:], BRAKE, name="ollama")], {"ASC601": "note", "ASC602": "note"}),
    ("two scalers of a target elsewhere", [hpa(QUEUE, BRAKE, name="vllm-chat"), scaled(WAITING).replace("name: llama", "name: vllm-chat")], {"ASC609": "note"}),
    ("a group that is none", [deployment(), hpa(CPU, BRAKE).replace("autoscaling/v2", "autoscaling.k8s.io/v2")], {"ASC601": "error"}),
    ("a target without its kind", [deployment(), hpa(CPU, BRAKE).replace("kind: Deployment, name", "name")], {"ASC601": "error"}),
    ("an LLMInferenceService's scaling", [LLM_SERVICE + "  scaling: {maxReplicas: 8, wva: {keda: {fallback: {failureThreshold: 3, replicas: 2}}}}\n"], {"ASC604": "warning", "ASC608": "warning"}),
    ("AIBrix's PodAutoscaler", [deployment(), AIBRIX], {"ASC607": "warning"}),
    ("a LeaderWorkerSet", [LWS, hpa(CPU, BRAKE, target="LeaderWorkerSet")], {"ASC601": "error"}),
    ("a ScaledJob's unit", [SCALEDJOB], {"ASC607": "warning"}),
    ("an engine that asks for no GPU here", [deployment(gpu=False), hpa(CPU, BRAKE)], {"ASC601": "warning"}),
    ("an image of one's own on a GPU that serves", [deployment("registry.corp/models/server:1", more="ports: [{containerPort: 8000}]"), hpa(CPU, BRAKE)], {"ASC601": "note"}),
    ("an image of one's own that says what it runs", [deployment("registry.corp/models/server:1", more="ports: [{containerPort: 8000}]\nenv: [{name: CHECKPOINT, value: /models/llama-3}]"), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("an adapter called after embeddings", [deployment(args=["--model=m", "--lora-modules", "embed-intents=/a/intents", "whisper=/a/w"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a cache called after a notebook", [deployment(args=["serve", "m", "--download-dir", "/mnt/notebook-cache"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("claims to devices", [deployment(gpu=False, more="resources: {claims: [{name: gpu}]}").replace("containers:", "resourceClaims: [{name: gpu, resourceClaimTemplateName: gpu}]\n      containers:"), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("CPU through Prometheus", [deployment(), scaled(prometheus('sum(rate(container_cpu_usage_seconds_total{pod=~"llama.*"}[2m]))'))], {"ASC601": "error"}),
    ("memory by Google's name", [deployment(), hpa(QUEUE.replace("vllm:num_requests_waiting", "kubernetes.io|container|memory|used_bytes"), BRAKE)], {"ASC601": "error"}),
    ("a declared service of any image", [deployment("registry.corp/models/server:1"), DECLARED, hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("its target is elsewhere", [hpa(CPU, BRAKE, name="vllm-llama")], {"ASC601": "note"}),
    ("an engine that a shell starts", [deployment("python:3.12", args=["sh", "-c", "pip install vllm && vllm serve m --disable-log-stats"]), hpa(CPU, BRAKE)], {"ASC601": "error", "SIG002": "warning"}),
    ("a TPU", [deployment("vllm/vllm-tpu:nightly", gpu=False).replace("cpu: 4", "google.com/tpu: 4"), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("percent by Google's name", [deployment(), hpa(QUEUE.replace("vllm:num_requests_waiting", "prometheus.googleapis.com|vllm:gpu_cache_usage_perc|gauge").replace('"3"', '"80"'), BRAKE)], {"ASC607": "warning"}),
    ("a Rollout", [deployment(kind="Rollout").replace("apps/v1", "argoproj.io/v1alpha1"), hpa(CPU, BRAKE, target="Rollout")], {"ASC601": "error"}),
    ("a model that sees", [deployment(args=["--model=Qwen/Qwen2-VL-7B-Instruct"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a model that reads pages", [deployment(args=["--model=deepseek-ai/DeepSeek-OCR"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a service named after its model", [deployment(args=["--model=/models/llm", "--served-model-name=chat"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("Triton with vLLM", [deployment("nvcr.io/nvidia/tritonserver:25.08-vllm-python-py3", args=["tritonserver", "--model-store=/m"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("llm-d behind its sidecar", [deployment("ghcr.io/llm-d/llm-d-cuda:v0.4.0", args=["vllm", "serve", "m"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("Dynamo's worker", [deployment("nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.7.0", args=["python3", "-m", "dynamo.vllm", "--model", "m"]), hpa(CPU, BRAKE)], {"ASC601": "error", "SIG002": "note"}),
    ("a queue's total held against Value", [deployment(), hpa('metrics: [{type: Object, object: {metric: {name: vllm_num_requests_waiting}, describedObject: {apiVersion: v1, kind: Namespace, name: serving}, target: {type: Value, value: "5"}}}]', BRAKE)], {"ASC607": "warning"}),
    ("the time that a GPU is held", [deployment(), hpa('metrics: [{type: External, external: {metric: {name: "kubernetes.io|container|accelerator|duty_cycle"}, target: {type: AverageValue, averageValue: "60"}}}]', BRAKE)], {"ASC602": "warning"}),
    ("DJL with its LLM engine", [deployment("deepjavalibrary/djl-serving:0.33.0-lmi15.0.0"), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("LoRAX", [deployment("ghcr.io/predibase/lorax:main", args=["--model-id", "corp/x"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("MLC by its program", [deployment("registry.corp/mlc:1", args=["mlc_llm", "serve", "HF://x"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a worker of FastChat", [deployment("registry.corp/fs:1", args=["python3", "-m", "fastchat.serve.vllm_worker"]), hpa(CPU, BRAKE)], {"ASC601": "error"}),
    ("a server of models of any kind", [deployment("xprobe/xinference:v1.9", args=["xinference-local", "-H", "0.0.0.0"]), hpa(CPU, BRAKE)], {"ASC601": "note"}),
    ("two GPUs by flag", [deployment(gpu=False, args=["--tensor-parallel-size", "2"]), hpa(CPU, BRAKE)], {"ASC601": "warning"}),
]  # fmt: skip

SILENT = [
    ("a rate of a counter", [deployment(), scaled(prometheus('sum(rate(vllm:generation_tokens_total{namespace="serving"}[2m]))', "900"))]),
    ("a gauge that is called a count", [deployment(), scaled(prometheus("max(chat_replica_count)"))]),
    ("a histogram's mean", [deployment(), scaled(prometheus("sum(increase(vllm:e2e_request_latency_seconds_sum[5m])) / sum(increase(vllm:e2e_request_latency_seconds_count[5m]))", "9"))]),
    ("queue and brake", [deployment(), hpa(QUEUE, BRAKE)]),
    ("KEDA on the total of the queue", [deployment(), scaled(prometheus("sum(vllm:num_requests_waiting)"))]),
    ("a web server", [deployment("nginx:1.27", gpu=False, name="web"), hpa(CPU, name="web")]),
    ("named like a model", [deployment("nginx:1.27", gpu=False, name="llama"), hpa(CPU)]),
    ("a CPU model", [deployment("ollama/ollama:0.9", gpu=False), hpa(CPU, BRAKE)]),
    ("llama.cpp on CPUs", [deployment("ghcr.io/ggml-org/llama.cpp:server", gpu=False, args=["--metrics"]), hpa(CPU, BRAKE)]),
    ("a CPU build of vLLM", [deployment("public.ecr.aws/vllm-cpu-release:v0.11", gpu=False), hpa(CPU, BRAKE)]),
    ("embeddings", [deployment("ghcr.io/huggingface/text-embeddings-inference:1.8"), hpa(CPU)]),
    ("embeddings by vLLM", [deployment(args=["--model", "BAAI/bge-m3"]), hpa(CPU)]),
    ("pooling by vLLM", [deployment(args=["--model", "corp/x", "--runner", "pooling"]), hpa(CPU)]),
    ("a router beside the engine", [deployment("ghcr.io/vllm-project/production-stack/router:v0.1", gpu=False), hpa(CPU)]),
    ("a router by its command", [deployment("lmsysorg/sglang", gpu=False, args=["python3", "-m", "sglang_router.launch_router"]), hpa(CPU)]),
    ("a load generator", [deployment("vllm/vllm-openai", gpu=False, args=["vllm", "bench", "serve"]), hpa(CPU)]),
    ("a simulator", [deployment("ghcr.io/llm-d/llm-d-inference-sim:v0.9", gpu=False), hpa(CPU, BRAKE)]),
    ("a chat page", [deployment("ghcr.io/open-webui/open-webui:main", gpu=False, name="open-webui"), hpa(CPU, name="open-webui")]),
    ("a reranker", [deployment("nvcr.io/nim/nvidia/nv-rerankqa-mistral-4b-v3:1"), hpa(CPU)]),
    ("a metric of Google's adapter", [deployment(), hpa(QUEUE.replace("vllm:num_requests_waiting", "prometheus.googleapis.com|vllm:num_requests_waiting|gauge"), BRAKE)]),
    ("a notebook with a GPU", [deployment("jupyter/tensorflow-notebook", more="ports: [{containerPort: 8888}]"), hpa(CPU)]),
    ("DJL on CPUs", [deployment("deepjavalibrary/djl-serving:0.33.0-cpu-full", gpu=False), hpa(CPU)]),
    ("embeddings by a server of models", [deployment("xprobe/xinference:v1.9", args=["launch", "--model-name", "bge-m3", "--model-type", "embedding"]), hpa(CPU)]),
    ("LoRAX's client", [deployment("registry.corp/lorax-client:1"), hpa(CPU)]),
    ("training on a GPU", [deployment("registry.corp/train:1"), hpa(CPU)]),
    ("a target elsewhere of which nothing speaks", [hpa(CPU, name="checkout")]),
    ("ignored for a reason", [deployment(), hpa(CPU).replace("namespace: serving}", "namespace: serving, annotations: {scalewarden.dev/ignore: owner agreed}}", 1)]),
    ("another namespace's target", [deployment(name="web"), hpa(CPU, name="web").replace("namespace: serving", "namespace: other")]),
    ("embeddings by a flag with its value", [deployment(args=["--model=BAAI/bge-m3"]), hpa(CPU)]),
    ("embeddings by their served name", [deployment(args=["--model=corp/x", "--served-model-name=text-embedding-3"]), hpa(CPU)]),
    ("reranking by a flag with its value", [deployment(args=["--model=Qwen/Qwen3-Reranker-8B"]), hpa(CPU)]),
    ("speech by vLLM", [deployment(args=["--model=openai/whisper-large-v3"]), hpa(CPU)]),
    ("KServe's own name of the task", [KSERVE.replace('"--model_id=', '"--task=text_embedding", "--model_id=')]),
    ("Triton for pictures", [deployment("nvcr.io/nvidia/tritonserver:24.08-py3", args=["tritonserver", "--model-repository=s3://models/resnet50"]), hpa(CPU)]),
    ("Triton for pictures, in two words", [deployment("nvcr.io/nvidia/tritonserver:24.08-py3", args=["tritonserver", "--model-repository", "/models/yolov8"]), hpa(CPU)]),
    ("TensorFlow", [deployment("tensorflow/serving:2.19-gpu", more="ports: [{containerPort: 8501}]"), hpa(CPU)]),
    ("speech on a GPU", [deployment("ghcr.io/remsky/kokoro-fastapi-gpu:v0.2", more="ports: [{containerPort: 8880}]"), hpa(CPU)]),
    ("video on a GPU", [deployment("jellyfin/jellyfin:10", more="ports: [{containerPort: 8096}]"), hpa(CPU)]),
    ("a vector database on a GPU", [deployment("milvusdb/milvus:v2.5-gpu", more="ports: [{containerPort: 19530}]"), hpa(CPU)]),
    ("a cache server of an engine's image", [deployment("lmcache/vllm-openai", gpu=False, args=["lmcache_server", "0.0.0.0", "65432"]), hpa(CPU)]),
    ("Dynamo's planner", [deployment("nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.7.0", gpu=False, args=["python3", "-m", "dynamo.planner"]), hpa(CPU)]),
    ("Triton for whatever is in a folder", [deployment("nvcr.io/nvidia/tritonserver:23.07-py3", args=["tritonserver", "--model-repository=/models"]), hpa(CPU)]),
    ("a NIM for pages", [deployment("nvcr.io/nim/nvidia/nemoretriever-page-elements-v2:1.2"), hpa(CPU)]),
    ("a NIM of another science", [deployment("nvcr.io/nim/arc/evo2-40b:1"), hpa(CPU)]),
    ("Ray without a language model", [deployment("rayproject/ray:2.40-gpu", args=["ray", "start", "--address=h:6379"]), hpa(CPU)]),
    ("a page for chats on a GPU", [deployment("ghcr.io/open-webui/open-webui:cuda", more="ports: [{containerPort: 8080}]\nenv: [{name: OLLAMA_BASE_URL, value: 'http://ollama:11434'}]"), hpa(CPU)]),
    ("classes of texts by KServe", [KSERVE.replace("meta-llama/Llama-3.1-8B", "distilbert/distilbert-base-uncased-finetuned-sst-2-english")]),
    ("a router in a project's folder", [deployment("ghcr.io/vllm-project/semantic-router/extproc:v1", gpu=False), hpa(CPU)]),
    ("a bird's name", [deployment("registry.corp/falcon-web:1", gpu=False), hpa(CPU)]),
    ("Ollama elsewhere", [hpa(CPU, name="ollama-gemma")]),
    ("AIBrix in its unit", [deployment(), AIBRIX.replace('"50"', '"0.5"')]),
    ("a NIM without a scaler", [NIM.replace("enabled: true", "enabled: false")]),
    ("a NIM for embeddings", [NIM.replace("meta/llama-3.1-8b-instruct", "nvidia/nv-embedqa-e5-v5")]),
    ("a frontend of Dynamo as a component", [hpa(CPU, name="chat-frontend", target="DynamoGraphDeploymentScalingAdapter")]),
    ("Dynamo's frontend", [deployment("nvcr.io/nvidia/ai-dynamo/vllm-runtime:0.7.0", gpu=False, args=["python3", "-m", "dynamo.frontend"]), hpa(CPU)]),
    ("llm-d's endpoint picker", [deployment("ghcr.io/llm-d/llm-d-inference-scheduler:v0.4.0", gpu=False, args=["--pool-name", "p"]), hpa(CPU)]),
    ("the queue of a pool, by its picker", [deployment(), hpa('metrics: [{type: External, external: {metric: {name: inference_pool_average_queue_size}, target: {type: Value, value: "5"}}}]', BRAKE)]),
    ("prompts as embeddings are a language model's", [deployment(args=["--enable-prompt-embeds"]), hpa(QUEUE, BRAKE)]),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "expected"), [one[1:] for one in MISTAKES], ids=[one[0] for one in MISTAKES])
def test_a_mistake_is_found(texts: list[str], expected: dict[str, str]) -> None:
    found = codes(checked(*texts))
    assert {code: level for code, level in found.items() if code in expected} == expected
    assert found.keys() - expected.keys() <= {"ASC611"}


@pytest.mark.parametrize("texts", [one[1] for one in SILENT], ids=[one[0] for one in SILENT])
def test_what_is_sound_or_no_language_model_is_left_alone(texts: list[str]) -> None:
    assert codes(checked(*texts)) == {}


def test_a_gpu_service_of_another_kind_is_no_language_model_by_its_name() -> None:
    assert codes(checked(deployment("ghcr.io/corp/whisper-asr:2", name="llm-asr"), hpa(CPU, name="llm-asr"))) == {}


def test_each_finding_says_where_why_and_what_to_write() -> None:
    one = next(one for one in checked(deployment(), hpa(CPU, BRAKE)) if one.rule == "ASC601")
    assert (one.place.line, one.place.text.strip()[:8]) == (22, "metrics:")
    assert one.place.text[one.place.column - 1 : one.place.end - 1] == "name: cpu"
    assert one.object == "HorizontalPodAutoscaler/serving/llama"
    assert "on nothing but CPU" in one.message and "waiting requests" in one.remedy
    assert 'name: "vllm:num_requests_waiting"' in one.patch


def test_older_versions_are_read_with_a_remark() -> None:
    said = [remark.text for remark in checking(deployment(), V1)[0].remarks]
    assert said == [
        "HorizontalPodAutoscaler/serving/llama is written in autoscaling/v1, which knows CPU only: write autoscaling/v2"
    ]
    said = [remark.text for remark in checking(deployment(), V2BETA1)[0].remarks]
    assert "which Kubernetes 1.25 dropped" in said[0]


def test_a_declared_service_that_does_not_hold_together_is_an_error_with_its_line() -> None:
    broken = DECLARED + "  policy: {minReplicas: -1}\n"
    one, _ = checking(deployment(), broken)
    assert len(one.errors) == 1
    assert one.errors[0].place.line > 15 and ": spec.policy.minReplicas: " in one.errors[0].text


def test_a_part_of_an_autoscaler_is_skipped_with_a_remark() -> None:
    part = (
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: llama}\nspec: {maxReplicas: 3}\n"
    )
    one, found = checking(deployment(), part)
    assert found == []
    assert "part of an object, skipped" in one.remarks[0].text


@pytest.mark.parametrize(("text", "count"), [(KSERVE, 1), (deployment(), 1), (f"{deployment()}---\n{hpa(CPU)}", 2)])
def test_each_object_that_concerns_llm_inference_is_counted_once(text: str, count: int) -> None:
    assert checking(text)[0].judged == count


def in_files(**files: str) -> dict[str, str]:
    found = Found()
    for name, text in files.items():
        objects(f"{name.replace('__', '/')}.yaml", text, found)
    return {one.rule: one.object for one in Checking(found).findings()}


@pytest.mark.parametrize(
    ("files", "together"),
    [
        ({"base__llm": deployment(), "dev__hpa": hpa(QUEUE, BRAKE), "prod__hpa": hpa(QUEUE, BRAKE)}, False),
        ({"base__llm": deployment(), "dev__a": hpa(QUEUE, BRAKE), "prod__b": scaled(WAITING)}, False),
        ({"base__llm": deployment(), "base__a": hpa(QUEUE, BRAKE), "prod__b": scaled(WAITING)}, True),
        ({"base__llm": deployment(), "prod__a": hpa(QUEUE, BRAKE), "prod__b": scaled(WAITING)}, True),
    ],
)
def test_overlays_of_several_environments_are_not_two_scalers_of_one_target(
    files: dict[str, str], together: bool
) -> None:
    assert ("ASC609" in in_files(**files)) is together


def test_a_service_that_another_namespace_describes_is_not_described() -> None:
    other = DECLARED.replace("namespace: serving", "namespace: other")
    check, _ = checking(deployment("registry.corp/models/server:1"), other)
    assert check.declared(check.found.manifests[0]) is None
    check, _ = checking(deployment("registry.corp/models/server:1"), DECLARED)
    assert check.declared(check.found.manifests[0]) is not None


@pytest.mark.parametrize(
    ("text", "patched"),
    [
        (scaled("{type: cpu, metricType: Utilization, metadata: {value: '70'}}"),
         'sum(vllm:num_requests_waiting{namespace="serving", pod=~"llama-.+"})'),
        (scaled("{type: cpu, metricType: Utilization, metadata: {value: '70'}}", low=0), "minReplicaCount: 1"),
        (scaled(prometheus("sum(vllm:num_requests_running) or vector(0)")), ""),
        (scaled(prometheus("sum(vllm:num_requests_running)"), more="fallback: {failureThreshold: 3, replicas: 1}"),
         "behavior: currentReplicasIfHigher"),
    ],
)  # fmt: skip
def test_what_to_write_is_of_this_service_and_clears_the_finding(text: str, patched: str) -> None:
    (found,) = (one for one in checked(deployment(), text) if one.rule in ("ASC601", "ASC608"))
    assert patched in found.patch and bool(patched) is bool(found.patch)


def test_of_an_engine_without_a_queue_nothing_is_made_up() -> None:
    (found,) = (one for one in checked(deployment("ollama/ollama"), hpa(CPU, BRAKE)) if one.rule == "ASC601")
    assert found.patch == ""


def test_of_kserves_queue_only_the_brake_is_missing() -> None:
    for text in (
        by_kserve("sum(vllm:num_requests_waiting)"),
        by_kserve("vllm:num_requests_waiting", "podmetric"),
    ):
        assert codes(checked(text)) == {"ASC604": "warning"}


def test_what_is_written_for_a_nim_stands_in_it() -> None:
    service = yaml.safe_load(NIM)
    for one in checked(NIM):
        service["spec"]["scale"]["hpa"] |= yaml.safe_load(one.patch)["spec"]["scale"]["hpa"]
    assert codes(checked(yaml.safe_dump(service))) == {}


def test_what_kserve_cannot_be_told_is_an_autoscaler_of_ones_own() -> None:
    service = KSERVE.replace("RawDeployment", "RawDeployment, serving.kserve.io/autoscalerClass: hpa")
    found = {one.rule: one.patch for one in checked(service)}
    assert found["ASC601"] == found["ASC604"]
    annotations, autoscaler = yaml.safe_load_all(found["ASC601"])
    patched = yaml.safe_load(service)
    patched["metadata"]["annotations"] |= annotations["metadata"]["annotations"]
    assert autoscaler["spec"]["maxReplicas"] == 4
    assert codes(checked(yaml.safe_dump_all([patched, autoscaler]))) == {}


@pytest.mark.parametrize("name", ["vllm-{{ .Release.Name }}", "${APP}", "Qwen2.5-7B", "vllm_server", "x" * 300])
def test_no_name_of_a_target_ends_the_run(name: str) -> None:
    texts = [one.replace("name: llama", f"name: '{name}'") for one in (deployment(), hpa(CPU, BRAKE))]
    check, found = checking(*texts, deployment(name="other"), hpa(CPU, BRAKE, name="other"))
    assert [one.rule for one in found] == ["ASC601", "ASC601"]
    assert check.errors == []
    said = [one.text for one in check.remarks]
    assert (len(said) == 1 and "no object may be called" in said[0]) or name == "x" * 300


@pytest.mark.parametrize("label", ["managed-by: flux", "release: prometheus-operator", "team: client-services"])
def test_a_label_of_something_else_speaks_against_nothing(label: str) -> None:
    labelled = hpa(CPU, BRAKE, name="vllm-llama").replace(
        "namespace: serving}", f"namespace: serving, labels: {{{label}}}}}", 1
    )
    assert codes(checked(labelled)) == {"ASC601": "note"}
    query = scaled(prometheus('sum(vllm:num_requests_waiting{namespace="ai-gateway"}) or vector(0)'))
    assert codes(checked(query.replace("name: llama", "name: chat")))["ASC608"] == "note"


def test_each_trigger_is_told() -> None:
    both = scaled(prometheus("avg(vllm:num_requests_waiting)"), prometheus("avg(vllm:kv_cache_usage_perc)", "0.85"))
    found = [one.message for one in checked(deployment(), both) if one.rule == "ASC607"]
    assert ["num_requests_waiting" in found[0], "kv_cache_usage_perc" in found[1]] == [True, True]


def test_a_name_that_newer_releases_dropped_is_told_with_the_newer_one() -> None:
    (one,) = (one for one in checked(scaled(prometheus("max(vllm_gpu_cache_usage_perc)"))) if one.rule == "ASC613")
    assert "vllm:gpu_cache_usage_perc, from vLLM 0.12" in one.message
    assert "on vllm:kv_cache_usage_perc" in one.message


def test_a_query_that_does_not_end_is_judged_by_how_it_begins() -> None:
    assert "ASC607" in codes(checked(deployment(), scaled(prometheus("avg(vllm:num_requests_waiting"))))
