"""Words by which images, programs and models are told apart: what serves a language model, and what does not.

Patterns of public images and models; each stands for a family, and none decides by the name of an object.
"""

import re

ON_GPUS = frozenset({"vLLM", "SGLang", "TGI", "TensorRTLLM", "LMDeploy", "NIM", "Dynamo", "KServe"})
"""Runtimes that are built for GPUs unless something says CPU. llama.cpp and Ollama run on what is there."""
OF_ANY_MODEL = frozenset({"Triton", "Ray", "NIM"})
"""Runtimes that serve models of any kind: that it is one of language, more words must say."""
NO_GENERATION = re.compile(
    r"embed|rerank|colbert|minilm|(?<![a-z])bge-|(?<![a-z])gte-|(?<![a-z])e5-|retriever|jina-clip|qwen-image",
    re.IGNORECASE,
)
"""Models of embeddings and ranking, whatever language model they were made from."""
OTHER_MODELS = re.compile(
    r"whisper|stable-diffusion|(?<![a-z])(tts|asr)(?![a-z])|kokoro|resnet|yolo|efficientnet|mobilenet|detectron"
    r"|segment-anything|(?<![a-z])sam-?2|alphafold|esmfold|rfdiffusion|diffdock|molmim|(?<![a-z])flux(?![a-z])|sdxl"
    r"|audio2face|parakeet|canary|conformer|trellis|xtts|bert|(?<![a-z])clip(?![a-z])|(?<![a-z])(paddle)?ocr(?![a-z])"
    r"|sst-?2|electra|(?<![a-z])vit-|-table-structure|-page-elements|-graphic-elements|cuopt|genmol|evo2"
    r"|openfold|corrdiff|fourcastnet|vista3d|cosmos-predict|msa-search|nv-?clip|proteinmpnn",
    re.IGNORECASE,
)
"""Models of speech, pictures, video and classes; a language model's name beside one of them counts more."""
OTHER_SERVERS = re.compile(
    r"text-embeddings-inference|michaelf34/infinity|comfyui|diffusers|jupyter|notebook|openedai-speech|coqui"
    r"|tensorflow/serving|tf-serving|torchserve|mlserver|mlflow|sentence-transformers|deepstream|merlin"
    r"|jellyfin|plexinc|frigate|immich|milvus|/nim/deepmind|/nim/ipd|/nim/mit|black-forest-labs|maxine|/riva"
    r"|studiovoice|invokeai|rapidsai|blender|handbrake|ffmpeg|transcod|docling|label-studio|code-server|ragflow"
    r"|tensorboard|unsloth|axolotl|llama-?factory|torchrun|accelerate launch|fine-?tun",
    re.IGNORECASE,
)
"""Servers and programs of other things, by image or program."""
MODEL = r"--?(?:served[-_])?model(?:[-_](?:path|id|name|repository|store|dir))?"
MODEL_FLAG = re.compile(f"{MODEL}=(?P<model>.+)")
NAMES_NEXT = re.compile(rf"{MODEL}|-m|-c|--?hf[-_]repo|-hf")
"""Flags before a model's name, or before the program that is started."""
MODEL_VARIABLE = re.compile(r"(^|_)MODEL(S|_?(ID|NAME|PATH|REPO|TAG))?$", re.IGNORECASE)
"""Variables that name the model; folders of caches are called after it as well."""
OF_A_CLIENT = re.compile(r"URL|URI|ENDPOINT|HOST|ADDR|API|PROXY|OPENAI|CLIENT|UPSTREAM|BACKEND", re.IGNORECASE)
"""Variables that tell whom to ask: who asks a language model is none."""
POOLING = re.compile(
    r"--(task|runner|convert)[= ](\w*embed\w*|classify|\w+_classification|fill_mask|score|reward|pooling)"
    r"|--is-embedding|--embeddings?\b|--rerank",
    re.IGNORECASE,
)
BESIDE = re.compile(
    r"router|gateway|proxy|\bepp\b|extproc|web-?ui|(?<![a-z])ui(?![a-z])|dashboard|exporter|operator|controller|bench"
    r"|loadgen|locust|client|adapter|scheduler|planner|frontend|playground|sidecar|litellm|envoy|nginx"
    r"|lmcache\w*_server|streamlit|gradio|llama-?stack|distribution-remote|metadata-service",
    re.IGNORECASE,
)
"""What stands beside an engine, by the last part of its image or by its program."""
BESIDE_BY_NAME = re.compile(
    r"router|gateway|proxy|\bepp\b|web-?ui|(?<![a-z])ui(?![a-z])|dashboard|exporter|operator|controller|client|frontend"
    r"|litellm|envoy|nginx|planner",
    re.IGNORECASE,
)
"""The same by the name of an object, where nothing else is known of it."""
CPU_WORDS = re.compile(
    r"inference-sim|--device[= ]cpu|VLLM_CPU_|VLLM_TARGET_DEVICE[= ]cpu|--n-gpu-layers[= ]0\b|-ngl[= ]0\b"
)
OF_LANGUAGE = re.compile(
    r"aphrodite|mlc[_-]llm|lorax|tabbyml/tabby|tabbyapi|exllama|koboldcpp|\bmii\.entrypoints|deepspeed-mii"
    r"|fastchat\.serve\.\w*worker|lightllm|rtp[_-]llm|openllm|scalellm|ktransformers|mistral\.?rs|llamafile"
    r"|friendliai/|modular/max-|jetstream|maxengine|djl-(?:serving|inference):\S*lmi|fastdeploy|mindie|saxml",
    re.IGNORECASE,
)
"""Servers of language models whose own metrics no table here knows, by image or program."""
OF_MODELS = re.compile(
    r"xinference|localai/localai|\blocal-ai\b|djl-(?:serving|inference)|gpustack|\b(?:transformers|litgpt) serve\b",
    re.IGNORECASE,
)
"""Servers of models of any kind: what they serve is known by more words only."""
OF_GENERATION = re.compile(
    r"vllm|sglang|\btgi\b|text-generation|trt-?llm|tensorrt[-_]?llm|inflight_batcher_llm|\bllms?\b|llama|mistral"
    r"|mixtral|qwen|deepseek|gemma|\bphi-?\d|gpt-|falcon[-_]?\d|nemotron|starcoder|chatglm|internlm|baichuan|\bgranite"
    r"|\bkimi|-instruct|-chat\b|(?<![a-z0-9])\d+(\.\d+)?b(?![a-z0-9])",
    re.IGNORECASE,
)
"""Words of models and engines that generate text, and counts of parameters: `8b`."""
LLM_WORDS = re.compile(rf"{OF_GENERATION.pattern}|\bnim\b|ollama", re.IGNORECASE)
"""Words of names and labels that speak of a language model; they decide nothing but a note."""
ON_ANYTHING = re.compile(r"ollama|llama[._-]?cpp|llamacpp", re.IGNORECASE)
"""Engines that run on CPUs as well: their name alone asks for no GPU."""
ACCELERATOR = re.compile(
    r"^gpu$|/.*(gpu|npu|mlu|xpu|dcu|tpu|ascend|neuron|gaudi|qaic|vcuda|atom|rngd|warboy|spyre|n150|n300)"
    r"|^(tenstorrent|habana|ascend)",
    re.IGNORECASE,
)
"""Resources of accelerators that no table here counts, by their device plugins' names."""
GPU_NODE = re.compile(r"accelerator|(nvidia|amd|intel)\.com/(gpu|mig)", re.IGNORECASE)
"""Labels by which pods ask for a node with GPUs."""
GPU_NOTE = re.compile(r"gpu-(fraction|memory|mem|core)", re.IGNORECASE)
"""Annotations and labels by which pods ask for a part of a GPU."""
