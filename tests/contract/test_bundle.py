"""Real pages, rewritten as a support bundle holds them, say what they said before."""

from pathlib import Path

import pytest
import yaml

from scalewarden.cli.evaluate_work import judged
from scalewarden.model.signal import Absent
from scalewarden.signals.exposition import parse
from scalewarden.signals.gpus import EXPORTERS
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Scrape
from scalewarden.sources.base import PodKey
from scalewarden.sources.bundle import Bundle, Known
from scalewarden.sources.kept_page import PageKeeper
from scalewarden.sources.kept_values import Keeper
from scalewarden.sources.recording import load
from scalewarden.surfaces.evaluation_json import to_json
from tests.contract.test_dcgm_pages import DUMP, STYLES, gpus, slot
from tools.fleet import DcgmStyle
from tools.fleet.dcgm import Slot, dcgm_page

RECORDINGS = Path(__file__).parents[2] / "examples" / "recordings"
GPU_PAGES = Path(__file__).parent / "gpu_pages"
NAMES = sorted(path.parent.name for path in RECORDINGS.glob("*/recording.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_of_a_recording_is_judged_the_same(name: str, tmp_path: Path) -> None:
    recorded = load(RECORDINGS / name)
    document = yaml.safe_load((RECORDINGS / name / "recording.yaml").read_text())
    bundle = Bundle.begin(tmp_path / "bundle")
    for key, series in recorded.scrapes.items():
        for scrape in () if isinstance(series, Absent) else series:
            bundle.add(PodKey(*key), scrape)
    pods = [_pod(replica.pod, recorded.declared.namespace) for replica in recorded.replicas]
    bundle.describe(Known(document["inferenceDeployment"], recorded.objects, pods, {}, recorded.at))
    assert to_json(judged(load(tmp_path / "bundle"))) == to_json(judged(recorded))


def _pod(name: str, namespace: str) -> dict[str, object]:
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "status": status}


def rewritten(text: str, *names: str) -> str:
    """The page as a bundle holds it, with the names of the recording's objects."""
    return PageKeeper(Keeper(names=set(names))).page(Scrape(0.0, tuple(parse(text, WANTED))).samples)


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("mig", [False, True], ids=["whole", "slice"])
def test_pages_of_the_gpu_exporter_name_the_same_devices_and_numbers(style: DcgmStyle, mig: bool) -> None:
    other = Slot(1, namespace="others", pod="other", style=style)
    page = dcgm_page("gpu-1", "dcgm-x", [slot(style, mig), other])
    assert gpus(rewritten(page, "chat-0", "serving")) == gpus(page) != ()


def test_a_real_mig_dump() -> None:
    if not DUMP.exists():
        pytest.skip(f"NOT RUN: the MIG dump is not at {DUMP}")
    page = "\n".join(DUMP.read_text().splitlines()[1:]) + "\n"
    before, after = parse(page, WANTED), parse(rewritten(page), WANTED)
    assert [sample.value for sample in before] == [sample.value for sample in after]
    assert [sample.labels.get("GPU_I_PROFILE") for sample in before] == [
        one.labels.get("GPU_I_PROFILE") for one in after
    ]


@pytest.mark.parametrize("file", sorted(GPU_PAGES.glob("*.prom")), ids=lambda file: file.stem)
def test_pages_of_every_gpu_exporter(file: Path) -> None:
    """Devices may go by aliases, and other people's pods; numbers, slices and products stay."""
    before, after = parse(file.read_text(), WANTED), parse(rewritten(file.read_text()), WANTED)
    assert [sample.value for sample in before] == [sample.value for sample in after]
    assert before and [sample.name for sample in before] == [sample.name for sample in after]
    for table in EXPORTERS:
        for label in (*table.who.model, *table.who.profile, *table.who.instance):
            assert [one.labels.get(label) for one in after] == [one.labels.get(label) for one in before], label
