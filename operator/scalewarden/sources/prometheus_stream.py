"""Take an answer of Prometheus apart while it arrives, so that a large one is never in memory as a whole.

Every server writes a matrix without blanks as `…"result":[{"metric":{…},"values":[…]},{"metric":…}]…`. A quote inside
a label value is escaped, so `,{"metric":` can only be the border between two series: what lies before the last border
is parsed and handed on, what follows is kept. An answer that is written in any other way is kept and parsed at its end.
"""

from typing import Any

import orjson

_FIRST = b'"result":[{"metric":'
_BORDER = b',{"metric":'
_HEAD = 64 * 1024
_PIECE = 256 * 1024
_START = 256


class Matrix:
    """Bytes in, series out. Raises orjson.JSONDecodeError where the pieces are no JSON."""

    def __init__(self) -> None:
        self._head: bytes | None = None
        self._kept = bytearray()

    def feed(self, chunk: bytes) -> list[Any]:
        """The series that are complete now; often none."""
        self._kept += chunk
        if self._head is None and not self._begun():
            return []
        return self._complete() if len(self._kept) >= _PIECE else []

    def rest(self) -> Any:
        """The document that the answer is, with the series that were not handed out; None where it is no JSON."""
        try:
            return orjson.loads((self._head or b"") + self._kept)
        except orjson.JSONDecodeError:
            return None

    @property
    def start(self) -> bytes:
        """How the answer begins."""
        return self._head or bytes(self._kept[:_START])

    def _begun(self) -> bool:
        """True when the first series has begun: what lies before it is kept for the end."""
        at = self._kept.find(_FIRST, 0, _HEAD)
        if at < 0:
            return False
        start = at + _FIRST.index(b"{")
        self._head = bytes(self._kept[:start])
        del self._kept[:start]
        return True

    def _complete(self) -> list[Any]:
        at = self._kept.rfind(_BORDER)
        if at <= 0:
            return []
        series: list[Any] = orjson.loads(b"[" + self._kept[:at] + b"]")
        del self._kept[: at + 1]
        return series
