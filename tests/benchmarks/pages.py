"""Real pages for benchmarks: vLLM's, as recorded, and made to move."""

import gzip
import itertools
import resource
from pathlib import Path

RECORDINGS = Path(__file__).parents[2] / "examples" / "recordings"
_MOVING = ("_total", "_bucket", "_sum", "_count", "_perc", "_running", "_waiting")


def recorded() -> list[bytes]:
    """The pages of one recorded pod, oldest first, as it sent them."""
    folder = min((RECORDINGS / "kv-pressured" / "scrapes").iterdir())
    return [gzip.decompress(file.read_bytes()) for file in sorted(folder.glob("*.prom.gz"))]


def moving(page: str, step: int) -> str:
    """The page `step` scrapes on, all series moved that can move: the most that a window can be asked to keep."""
    return "\n".join(_moved(line, step) for line in page.split("\n"))


def _moved(line: str, step: int) -> str:
    head, _, value = line.rpartition(" ")
    name = head.partition("{")[0]
    return f"{head} {float(value) + step * 1.37}" if name.endswith(_MOVING) and line[0] != "#" else line


def resident() -> float:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return float(pages * resource.getpagesize())


def loopback(count: int) -> list[str]:
    """So many addresses of this machine, none of them the usual one."""
    every = (f"127.{a}.{b}.{c}" for a, b, c in itertools.product(range(1, 99), range(256), range(1, 255)))
    return list(itertools.islice(every, count))
