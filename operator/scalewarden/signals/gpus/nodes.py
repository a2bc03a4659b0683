"""What a node's labels say of its GPUs: product and MIG profile, where no exporter tells.

GPU feature discovery appends `-MIG-<profile>` to the product under the single strategy and `-SHARED` where GPUs are
shared in time; the MIG manager is told by `nvidia.com/mig.config` what to cut.
"""

import re
from collections.abc import Mapping

from scalewarden.signals.gpus.mig import profile_of

PRODUCT, STRATEGY, CONFIG = "nvidia.com/gpu.product", "nvidia.com/mig.strategy", "nvidia.com/mig.config"
STATE = "nvidia.com/mig.config.state"
_AMD_PRODUCT = "amd.com/gpu.product-name"
_SLICED = re.compile(r"-MIG-(?P<profile>[0-9a-z.+]+)", re.IGNORECASE)
_SHARED = re.compile(r"-SHARED$", re.IGNORECASE)
_ALL = "all-"


def product(labels: Mapping[str, str]) -> str | None:
    """The product without what was appended to it: `NVIDIA-A100-SXM4-40GB`."""
    label = labels.get(PRODUCT) or labels.get(_AMD_PRODUCT)
    return _SLICED.sub("", _SHARED.sub("", label)) or None if label else None


def mig_profile(labels: Mapping[str, str]) -> str | None:
    """The profile that every GPU of the node is cut into; None where they are whole, or cut in several ways.

    By the product label, else by the MIG manager's configuration (`all-1g.10gb`) where the strategy is not mixed: a
    pod asks for slices by name under the mixed one.
    """
    found = _SLICED.search(labels.get(PRODUCT, ""))
    if found and profile_of(found["profile"]):
        return found["profile"].lower()
    config = labels.get(CONFIG, "")
    done = labels.get(STATE, "success") == "success"
    if not done or labels.get(STRATEGY, "single") != "single" or not config.startswith(_ALL):
        return None
    profile = config.removeprefix(_ALL)
    return profile if profile_of(profile) else None
