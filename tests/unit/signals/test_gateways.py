"""Queues in front of a service, and queues that must not be taken for one."""

from collections.abc import Mapping

import pytest

from scalewarden.model.signal import Absent, Reading, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.gateways import DYNAMO, NO_GATEWAY, PICKER, Gateway, gateway_waiting
from scalewarden.signals.names import GATEWAY, WANTED
from scalewarden.signals.sample import Sample, Scrape

NOW, LIMITS = 10_000.0, Thresholds()
NEW, OLD = PICKER.queue
Rows = list[tuple[str, Mapping[str, str], float]]


def pages(*at_each: Rows, every: float = 15.0) -> tuple[Scrape, ...]:
    first = NOW - every * (len(at_each) - 1)
    return tuple(Scrape(first + every * n, tuple(Sample(*row) for row in rows)) for n, rows in enumerate(at_each))


def flow(value: float, pool: str = "llama", name: str = NEW, tenant: str = "a") -> tuple[str, Mapping[str, str], float]:
    return name, {"inference_pool": pool, "fairness_id": tenant, "priority": "0"}, value


def picker(*at_each: Rows) -> Gateway:
    return Gateway(PICKER, pages(*at_each), frozenset({"llama"}))


def wait(*gateways: Gateway, now: float = NOW) -> Reading | Absent:
    return gateway_waiting(gateways, now, LIMITS, 600)


def test_flows_of_all_tenants_add_up():
    found = wait(picker([flow(2), flow(3, tenant="b")], [flow(4), flow(5, tenant="b")]))
    assert isinstance(found, Reading)
    assert (found.value, found.unit, found.source) == (9, Unit.REQUESTS, NEW)
    assert [point.value for point in found.series] == [5, 9]


def test_both_spellings_of_one_queue_count_once():
    found = wait(picker([flow(4), flow(4, name=OLD)]))
    assert isinstance(found, Reading) and found.value == 4
    older = wait(picker([flow(4, name=OLD)]))
    assert isinstance(older, Reading) and older.source == OLD


def test_pickers_of_one_pool_add_up():
    found = wait(picker([flow(4)], [flow(4)]), picker([flow(1)], [flow(2)]))
    assert isinstance(found, Reading)
    assert (found.value, [point.value for point in found.series]) == (6, [5, 6])


def test_a_queue_of_another_pool_is_not_ours():
    found = wait(picker([flow(4), flow(90, pool="other")]))
    assert isinstance(found, Reading) and found.value == 4
    assert wait(picker([flow(90, pool="other")])) == Absent(PICKER.silent)


def test_a_row_without_a_pool_is_ours():
    found = wait(picker([(NEW, {}, 7.0)]))
    assert isinstance(found, Reading) and found.value == 7


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("inference_pool_average_queue_size", {"name": "llama"}, 12.0)],
        [("vllm:num_requests_waiting", {}, 12.0)],
        [flow(float("nan"))],
        [flow(-1)],
    ],
)
def test_what_is_no_queue_of_the_gateway(rows: Rows):
    assert wait(picker(rows)) == Absent(PICKER.silent)


def test_engines_queues_are_never_read_as_the_gateways():
    """The mean over engines, and Dynamo's count until the first token, hold requests that engines count too."""
    assert not {"inference_pool_average_queue_size", "dynamo_frontend_queued_requests"} & GATEWAY
    assert GATEWAY <= WANTED


def test_dynamos_router_queue():
    name = DYNAMO.queue[0]
    found = wait(Gateway(DYNAMO, pages([(name, {"worker_type": "prefill"}, 2.0), (name, {"worker_type": "decode"}, 1.0),
                                        ("dynamo_frontend_queued_requests", {"model": "m"}, 50.0)])))  # fmt: skip
    assert isinstance(found, Reading) and found.value == 3
    assert wait(Gateway(DYNAMO, pages([]))) == Absent(DYNAMO.silent)


def test_a_part_of_a_queue_is_no_queue():
    refused = Absent("answers 401")
    assert wait(picker([flow(4)]), Gateway(PICKER, refused)) == refused
    assert wait() == NO_GATEWAY


def test_an_old_page_says_nothing_of_now():
    found = wait(picker([flow(4)]), now=NOW + 400)
    assert isinstance(found, Absent) and found.cause.startswith("stale: ")
    kept = Gateway(PICKER, (*pages([flow(4)]), Scrape(NOW + 400, ())), frozenset({"llama"}))
    old = wait(kept, now=NOW + 400)
    assert isinstance(old, Absent) and old.cause.startswith("stale: ")


def test_pages_of_before_the_window_are_none():
    old = Gateway(PICKER, (), frozenset({"llama"}))
    assert wait(old) == Absent("no scrape of the endpoint picker's metrics page")
