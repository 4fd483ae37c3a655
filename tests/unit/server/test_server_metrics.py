"""What is counted, under which labels, and how several processes' numbers become one."""

from __future__ import annotations

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from autorest.metrics import (
    BUCKETS,
    DESCRIBED,
    OTHER,
    Numbers,
    RequestMetrics,
    Series,
    added_up,
    exposition,
    process_numbers,
)
from tests.support.catalogs import CATALOG


@pytest.fixture
def metrics() -> RequestMetrics:
    """Metrics that know the relations and functions of a small catalog."""
    metrics = RequestMetrics()
    metrics.know(CATALOG, ("other", "api"))
    return metrics


def samples(numbers: Numbers) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return what Prometheus reads, by name and labels."""
    families = text_string_to_metric_families(exposition(numbers).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("/films", "/films"),
        ("/rpc/add", "/rpc/add"),
        ("/add", OTHER),
        ("/rpc/films", OTHER),
        ("/films/1", OTHER),
        ("/nonsense", OTHER),
        ("", OTHER),
    ],
)
def test_a_route_is_named_after_what_there_is(metrics: RequestMetrics, path: str, route: str) -> None:
    metrics.count(path, "GET", 200, 0.1, 10)
    assert [*metrics.series] == [(route, "GET", 200)]


def test_clients_cannot_make_up_labels(metrics: RequestMetrics) -> None:
    for number in range(1000):
        metrics.count(f"/{number}", "GET", 404, 0.1, 10)
        metrics.count("/films", f"M{number}", 405, 0.1, 10)
    assert {(route, method) for route, method, _ in metrics.series} == {(OTHER, "GET"), (OTHER, OTHER)}


def test_another_catalog_has_other_routes(metrics: RequestMetrics) -> None:
    metrics.count("/films", "GET", 200, 0.1, 10)
    metrics.know(None, ())
    metrics.count("/films", "GET", 503, 0.1, 10)
    assert [*metrics.series] == [("/films", "GET", 200), (OTHER, "GET", 503)]


def test_durations_and_sizes_are_counted(metrics: RequestMetrics) -> None:
    for seconds in (0.0, BUCKETS[0], BUCKETS[0] + 1e-9, 1e9):
        metrics.count("/films", "GET", 200, seconds, 7)
    labels = (("method", "GET"), ("route", "/films"), ("status", "200"))
    found = samples(Numbers(requests=metrics.series))
    assert found["autorest_http_requests_total", labels] == 4
    assert found["autorest_http_response_size_bytes_sum", labels] == 28

    def at_most(bound: str) -> float:
        return found["autorest_http_request_duration_seconds_bucket", (("le", bound), *labels)]

    assert [at_most(bound) for bound in (str(BUCKETS[0]), str(BUCKETS[1]), str(BUCKETS[-1]), "+Inf")] == [2, 3, 3, 4]


def test_postgrest_s_metrics_have_its_names_and_types() -> None:
    numbers = Numbers({(name, "SUCCESS" if known.label else ""): 3.0 for name, known in DESCRIBED.items()})
    text = exposition(numbers).decode()
    for name, type_ in {
        "pgrst_schema_cache_query_time_seconds": "gauge",
        "pgrst_schema_cache_loads_total": "counter",
        "pgrst_db_pool_timeouts_total": "counter",
        "pgrst_db_pool_available": "gauge",
        "pgrst_db_pool_waiting": "gauge",
        "pgrst_db_pool_max": "gauge",
        "pgrst_jwt_cache_requests_total": "counter",
        "pgrst_jwt_cache_hits_total": "counter",
        "pgrst_jwt_cache_evictions_total": "counter",
    }.items():
        assert f"# TYPE {name} {type_}\n" in text
    assert 'pgrst_schema_cache_loads_total{status="SUCCESS"} 3.0\n' in text
    assert "pgrst_db_pool_max 3.0\n" in text


def test_numbers_of_several_processes_add_up() -> None:
    one = Numbers(
        {("pgrst_db_pool_max", ""): 10.0, ("pgrst_schema_cache_query_time_seconds", ""): 0.2},
        {("/films", "GET", 200): Series((1,) * 14, 2.0, 100)},
    )
    other = Numbers(
        {("pgrst_db_pool_max", ""): 10.0, ("pgrst_schema_cache_query_time_seconds", ""): 0.1},
        {("/films", "GET", 200): Series((2,) * 14, 1.0, 50), ("/", "GET", 200): Series()},
    )
    total = added_up([one, other])
    assert total.single == {("pgrst_db_pool_max", ""): 20.0, ("pgrst_schema_cache_query_time_seconds", ""): 0.2}
    series = total.requests["/films", "GET", 200]
    assert (series.counts, series.seconds, series.bytes) == ([3] * 14, 3.0, 150)
    assert ("/", "GET", 200) in total.requests
    assert one.requests["/films", "GET", 200].counts == [1] * 14


def test_numbers_can_be_sent(metrics: RequestMetrics) -> None:
    metrics.count("/films", "GET", 200, 0.1, 10)
    numbers = Numbers(process_numbers(), metrics.series)
    received = Numbers.of_plain(json.loads(json.dumps(numbers.plain())))
    assert received.single == numbers.single
    assert samples(received) == samples(numbers)


def test_what_a_process_counted_outlives_it() -> None:
    numbers = Numbers(
        {("pgrst_db_pool_timeouts_total", ""): 2.0, ("pgrst_db_pool_available", ""): 5.0},
        {("/", "GET", 200): Series()},
    )
    past = numbers.counted()
    assert past.single == {("pgrst_db_pool_timeouts_total", ""): 2.0}
    assert past.requests == numbers.requests


def test_labels_are_escaped() -> None:
    numbers = Numbers(requests={('/odd"\\\nname', "GET", 200): Series()})
    assert ("route", '/odd"\\\nname') in {pair for _, labels in samples(numbers) for pair in labels}
