"""One service in the report: headline, plots on one time axis, decreases, and what was misread."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from scalewarden.model.diagnosis import Regime
from scalewarden.model.verdict import Decision
from scalewarden.surfaces.explain_text import ABSENT, counted, number
from scalewarden.surfaces.replay_json_models import DecisionDocument, MisreadingDocument, ServiceDocument
from scalewarden.surfaces.report_html import element, escaped, share_style, table
from scalewarden.surfaces.report_plot import Frame, area, band, drawing, level, line, steps
from scalewarden.surfaces.report_scale import even_top, lasting, moment, numbers, times, top_of

MOST_DECISIONS = 200
"""Decreases that are listed; the JSON has all."""
MOST_MISREADINGS = 40
MARKS = {Decision.DENY: "D", Decision.HOLD: "H", Decision.ALLOW: "A"}
WORDS = {Decision.DENY: "refused", Decision.HOLD: "held", Decision.ALLOW: "passes"}
_COLORS = {
    Regime.KV_CACHE_BOUND: 1, Regime.QUEUE_BOUND: 2, Regime.BATCH_LIMITED: 3, Regime.PREFILL_BOUND: 3,
    Regime.COMMUNICATION_BOUND: 3, Regime.HOST_BOUND: 3, Regime.COMPUTE_BOUND: 4, Regime.HEALTHY: 5,
    Regime.UNDERLOADED: 5, Regime.IDLE: 5,
}  # fmt: skip
"""Color of a regime in the strip: pressure warm, room green, unknown gray. The words stand below it."""

_HEADINGS = ("", "when (UTC)", "replicas", "answer", "why", "KV said", "KV came", "what became of it", "held")


class ServiceSection:
    """start and end: of the whole replay, RFC 3339. One that was seen for less than half of it has an axis of its own,
    as recordings of several days do."""

    def __init__(self, service: ServiceDocument, start: str, end: str) -> None:
        self.service = service
        self._start, self._end = _axis(service, _unix(start), _unix(end))

    def html(self, place: int, *, opened: bool) -> str:
        """The section; place: among all, for links to it."""
        one = self.service
        about = " · ".join(part for part in (one.target, one.engine, f"mode {one.mode}", self._counted()) if part)
        summary = (
            f"<summary><b>{escaped(one.inference_deployment)}</b><span class=soft>{escaped(about)}</span></summary>"
        )
        body = "".join((self._plots(), self._decisions(), self._misreadings()))
        attribute = " open" if opened else ""
        return f'<details id="s{place}"{attribute}>{summary}<div class=in>{body}</div></details>'

    def _counted(self) -> str:
        totals = self.service.totals
        if not totals.decreases:
            return "no decrease"
        return f"{counted(totals.decreases, 'decrease')}, {totals.refused + totals.held} stopped"

    def _share(self, instant: str) -> float:
        return (_unix(instant) - self._start) / max(1.0, self._end - self._start)

    def _plots(self) -> str:
        timeline = self.service.timeline
        if not timeline.at:
            return "<p class=soft>Nothing was judged in this time.</p>"
        shares = [self._share(at) for at in timeline.at]
        width = timeline.bucket_seconds / max(1.0, self._end - self._start)

        def frame(top: float) -> Frame:
            return Frame(shares, width, top)

        return "".join((self._marks(), *self._rows(frame), self._regimes()))

    def _rows(self, frame: Callable[[float], Frame]) -> Iterator[str]:
        one, timeline = self.service, self.service.timeline
        kv = frame(1.0)
        yield self._row(
            "KV-cache usage",
            (("kv", "fullest replica"), ("mean", "down to the mean"), ("allowline", f"Allow up to {one.kv_allow:g}"),
             ("denyline", f"Deny from {one.kv_deny:g}")),
            (band(kv, timeline.kv_mean, timeline.kv_high, "kv"), line(kv, timeline.kv_high, "kv"),
             level(kv, one.kv_allow, "allowline"), level(kv, one.kv_deny, "denyline")),
            1.0,
        )  # fmt: skip
        waiting = frame(top_of(_known(timeline.waiting), 4.0))
        yield self._row(
            "Requests that wait",
            (("queue", "on all replicas"),),
            (line(waiting, timeline.waiting, "queue"),),
            waiting.top,
        )
        tokens = frame(top_of(_known(timeline.tokens_per_second), 1.0))
        yield self._row(
            "Tokens/s generated",
            (("tps", "by all replicas"),),
            (line(tokens, timeline.tokens_per_second, "tps"),),
            tokens.top,
        )
        counts = [*_known(timeline.desired), *_known(timeline.ready), *_known(timeline.safe)]
        replicas = frame(even_top(counts))
        yield self._row(
            "Replicas",
            (("run", "wanted"), ("ready", "ready"), ("safe", "safe count"), ("fence", "no autoscaler below")),
            (area(replicas, timeline.autoscaler_fence, "fence"), steps(replicas, timeline.safe, "safe"),
             steps(replicas, timeline.ready, "ready"), steps(replicas, timeline.desired, "run")),
            replicas.top,
            tall=True,
        )  # fmt: skip

    def _row(
        self, title: str, legend: Iterable[tuple[str, str]], parts: Sequence[str], top: float, *, tall: bool = False
    ) -> str:
        keys = "".join(f'<i class="{kind}">{escaped(words)}</i>' for kind, words in legend)
        ticks = "".join(f'<span style="bottom:{tick.share * 100:g}%">{tick.label}</span>' for tick in numbers(top))
        grid = '<line class="grid" x1="0" y1="50" x2="1000" y2="50"/>'
        name = f"{title} of {self.service.inference_deployment} over time, from 0 to {top:g}"
        svg = drawing((grid, *parts), escaped(name))
        over = f"{''.join(self._gaps())}{''.join(self._lines())}"
        size = "area tall" if tall else "area"
        return (
            f"<div class=plot><h4>{title}{keys}</h4><div class=y>{ticks}</div>"
            f'<div class="{size}">{svg}{over}</div></div>'
        )

    def _gaps(self) -> Iterator[str]:
        for gap in self.service.gaps:
            left, right = self._share(gap.from_), self._share(gap.to)
            yield element("div", "", "gap", title=f"nothing seen: {gap.why}", style=share_style(left, right - left))

    def _lines(self) -> Iterator[str]:
        for one in self.service.decisions[:MOST_DECISIONS]:
            yield element("div", "", f"at {one.decision}", style=share_style(self._share(one.at)))

    def _marks(self) -> str:
        """A letter in a shape of its own for each decrease, numbered where there are not too many."""
        many = len(self.service.decisions) > 24
        marks = "".join(
            element(
                "span", MARKS[one.decision] + ("" if many else str(place)), f"mark {one.decision}",
                title=f"{moment(one.at)}: {one.from_} to {one.to}, {WORDS[one.decision]}",
                style=share_style(self._share(one.at)),
            )
            for place, one in enumerate(self.service.decisions[:MOST_DECISIONS], 1)
        )  # fmt: skip
        return f"<div class=plot><div></div><div class=marks>{marks}</div></div>" if marks else ""

    def _regimes(self) -> str:
        spans: list[str] = []
        seen: dict[str, int] = {}
        for one in self.service.regimes:
            left, right = self._share(one.from_), self._share(one.to)
            color = _COLORS.get(one.regime, 0)
            seen[str(one.regime)] = color
            style = f"{share_style(left, right - left)};background:var(--r{color})"
            spans.append(
                element("span", "", title=f"{one.regime}, {moment(one.from_)} to {moment(one.to)}", style=style)
            )
        key = "".join(f'<span style="color:var(--r{color})"><b>{name}</b></span>' for name, color in seen.items())
        return (
            f"<div class=plot><h4>What bounds it</h4><div></div><div class=strip>{''.join(spans)}</div>"
            f"<div></div>{self._axis()}<div class=key>{key}</div></div>"
        )

    def _axis(self) -> str:
        ticks = times(self._start, self._end)
        spans = []
        for place, tick in enumerate(ticks):
            kind = " ".join(
                name
                for name, holds in (
                    ("odd", place % 2), ("edge", tick.share < 0.02), ("last", tick.share > 0.97),
                ) if holds
            )  # fmt: skip
            spans.append(element("span", tick.label, kind, style=share_style(tick.share)))
        return f"<div class=x>{''.join(spans)}</div>"

    def _decisions(self) -> str:
        one = self.service
        if not one.decisions:
            return ""
        rows = [self._decision(place, decision) for place, decision in enumerate(one.decisions[:MOST_DECISIONS], 1)]
        text = table(_HEADINGS, rows)
        more = len(one.decisions) - MOST_DECISIONS + one.beyond
        said = f"<p class=soft>{more} more are in the JSON.</p>" if more > 0 else ""
        return f"<h3>Decreases</h3>{text}{said}"

    def _decision(self, place: int, one: DecisionDocument) -> list[tuple[str, str]]:
        outcome = f"{one.outcome}: {one.outcome_why}" if one.outcome_why else str(one.outcome)
        return [
            ("n", f"{MARKS[one.decision]}{place}"),
            ("nb", moment(one.at)),
            ("nb", f"{one.from_} → {one.to}"),
            ("", f'<span class="b {one.decision}">{WORDS[one.decision]}</span>'),
            ("w", f"{one.reason}<br><span class=soft>{escaped(one.message)}</span>"),
            ("n", number(one.predicted_kv, 2)),
            ("n", number(one.measured_kv, 2)),
            ("w", escaped(outcome)),
            ("nb", _held(one)),
        ]

    def _misreadings(self) -> str:
        found = self.service.misreadings
        if not found:
            return ""
        rows = [_misreading(one) for one in sorted(found, key=_length, reverse=True)[:MOST_MISREADINGS]]
        cut = len(found) > MOST_MISREADINGS
        more = f"<p class=soft>The longest {MOST_MISREADINGS} of {len(found)}.</p>" if cut else ""
        headings = ("which", "from (UTC)", "for", "rule", "what it said")
        return f"<h3>Signals that invited a misreading</h3>{table(headings, rows)}{more}"


def _misreading(one: MisreadingDocument) -> list[tuple[str, str]]:
    about = f" ({one.autoscaler})" if one.autoscaler else ""
    return [
        ("nb", ", ".join(one.misinterpretation)),
        ("nb", moment(one.from_)),
        ("nb", lasting(_length(one))),
        ("w", escaped(f"{one.rule} {one.name}{about}")),
        ("w", escaped(one.message)),
    ]


def _length(one: MisreadingDocument) -> float:
    return _unix(one.to) - _unix(one.from_)


def _held(one: DecisionDocument) -> str:
    if one.decision is Decision.ALLOW:
        return ABSENT
    if one.held_until is None:
        return "to the end" if one.replica_hours_held else ABSENT
    return f"{lasting(_unix(one.held_until) - _unix(one.at))}"


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _axis(service: ServiceDocument, start: float, end: float) -> tuple[float, float]:
    timeline = service.timeline
    if not timeline.at:
        return start, end
    first, last = _unix(timeline.at[0]), _unix(timeline.at[-1]) + timeline.bucket_seconds
    return (first, last) if last - first < (end - start) / 2 else (start, end)
