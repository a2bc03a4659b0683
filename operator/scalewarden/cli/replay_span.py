"""From when to when, and how finely: what `--from`, `--to` and `--step` say."""

import re

from scalewarden.app.replaying import FINEST, Span
from scalewarden.errors import BadInput
from scalewarden.model.duration import seconds, unix_seconds
from scalewarden.sources.prometheus_past import AHEAD, STRETCH

DAY = 86_400.0
LONGEST = 400 * DAY
"""Seconds that may be asked for: longer than raw samples are kept nearly anywhere."""
_BOTH = "--from and --to"


def of_history(since: str | None, until: str | None, step: str | None, now: float) -> Span:
    """By default the day that ended `AHEAD` ago: whether a pod has gone shows a little later. Raises BadInput."""
    end = _instant(until, now)
    end = now - AHEAD if end is None else end
    start = _instant(since, now)
    start = end - DAY if start is None else start
    if end > now:
        raise BadInput("the replay would end in the future", where="--to", hint="leave --to out for until now")
    if end - start > LONGEST:
        days = f"{(end - start) / DAY:,.0f} days are asked for"
        raise BadInput(days, where=_BOTH, hint=f"{LONGEST / DAY:.0f} days are the most: begin later with --from")
    if end <= start:
        raise BadInput("the replay would end before it begins", where=_BOTH, hint="--from is the earlier")
    return Span.of(start, end, _step(step))


def of_recorded(since: str | None, until: str | None, step: str | None, whole: tuple[float, float], now: float) -> Span:
    """By default all that was recorded, which may be one instant. Raises BadInput."""
    start, end = _instant(since, now), _instant(until, now)
    found = Span(whole[0] if start is None else start, whole[1] if end is None else end, _step(step) or FINEST)
    if found.end < found.start:
        raise BadInput("the replay would end before it begins", where=_BOTH, hint="--from is the earlier")
    return found


def _instant(text: str | None, now: float) -> float | None:
    """Unix seconds."""
    if text is None:
        return None
    try:
        if re.fullmatch(r"[0-9]{1,4}d", text):
            return now - DAY * int(text[:-1])
        return now - seconds(text) if text[-1:] in "smh" else unix_seconds(text)
    except ValueError:
        hint = 'write RFC 3339 like "2026-11-21T23:00:00Z", or how long ago: 90m, 24h, 7d'
        raise BadInput(f"{text!r} is no instant", where="--from or --to", hint=hint) from None


def _step(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        found = seconds(text)
    except ValueError as error:
        raise BadInput(str(error), where="--step") from None
    if found < 1.0:
        raise BadInput(f"{text} is less than a second", where="--step", hint="an operator evaluates every 15s")
    if found > STRETCH:
        hint = "between two looks that are further apart nothing would be known"
        raise BadInput(f"{text} is more than half an hour", where="--step", hint=hint)
    return found
