"""Every metric of the mesh, declared once. Labels name kinds (method, module, state), never ids or people."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server

CALLS = Counter("esoffice_calls_total", "Finished calls by method and status code.", ["method", "code"])
CALL_SECONDS = Histogram(
    "esoffice_call_seconds",
    "Time from the request's arrival to its status, by method. Streams are left out.",
    ["method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
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
