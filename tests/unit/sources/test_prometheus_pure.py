"""The pure parts of the Prometheus source: selectors, groups, answers taken apart, joining, the PromQL scanner."""

import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.model.signal import Absent, SignalName
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import CustomKey, CustomQuery, PodKey
from scalewarden.sources.prometheus_groups import CALM, MOST_PARTS, Batch, Parts, in_parts
from scalewarden.sources.prometheus_joining import joined
from scalewarden.sources.prometheus_named import expressions, on_grid
from scalewarden.sources.prometheus_options import Wanted
from scalewarden.sources.prometheus_query import Labels, Sorter, any_of, selectors
from scalewarden.sources.prometheus_stream import Matrix
from scalewarden.sources.prometheus_union import AMBIGUOUS, Splitter, union
from scalewarden.sources.promql import fault, wrapped

FEW = Wanted(frozenset({"a:b"}), frozenset({"G"}))


def keys(count: int, namespaces: int = 1) -> list[PodKey]:
    return [PodKey(f"team-{number % namespaces}", f"llama-{number}") for number in range(count)]


class TestSelectors:
    def test_pods_are_named_while_the_query_is_short(self) -> None:
        own, exported = selectors(keys(2), 75, wanted=FEW, longest=500)
        assert own == '{__name__=~"G|a:b|up",namespace=~"team-0",pod=~"llama-0|llama-1"}[75s]'
        assert exported == '{__name__=~"G|a:b",exported_namespace=~"team-0",exported_pod=~"llama-0|llama-1"}[75s]'

    def test_then_namespaces_stand_for_them_then_any(self) -> None:
        own, exported = selectors(keys(1000, 3), 75, wanted=FEW, longest=500)
        assert own == '{__name__=~"G|a:b|up",namespace=~"team-0|team-1|team-2",pod!="",exported_pod=""}[75s]'
        assert exported.endswith('exported_namespace=~"team-0|team-1|team-2",exported_pod!=""}[75s]')
        own, exported = selectors(keys(1000, 1000), 75, wanted=FEW, longest=500)
        assert own == '{__name__=~"G|a:b|up",namespace!="",pod!="",exported_pod=""}[75s]'
        assert exported == '{__name__=~"G|a:b",exported_namespace!="",exported_pod!=""}[75s]'

    @given(st.integers(1, 400), st.integers(1, 400), st.integers(200, 3000))
    def test_no_query_is_longer_than_allowed_and_their_number_is_two(
        self, pods: int, namespaces: int, longest: int
    ) -> None:
        asked = selectors(keys(pods, namespaces), 660, wanted=FEW, longest=longest)
        assert len(asked) == 2
        assert all(len(text) <= longest for text in asked)

    def test_a_cluster_is_asked_for_whatever_else_is_left_out(self) -> None:
        labels = Labels(fixed={"cluster": 'a"b'})
        for count in (1, 1000):
            for text in selectors(keys(count, count), 75, labels, FEW, 500):
                assert text.count(',cluster="a\\"b"') == 1

    def test_only_what_must_be_is_escaped(self) -> None:
        assert any_of(["llama-70b-0", "a.b", "c+d"]) == '"llama-70b-0|a\\\\.b|c\\\\+d"'

    @given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1), st.text(min_size=1))
    def test_a_pattern_matches_its_text_only(self, text: str, other: str) -> None:
        pattern = orjson.loads(any_of([text]))
        assert re.fullmatch(pattern, text)
        assert text == other or not re.fullmatch(pattern, other)


class TestByName:
    def test_one_expression_holds_every_name_that_the_server_has(self) -> None:
        own, exported = expressions(keys(1), frozenset({"a:b", "G", "up", "other"}), FEW, Labels(), 15, 2000)
        assert own.count("label_replace(last_over_time(") == 3
        assert '{__name__="a:b",namespace=~"team-0",pod=~"llama-0"}[15s]),"scalewarden_series","a:b","","")' in own
        assert exported.count("label_replace(") == 1 and '__name__="G",exported_namespace=~"team-0"' in exported

    def test_nothing_is_asked_about_what_the_server_does_not_have(self) -> None:
        assert expressions(keys(1), frozenset({"other"}), FEW, Labels(), 15, 2000) == ()

    @given(st.integers(1, 400), st.integers(600, 3000))
    def test_it_keeps_to_its_length(self, pods: int, longest: int) -> None:
        for text in expressions(keys(pods), frozenset({"a:b", "G", "up"}), FEW, Labels(), 15, longest):
            assert len(text) <= longest

    @given(st.floats(1e9, 2e9), st.floats(30, 700), st.sampled_from([5.0, 15.0, 30.0]))
    def test_the_grid_lies_within_and_does_not_move(self, until: float, seconds: float, step: float) -> None:
        start, end = on_grid(until - seconds, until, step)
        assert until - seconds < start <= until - seconds + step and until - step < end <= until
        assert start % step == end % step == 0


class TestGroups:
    @given(st.integers(0, 50), st.integers(1, 8))
    def test_parts_hold_every_pod_once(self, pods: int, count: int) -> None:
        parts = in_parts(keys(pods, 3), count)
        assert len(parts) <= count
        assert sorted(key for part in parts for key in part) == sorted(keys(pods, 3))

    def test_parts_double_up_to_eight_and_calm_down(self) -> None:
        parts = Parts()
        assert [parts.doubled(0) for _ in range(4)] == [True, True, True, False]
        assert parts.relaxed(CALM) == MOST_PARTS
        assert [parts.relaxed(CALM * turn + 1) for turn in (1, 2.1, 3.2, 4.3)] == [4, 2, 1, 1]

    def test_a_batch_grows_and_shrinks_towards_its_size_of_answer(self) -> None:
        batch = Batch(50, bytes=1000)
        batch.took(50, 100)
        assert batch.size == 100, "at most twice as many at a time"
        batch.took(20, 1)
        assert batch.size == 100, "a batch that was not full says nothing"
        batch.took(100, 2000)
        assert batch.size == 50
        for _ in range(9):
            batch.too_much()
        assert batch.size == 1


LABEL = st.text(st.sampled_from('"\\,{}:[]mé\n')) | st.just(',{"metric":')
SERIES = st.fixed_dictionaries(
    {"metric": st.dictionaries(LABEL, LABEL, max_size=3), "values": st.lists(st.tuples(st.integers(0, 2**40), LABEL))}
)


class TestMatrix:
    @given(st.lists(SERIES, max_size=8), st.integers(1, 64), st.integers(1, 200), st.booleans())
    def test_the_pieces_are_the_whole(self, series: list[object], chunk: int, piece: int, blanks: bool) -> None:
        document = {"status": "success", "data": {"resultType": "matrix", "result": series}, "warnings": ["w"]}
        body = orjson.dumps(document, option=orjson.OPT_INDENT_2 if blanks else None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("scalewarden.sources.prometheus_stream._PIECE", piece)
            matrix, found = Matrix(), []
            for at in range(0, len(body), chunk):
                found += matrix.feed(body[at : at + chunk])
            rest = matrix.rest()
        assert found + rest["data"]["result"] == orjson.loads(body)["data"]["result"]
        assert rest["warnings"] == ["w"] and rest["status"] == "success"

    def test_what_was_handed_out_is_let_go(self) -> None:
        matrix, handed = Matrix(), 0
        matrix.feed(b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[]}')
        for _ in range(50_000):
            handed += len(matrix.feed(b',{"metric":{"pod":"llama-0"},"values":[[1,"2"]]}'))
            assert len(matrix._kept) < 2**19
        assert handed > 40_000

    def test_what_is_cut_off_is_no_document(self) -> None:
        matrix = Matrix()
        matrix.feed(b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"val')
        assert matrix.rest() is None


def value(at: float) -> Scrape:
    return Scrape(at, (Sample("scalewarden_custom:kv_usage", {}, at),))


class TestJoining:
    def test_a_value_goes_to_the_page_before_it(self) -> None:
        pages = tuple(Scrape(at, (Sample("x", {}, 1),)) for at in (10.2, 25.2, 40.2))
        found = joined(pages, [value(15), value(30), value(45)], 15)
        assert [(one.at, len(one.samples)) for one in found] == [(10.2, 2), (25.2, 2), (40.2, 2)]

    def test_without_pages_or_after_them_values_stand_alone(self) -> None:
        pages = (Scrape(10.2, (Sample("x", {}, 1),)), Scrape(25.2, ()))
        assert [one.at for one in joined(pages, [value(0), value(15), value(30)], 15)] == [0, 10.2, 30]
        assert [one.at for one in joined(Absent("gone"), [value(15), value(30)], 15)] == [15, 30]

    @given(st.sets(st.integers(0, 300)), st.sets(st.integers(0, 20)))
    def test_no_value_gets_younger_and_none_comes_twice(self, pages: set[int], grid: set[int]) -> None:
        scrapes = tuple(Scrape(at, (Sample("x", {}, 1),)) for at in sorted(pages))
        found = joined(scrapes, [value(15 * at) for at in sorted(grid)], 15)
        told = [(one.at, sample.value) for one in found for sample in one.named("scalewarden_custom:kv_usage")]
        assert all(at <= evaluated for at, evaluated in told)
        assert len(told) == len({evaluated for _, evaluated in told})
        assert [one.at for one in found] == sorted({one.at for one in found})


class TestScanner:
    @pytest.mark.parametrize(
        "promql",
        [
            "avg by (pod) (rate(x[1m]))",
            'max({__name__=~"a|b", x="}"})  # how it was )',
            "sum by (pod) (x{y='\\')'})",
            "a{b=`c)`} or\n\tb",
        ],
    )
    def test_ordinary_expressions_pass(self, promql: str) -> None:
        assert fault(promql) == ""

    @pytest.mark.parametrize(
        ("promql", "why"),
        [
            ("x) or (y", "closes a )"),
            ("x}) or ({y", "closes a }"),
            ("(x]", "closes a ]"),
            ("sum(x", "does not close its ("),
            ('x{a="b', "string in it does not end"),
            ('x{a="b\n"}', "string in it does not end"),
            ("# only a remark", "it is empty"),
            (" \n", "it is empty"),
            ("x # \r ) or (y", "control character"),
            ("x{a=`\\`})", "backslash between backticks"),
            ("x\x00", "control character"),
            ("x # ) or (\n) or (y", "closes a )"),
        ],
    )
    def test_what_could_leave_its_parentheses_is_refused(self, promql: str, why: str) -> None:
        assert why in fault(promql)

    @given(st.text(st.sampled_from("()[]{}\"'`\\#\n\r xy,=")))
    def test_what_passes_stays_inside(self, promql: str) -> None:
        if fault(promql):
            return
        depth, at, text = 0, 0, wrapped(promql)
        while at < len(text):  # an independent reading, as Prometheus' lexer does it
            if text[at] in "\"'`":
                quote, at = text[at], at + 1
                while text[at] != quote:
                    at += 2 if text[at] == "\\" and quote != "`" else 1
            elif text[at] == "#":
                while text[at] not in "\r\n":
                    at += 1
            depth += (text[at] in "([{") - (text[at] in ")]}")
            assert depth > 0 or at == len(text) - 1
            at += 1
        assert depth == 0


KEY = CustomKey("serving", "llama", SignalName.KV_USAGE)


def query(promql: str = "x", key: CustomKey = KEY, *pods: str) -> CustomQuery:
    return CustomQuery(key, promql, frozenset(PodKey(key.namespace, pod) for pod in pods or ("llama-0",)))


def series(
    pod: str, *values: tuple[float, str], mark: str = "serving/llama/kv_usage", **labels: str
) -> dict[str, object]:
    return {"metric": {"scalewarden_custom": mark, "pod": pod, **labels}, "values": [list(one) for one in values]}


class TestUnion:
    def test_each_is_wrapped_and_marked(self) -> None:
        other = query("y # z", CustomKey("serving", "qwen", SignalName.WAITING))
        assert union([query(), other]) == (
            'label_replace((x\n),"scalewarden_custom","serving/llama/kv_usage","","") or '
            'label_replace((y # z\n),"scalewarden_custom","serving/qwen/waiting","","")'
        )

    def test_values_of_foreign_pods_and_marks_are_dropped(self) -> None:
        splitter = Splitter([query()])
        splitter.take(
            [
                series("llama-0", (15, "0.5"), (30, "NaN")),
                series("foreign", (15, "1")),
                series("llama-0", (15, "1"), namespace="elsewhere"),
                series("llama-0", (15, "1"), mark="elsewhere/llama/kv_usage"),
                {"metric": {}, "values": [[15, "1"]]},
            ]
        )
        found = splitter.values()
        assert found.samples == {PodKey("serving", "llama-0"): {15: [Sample("scalewarden_custom:kv_usage", {}, 0.5)]}}
        assert found.faults == {} and found.spoke == {KEY}

    def test_two_values_for_one_pod_are_none(self) -> None:
        splitter = Splitter([query()])
        splitter.take([series("llama-0", (15, "0.5"), gpu="0"), series("llama-0", (15, "0.7"), gpu="1")])
        found = splitter.values()
        assert found.faults == {KEY: AMBIGUOUS}
        assert found.samples == {PodKey("serving", "llama-0"): {15: []}}


class TestSorter:
    def test_native_histograms_have_no_values_and_do_no_harm(self) -> None:
        metric = {"__name__": "a:b", "namespace": "team-0", "pod": "llama-0"}
        sorter = Sorter(frozenset(keys(1)), wanted=FEW)
        sorter.take(
            [{"metric": metric, "histograms": [[15, {"count": "3", "sum": "1", "buckets": [[0, "1", "2", "3"]]}]]}]
        )
        assert sorter.pages() == {}
        sorter.take([{"metric": metric, "values": [[30, "1"]], "histograms": [[15, {"count": "3", "sum": "1"}]]}])
        [[page]] = sorter.pages().values()
        assert page.scrape.at == 30

    def test_stale_markers_that_are_written_out_are_no_page(self) -> None:
        metric = {"namespace": "team-0", "pod": "llama-0"}
        sorter = Sorter(frozenset(keys(1)), wanted=FEW)
        sorter.take([{"metric": {"__name__": "a:b", **metric}, "values": [[15, "1"], [30, "NaN"], [45, "NaN"]]}])
        sorter.take([{"metric": {"__name__": "up", **metric}, "values": [[15, "1"], [30, "0"], [45, "NaN"]]}])
        [pages] = sorter.pages().values()
        assert [(page.scrape.at, len(page.scrape.samples), page.up) for page in pages] == [(15, 1, 1.0), (30, 0, 0.0)]
