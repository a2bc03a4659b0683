"""The HTML report: whole, closed off, honest about what is not known, and safe with any text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from scalewarden.model.finding import Misinterpretation
from scalewarden.model.regret import Outcome
from scalewarden.model.verdict import Decision
from scalewarden.surfaces import report_plot as plot
from scalewarden.surfaces.replay_text import text
from scalewarden.surfaces.report import MISREADINGS, to_html
from scalewarden.surfaces.report_html import LONGEST, escaped, share_style
from scalewarden.surfaces.report_scale import even_top, lasting, moment, plain, times, top_of
from scalewarden.surfaces.report_service import MOST_DECISIONS, MOST_MISREADINGS
from tests.replay_documents import HOUR, START, bucket, decided, misreading, replay, service

VOID = {"meta", "br", "line", "path", "rect"}


class Balanced(HTMLParser):
    """Every element that begins ends, in order; links and texts on the way."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "xlink:href")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert tag in VOID

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


FULL = replay(
    service(
        decided=(
            decided(START + HOUR),
            decided(START + 8 * HOUR, decision=Decision.HOLD, outcome=Outcome.NEEDLESS, why="calm", held_until=None),
            decided(START + 15 * HOUR, decision=Decision.ALLOW, outcome=Outcome.FINE, predicted=None, measured=None),
        ),
        misreadings=(misreading(START), misreading(START + HOUR, autoscaler="HorizontalPodAutoscaler/chat")),
        misread={Misinterpretation.LOW_UTILIZATION_IS_WASTE: 2},
    ),
    service("serving/other", gpus_per_replica=None),
    notes=("Objects are taken as they are now.",),
)  # fmt: skip


def test_it_says_first_what_would_have_happened() -> None:
    text = Balanced(to_html(FULL)).text
    assert "3 decreases on 2 services: 1 would have passed, 1 been refused, 1 held." in text
    assert "Harm avoided 1" in text and "Held needlessly 1" in text
    assert "GPU-hours held 8.0 4.0 of them needlessly" in text
    assert text.index("Harm avoided") < text.index("The five misreadings") < text.index("What happened")
    assert all(words in text for words in MISREADINGS.values())


def test_it_reaches_for_nothing_outside() -> None:
    page = to_html(FULL)
    found = Balanced(page)
    assert found.links == ["#s1", "#s2"]
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(found.tags)
    assert "default-src &#x27;none&#x27;" in page and "@import" not in page and "url(" not in page


def test_each_decrease_has_its_row_and_a_mark_that_needs_no_color() -> None:
    page = to_html(FULL)
    text = Balanced(page).text
    for mark, word in (("D1", "refused"), ("H2", "held"), ("A3", "passes")):
        assert mark in text and word in text
    assert text.count("4 → 2") == 3 and "Dec 20, 01:00:00" in text and "to the end" in text
    assert page.count('class="at Deny"') == page.count('class="at Hold"') == 4  # on every plot


def test_what_is_not_known_is_no_line_at_zero() -> None:
    page = to_html(FULL)
    assert 'class="gap"' in page and "nothing seen: no samples" in page
    blind = replay(service(timeline=tuple(bucket(START + n * 900, 900.0) for n in range(96)), gaps=(), regimes=()))
    assert not re.search(r'<path class="line', to_html(blind))


def test_nothing_at_all_is_still_a_page() -> None:
    text = Balanced(to_html(replay())).text
    assert "No replica count fell on 0 services" in text
    assert "Nothing was judged in this time." in Balanced(to_html(replay(service(timeline=(), buckets=0)))).text


HOSTILE = "<script>alert(1)</script>\"'&\u202egnp.exe\u2066\x1b[31m\x00"


def test_no_text_of_others_becomes_markup_or_turns_the_writing() -> None:
    one = service(
        HOSTILE,
        target=HOSTILE,
        engine=HOSTILE,
        decided=(decided(START, message=HOSTILE, why=HOSTILE),),
        misreadings=(misreading(START, HOSTILE, autoscaler=HOSTILE),),
    )
    page = to_html(replay(one, replace(one, key="x" * 10_000), notes=(HOSTILE,)))
    assert "<script" not in page and not re.search("[\u202e\u2066\x1b\x00]", page)
    assert "x" * (LONGEST + 1) not in page
    Balanced(page)


def test_many_are_cut_and_counted() -> None:
    one = service(
        decided=tuple(decided(START + n) for n in range(MOST_DECISIONS + 5)),
        beyond=7,
        misreadings=tuple(misreading(START + n) for n in range(MOST_MISREADINGS + 1)),
    )
    text = Balanced(to_html(replay(one))).text
    assert "12 more are in the JSON." in text and f"The longest {MOST_MISREADINGS} of {MOST_MISREADINGS + 1}." in text


def test_fifty_services_of_a_month_are_a_page_that_can_be_mailed() -> None:
    month = [service(f"serving/chat-{n}", 1500, 1800.0) for n in range(50)]
    page = to_html(replay(*month, hours=24 * 31))
    assert len(page) < 10_000_000 and page.count("<details") == 50 and page.count('<details id="s1" open') == 1


def test_axes_end_at_round_numbers_and_times() -> None:
    assert [top_of([value], 1.0) for value in (0.2, 1.0, 1.2, 23.0, 260.0)] == [1.0, 1.0, 2.0, 25.0, 500.0]
    assert [even_top([value]) for value in (1.0, 4.0, 5.0, 19.0, 33.0)] == [2.0, 6.0, 6.0, 20.0, 50.0]
    assert [plain(value) for value in (0.0, 0.5, 2.5, 2500.0)] == ["0", "0.5", "2.5", "2,500"]
    hours = times(START, START + 24 * HOUR)
    assert [tick.label for tick in hours][:3] == ["Dec 20", "03:00", "06:00"] or hours[0].label == "Dec 20"
    assert all(0 <= tick.share <= 1 for tick in hours) and len(hours) <= 9
    month = [tick.label for tick in times(START, START + 31 * 24 * HOUR)]
    assert len(month) <= 9 and all(label.startswith(("Dec", "Jan")) for label in month)
    assert times(START, START)[0].label == "Dec 20"


@pytest.mark.parametrize(
    ("seconds", "text"), [(20, "20 s"), (300, "5 min"), (8100, "2 h 15 min"), (7200, "2 h"), (180_000, "2 d 2 h"),
                          (172_800, "2 d")],
)  # fmt: skip
def test_a_stretch_of_time_for_people(seconds: float, text: str) -> None:
    assert lasting(seconds) == text and moment("2025-12-20T01:02:03Z") == "Dec 20, 01:02:03"


FRAME = plot.Frame([0.0, 0.25, 0.5, 0.75], 0.25, 10.0)


def test_lines_break_where_nothing_is_known() -> None:
    assert plot.line(FRAME, [1.0, 2.0, None, 4.0], "kv") == (
        '<path class="line kv" d="M125 90L375 80M750 60L1000 60"/>'
    )
    assert plot.line(FRAME, [None] * 4, "kv") == ""
    assert plot.steps(FRAME, [4.0, 4.0, 2.0, None], "run") == '<path class="line run" d="M0 60H500V80H750"/>'
    assert plot.area(FRAME, [0.0, 3.0, 3.0, None], "f") == '<path class="band f" d="M250 100V70H500V70H750V100Z"/>'
    assert plot.band(FRAME, [1.0, 1.0, None, 1.0], [2.0, 2.0, 2.0, 2.0], "b") == (
        '<path class="band b" d="M125 80L375 80L375 90L125 90Z"/>'
    )
    assert plot.level(FRAME, 20.0, "deny") == '<line class="deny" x1="0" y1="0" x2="1000" y2="0"/>'


def test_places_stay_on_the_axis() -> None:
    assert share_style(-1.0) == "left:0.00%" and share_style(2.0, 1.0) == "left:100.00%;width:0.00%"
    assert escaped("a\u200bb") == "a�b"


def test_the_screen_says_it_in_words() -> None:
    shown = text(FULL)
    assert "GPU-hours, 4.0 of them needlessly" in shown and "misreadings invited: M1 2×" in shown
    assert "nothing was seen 1 time, first from 2025-12-20 10:00:00: no samples" in shown
    assert max(map(len, shown.splitlines())) <= 100
    regretted = decided(START, decision=Decision.ALLOW, outcome=Outcome.REGRETTED)
    many = text(replay(service(decided=(regretted,) * 15, gpus_per_replica=None)))
    assert "… 3 more: -o json or -o html has all" in many and "15 that would have passed hurt." in " ".join(
        many.split()
    )
    assert "1 decrease on" not in many and text(replay()).startswith("Prometheus")


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([Outcome.NEEDED, Outcome.NEEDLESS], "Of the 2 stopped, 1 hurt the replicas that stayed, 1 did not."),
        ([Outcome.NEEDED, Outcome.UNKNOWN, Outcome.UNKNOWN],
         "Of the 3 stopped, 1 hurt the replicas that stayed, 0 did not, of 2 it is not known."),
        ([Outcome.UNKNOWN], "What came of the 1 stopped is not known."),
    ],
)  # fmt: skip
def test_what_is_not_known_of_those_stopped_is_said(outcomes: list[Outcome], said: str) -> None:
    made = tuple(decided(START + n * HOUR, outcome=outcome) for n, outcome in enumerate(outcomes))
    document = replay(service(decided=made))
    assert said in " ".join(text(document).split()) and said in to_html(document)


def test_the_page_says_the_year() -> None:
    assert "Dec 20, 2025, 00:00:00" in to_html(replay(service()))


def test_those_with_decreases_are_open_and_the_first_where_nobody_has_one() -> None:
    def opened(page: str) -> list[str]:
        return re.findall(r'<details id="s(\d)" open>', page)

    calm, lively = service("serving/a"), service("serving/b", decided=(decided(START),))
    assert opened(to_html(replay(calm, lively, calm, lively))) == ["2", "4"]
    assert opened(to_html(replay(calm, calm))) == ["1"]
    assert "1 decrease, 1 stopped" in to_html(replay(lively))


def test_a_short_recording_of_many_has_an_axis_of_its_own() -> None:
    """A quarter of an hour in a day would be a line."""
    short = service("serving/short", buckets=30, seconds=30.0, gaps=(), regimes=())
    left = [float(one) for one in re.findall(r'class="mark Deny"[^>]*left:([\d.]+)%', to_html(replay(
        replace(short, decided=(decided(START + 450.0),)), hours=24.0)))]  # fmt: skip
    assert left == [50.0]
