"""MIG profiles: what is parsed, which product is meant, how large a slice is, and what a node's labels say."""

import pytest

from scalewarden.model.topology import SliceShare
from scalewarden.signals.gpus import nodes
from scalewarden.signals.gpus.mig import PRODUCTS, Profile, product_of, profile_of, share_of


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("1g.10gb", Profile(1, 10)),
        ("7g.141gb", Profile(7, 141)),
        ("1g.10gb+me", Profile(1, 10, attributes="+me")),
        ("1g.10gb.me", Profile(1, 10, attributes=".me")),  # as a resource name has it
        ("1c.3g.40gb", Profile(3, 40, compute=1)),
        ("1G.5GB", Profile(1, 5)),
        ("", None),
        ("all-balanced", None),
        ("3g", None),
        ("0g.10gb", None),
    ],
)
def test_profiles_are_parsed(text: str, profile: Profile | None):
    assert profile_of(text) == profile


@pytest.mark.parametrize(
    ("model", "product"),
    [
        ("NVIDIA A100-SXM4-40GB", "A100 40 GB"),
        ("NVIDIA A100-PCIE-40GB", "A100 40 GB"),
        ("NVIDIA-A100-SXM4-80GB", "A100 80 GB"),
        ("NVIDIA A100 80GB PCIe", "A100 80 GB"),
        ("NVIDIA H100 80GB HBM3", "H100 SXM"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H100 NVL", "H100 94 GB"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA-H200-NVL", "H200"),
        ("NVIDIA B200", "B200"),
        ("NVIDIA GB200", "GB200"),
        ("NVIDIA B300 SXM6 AC", "B300"),
        ("NVIDIA A30", "A30"),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "RTX PRO 6000"),
        ("NVIDIA GH200 480GB", None),
        ("NVIDIA L4", None),
        ("H100", None),
        (None, None),
    ],
)
def test_products_by_model_name_and_node_label(model: str | None, product: str | None):
    found = product_of(model)
    assert (found.name if found else None) == product


@pytest.mark.parametrize(
    ("model", "profile", "sm", "memory"),
    [
        ("NVIDIA H100 80GB HBM3", "3g.40gb", 60 / 132, 1 / 2),
        ("NVIDIA H100 80GB HBM3", "1g.20gb", 26 / 132, 1 / 4),
        ("NVIDIA H100 80GB HBM3", "7g.80gb", 1.0, 1.0),
        ("NVIDIA H100 80GB HBM3", "1g.10gb+me", 16 / 132, 1 / 8),
        ("NVIDIA H100 80GB HBM3", "1c.3g.40gb", 20 / 132, 1 / 2),
        ("NVIDIA H100 PCIe", "4g.40gb", 62 / 114, 1 / 2),
        ("NVIDIA A100-SXM4-40GB", "1g.5gb", 14 / 98, 1 / 8),
        ("NVIDIA A100-SXM4-40GB", "1g.10gb", 14 / 98, 1 / 4),
        ("NVIDIA A100-SXM4-80GB", "1g.10gb", 14 / 98, 1 / 8),
        ("NVIDIA H200", "1g.18gb", 16 / 132, 1 / 8),
        ("NVIDIA H200", "3g.71gb", 3 / 7, 1 / 2),
        ("NVIDIA B200", "1g.23gb", 18 / 148, 1 / 8),
        ("NVIDIA A30", "2g.12gb", 2 / 4, 1 / 2),
        ("NVIDIA A30", "4g.24gb", 1.0, 1.0),
    ],
)
def test_shares(model: str, profile: str, sm: float, memory: float):
    share = share_of(model, profile)
    assert share is not None
    assert (share.sm, share.memory) == (pytest.approx(sm), pytest.approx(memory))
    assert not share.note.startswith("nominal: ")


def test_what_is_not_published_is_said_to_be_nominal():
    share = share_of("NVIDIA H200", "3g.71gb")
    assert share is not None and share.note == "H200: memory by the profile, multiprocessors nominal"
    guessed = share_of("NVIDIA GB200", "2g.47gb")
    assert guessed is not None and guessed.note.endswith("unverified")


@pytest.mark.parametrize(
    ("model", "profile", "sm", "memory"),
    [
        (None, "3g.40gb", 3 / 7, 1 / 2),
        (None, "1g.20gb", 1 / 7, 1 / 4),  # every product that has it agrees
        (None, "1g.10gb", 1 / 7, 1 / 8),  # they do not: eighths by slices
        ("NVIDIA GH200 480GB", "1g.12gb", 1 / 7, 1 / 8),
        ("NVIDIA X900", "7g.999gb", 1.0, 1.0),
        ("NVIDIA A30", "1g.7gb", 1 / 4, 1 / 4),
    ],
)
def test_an_unknown_product_gives_nominal_shares_with_a_note(model: str | None, profile: str, sm: float, memory: float):
    share = share_of(model, profile)
    assert share is not None
    assert (share.sm, share.memory) == (pytest.approx(sm), memory)
    assert share.note.startswith("nominal: ")


def test_no_profile_no_share():
    assert share_of("NVIDIA H200", None) is None
    assert share_of("NVIDIA H200", "balanced") is None


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda one: one.name)
def test_the_table_holds_together(product):
    """A share is a share, larger slices are not smaller, and the largest is the whole."""
    rows = [(profile_of(name), one) for name, one in product.slices.items()]
    assert all(parsed is not None and parsed.base in product.slices for parsed, _ in rows)
    assert rows[-1][1].memory == 1.0
    sizes = [one.sm for _, one in rows if one.sm is not None]
    assert sizes == sorted(sizes)
    assert all(product.sm is not None and size <= product.sm for size in sizes)
    assert [one.memory for _, one in rows] == sorted(one.memory for _, one in rows)
    for name in product.slices:
        share = share_of(product.name if product_of(product.name) is product else None, name)
        assert share is not None and 0 < share.sm <= 1 and 0 < share.memory <= 1


PRODUCT = "NVIDIA-A100-SXM4-40GB"


@pytest.mark.parametrize(
    ("labels", "product", "profile"),
    [
        ({}, None, None),
        ({nodes.PRODUCT: PRODUCT}, PRODUCT, None),
        ({nodes.PRODUCT: f"{PRODUCT}-MIG-1g.5gb"}, PRODUCT, "1g.5gb"),
        ({nodes.PRODUCT: f"{PRODUCT}-MIG-1g.5gb-SHARED"}, PRODUCT, "1g.5gb"),
        ({nodes.PRODUCT: f"{PRODUCT}-SHARED"}, PRODUCT, None),
        ({nodes.PRODUCT: f"{PRODUCT}-MIG-INVALID"}, PRODUCT, None),
        ({nodes.PRODUCT: PRODUCT, nodes.CONFIG: "all-1g.5gb"}, PRODUCT, "1g.5gb"),
        ({nodes.PRODUCT: PRODUCT, nodes.CONFIG: "all-1g.5gb", nodes.STRATEGY: "single"}, PRODUCT, "1g.5gb"),
        ({nodes.PRODUCT: PRODUCT, nodes.CONFIG: "all-1g.5gb", nodes.STRATEGY: "mixed"}, PRODUCT, None),
        ({nodes.CONFIG: "all-1g.5gb", nodes.STATE: "success"}, None, "1g.5gb"),
        ({nodes.CONFIG: "all-1g.5gb", nodes.STATE: "failed"}, None, None),
        ({nodes.CONFIG: "all-disabled"}, None, None),
        ({nodes.CONFIG: "all-balanced"}, None, None),
        ({"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"}, "AMD_Instinct_MI300X_OAM", None),
    ],
)
def test_node_labels(labels: dict[str, str], product: str | None, profile: str | None):
    assert (nodes.product(labels), nodes.mig_profile(labels)) == (product, profile)


def test_a_share_is_whole_unless_said():
    assert (SliceShare().sm, SliceShare().memory, SliceShare().note) == (1.0, 1.0, "")
