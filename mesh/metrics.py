"""Every metric of the mesh, declared once. Labels name kinds (method, module, state), never ids or people."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


class MethodSeries:
    """What is counted of one method. Every call writes here, so it is plain numbers; only the event loop writes."""

    __slots__ = ("codes", "observed", "seconds")

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.observed = [0] * (len(Calls.BOUNDS) + 1)
        self.seconds = 0.0

    def count(self, code: str) -> None:
        """Count a finished call."""
        self.codes[code] = self.codes.get(code, 0) + 1

    def observe(self, seconds: float) -> None:
        """Take how long a call took."""
        self.observed[bisect_left(Calls.BOUNDS, seconds)] += 1
        self.seconds += seconds


class Calls(Collector):
    """Counts and times of finished calls by method; with the library's own counters they cost as much as the rest."""

    BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

    def __init__(self, registry: CollectorRegistry | None = REGISTRY) -> None:
        self._methods: dict[str, MethodSeries] = {}
        if registry is not None:
            registry.register(self)

    def of(self, method: str) -> MethodSeries:
        """Return the series of a method, the same one for everybody in the process."""
        return self._methods.setdefault(method, MethodSeries())

    def collect(self) -> Iterator[Metric]:
        """Answer Prometheus."""
        calls = CounterMetricFamily(
            "esoffice_calls", "Finished calls by method and status code.", labels=["method", "code"]
        )
        times = HistogramMetricFamily(
            "esoffice_call_seconds",
            "Time from the request's arrival to its status, by method. Streams are left out.",
            labels=["method"],
        )
        for method, series in list(self._methods.items()):
            for code, count in list(series.codes.items()):
                calls.add_metric([method, code], count)
            bounds = [*map(str, self.BOUNDS), "+Inf"]
            buckets = list(zip(bounds, accumulate(map(float, list(series.observed))), strict=True))
            times.add_metric([method], buckets, series.seconds)
        yield calls
        yield times


CALLS = Calls()
OPEN_STREAMS = Gauge("esoffice_open_streams", "Streams open at this moment, by method.", ["method"])
SLOW_READERS = Counter("esoffice_slow_readers_total", "Streams ended because their reader was too slow.", ["method"])
AUDIT_LOST = Counter("esoffice_audit_refusals_dropped_total", "Refused calls left out of the audit log under a flood.")
WORKER_RUNS = Counter("esoffice_worker_runs_total", "Runs of a background worker, by outcome.", ["worker", "outcome"])
WORKER_SECONDS = Histogram("esoffice_worker_seconds", "Time of one run of a background worker.", ["worker"])
SETTINGS_REVISION = Gauge("esoffice_settings_revision", "Revision of the settings this process runs on.")
CERTIFICATE_SECONDS = Gauge("esoffice_certificate_valid_seconds", "Seconds until this service's certificate expires.")
MAILS = Counter("esoffice_mails_total", "Mails taken in, by account kind and outcome.", ["kind", "outcome"])
MAIL_SILENCE_SECONDS = Gauge("esoffice_mail_account_silent_seconds", "Seconds since a mailbox answered.", ["kind"])


def serve(address: str, port: int, registry: CollectorRegistry = REGISTRY) -> None:
    """Serve the metrics in Prometheus' text format over HTTP in a thread of their own."""
    start_http_server(port, addr=address, registry=registry)
