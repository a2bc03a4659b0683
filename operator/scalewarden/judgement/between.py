"""Between what the number lies that a verdict names, as a few words."""

from scalewarden.model.verdict import Prediction, Range, Test


def between(test: Test, predicted: Prediction) -> str:
    """`, between 0.71 and 0.83`; empty where the range says no more than the number."""
    ranges = predicted.uncertainty
    found, scale, decimals, unit = {
        Test.KV_CACHE_USAGE: (ranges.kv_cache_usage, 1, 2, ""),
        Test.WAITING_PER_REPLICA: (ranges.waiting_per_replica, 1, 1, ""),
        Test.CONCURRENCY: (ranges.concurrency, 100, 0, "%"),
        Test.THROUGHPUT: (ranges.throughput, 100, 0, "%"),
        Test.INTER_TOKEN_LATENCY: (ranges.inter_token_latency, 1000, 0, " ms"),
        Test.TIME_TO_FIRST_TOKEN: (ranges.time_to_first_token, 1000, 0, " ms"),
    }.get(test, (None, 1, 0, ""))
    return "" if found is None else _words(found, scale, decimals, unit)


def _words(found: Range, scale: float, decimals: int, unit: str) -> str:
    low, high = (f"{one * scale:.{decimals}f}" for one in found)
    return "" if low == high else f", between {low} and {high}{unit}"
