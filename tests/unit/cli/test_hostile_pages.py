"""Labels of a hostile metrics page reach no terminal, no JSON, no status and no event."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS
from tests.unit.app.service import NAMESPACE, NOW, Pages, Service
from tests.unit.cli.command import Command
from tests.unit.cli.synthetic import AT, Load, write

HOSTILE = "x\x1b[31mINJECTED\x1b]0;t\x07\u202eevil\x9b{{7*7}}"
HARMLESS = "m"
DCGM = ("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE")


def recording(folder: Path, label: str) -> Path:
    """A fleet with GPUs whose pages say this in every label that they choose freely."""
    write(folder, Load(kv=lambda _: 0.9), span=120)
    for page in folder.rglob("*.prom"):
        text = (
            page.read_text()
            .replace('model_name="m"', f'model_name="{label}"')
            .replace('engine="0"', f'engine="{label}"')
        )
        page.write_text(text)
    document = yaml.safe_load((folder / "recording.yaml").read_text())
    document["exporters"] = [{"source": "dcgm", "kind": "dcgm"}]
    document["replicas"] = [one | {"node": "n1", "gpus": [{"uuid": "GPU-1"}]} for one in document["replicas"]]
    (folder / "recording.yaml").write_text(yaml.safe_dump(document))
    (folder / "scrapes" / "dcgm").mkdir()
    free = ",".join(f'{name}="{label}"' for name in ("modelName", "Hostname", "container", "DCGM_FI_DRIVER_VERSION"))
    labels = f'gpu="0",UUID="GPU-1",pod="svc-0",namespace="serving",{free}'
    page = "".join(f"# TYPE {name} gauge\n{name}{{{labels}}} 90\n" for name in DCGM)
    for before in range(0, 121, 15):
        (folder / "scrapes" / "dcgm" / f"{AT - before}.prom").write_text(page)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate", "--long"),
        ("evaluate", "-o", "json"),
        ("doctor",),
        ("doctor", "-o", "json"),
        ("suggest",),
        ("what-if", "--replicas", "1"),
    ],
    ids=" ".join,
)
def test_what_is_printed_is_the_same_whatever_labels_say(
    command: tuple[str, ...], scalewarden: Command, tmp_path: Path
) -> None:
    name, *more = command
    ran = {label: scalewarden(name, recording(tmp_path / label[:1], label), *more) for label in (HOSTILE, HARMLESS)}
    assert ran[HOSTILE].out == ran[HARMLESS].out and ran[HOSTILE].code == ran[HARMLESS].code
    for line in (ran[HOSTILE].out + ran[HOSTILE].err).splitlines():
        assert line.isprintable() and "INJECTED" not in line


def test_a_line_that_cannot_be_read_is_shown_escaped(scalewarden: Command, tmp_path: Path) -> None:
    folder = write(tmp_path, span=120)
    page = next(folder.rglob("*.prom"))
    page.write_text(f"{HOSTILE} is no sample\n{page.read_text()}")
    ran = scalewarden("evaluate", folder)
    assert ran.code == 2 and "\\x1b[31mINJECTED" in ran.err
    assert all(line.isprintable() for line in ran.err.splitlines())


class HostilePages(Pages):
    """The same load, with labels of the page's own choice."""

    def _scrape(self, at: float) -> Scrape:
        labels = {"engine": HOSTILE, "model_name": HOSTILE}
        return Scrape(at, tuple(Sample(one.name, labels, one.value) for one in super()._scrape(at).samples))


def texts(found: Any) -> list[str]:
    """Every text inside an object, keys too."""
    if isinstance(found, dict):
        return [text for pair in found.items() for part in pair for text in texts(part)]
    if isinstance(found, (list, tuple)):
        return [text for part in found for text in texts(part)]
    return [found] if isinstance(found, str) else []


async def test_nothing_of_it_is_written_into_the_cluster() -> None:
    service = Service()
    service.source = service.gatherer.sources[next(iter(service.gatherer.sources))] = HostilePages()
    await service.turn(NOW)
    await service.turn(NOW + 15)
    assert service.api.objects[INFERENCE_DEPLOYMENTS.plural, NAMESPACE, "llama"]["status"]["fence"]
    written = [text for _, _, obj in service.api.writes for text in texts(obj)]
    assert any("KVCachePressure" in text for text in written), "the page was read"
    assert all(text.isprintable() and "INJECTED" not in text for text in written)
    page = service.publisher.metrics.page({}, leader=True, suppressed=0).decode()
    assert "INJECTED" not in page
