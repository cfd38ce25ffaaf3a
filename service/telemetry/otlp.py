"""A span of each prediction, sent to an OTLP collector by the OpenTelemetry SDK. Imported only where one is set."""

from __future__ import annotations

import time

from mulgam.errors import MulgamError
from service.telemetry.trace import Header, Trace, Tracing, fresh, taken
from service.versions.served import Served

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
except ImportError as missing:
    raise MulgamError("MULGAM_OTLP_ENDPOINT needs OpenTelemetry: pip install --group otel.") from missing

# A collector that does not answer must not hold a gateway that ends.
_TIMEOUT_SECONDS = 3.0


class OtlpTracing(Tracing):
    """Every request belongs to a trace; what is sampled is reported, from a thread of the SDK's.

    Args:
        endpoint: `http://host:port` of the collector.

    Raises:
        MulgamError: the endpoint is no such address.
    """

    def __init__(self, endpoint: str) -> None:
        if not endpoint.startswith(("http://", "https://")):
            raise MulgamError(f"MULGAM_OTLP_ENDPOINT is {endpoint!r}; it must be http://host:port of a collector.")
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT_SECONDS)
        self._processor = BatchSpanProcessor(exporter)
        self._resource = Resource.create({"service.name": "mulgam"})

    def begin(self, header: Header) -> Trace | None:
        """The caller's trace, or a new one."""
        return taken(header, sampled=True) or fresh(sampled=True)

    def end(self, trace: Trace, served: Served, protocol: str, status: int, seconds: float) -> None:
        """Report the span, where the trace is sampled."""
        if not trace.sampled:
            return
        now = time.time_ns()
        # Made when it is over: the ids were needed before, and the SDK's tracers would choose their own.
        span = ReadableSpan(
            f"predict {served.name}",
            context=_context(trace, trace.span_id),
            parent=_context(trace, trace.parent, remote=True) if trace.parent is not None else None,
            resource=self._resource,
            attributes={
                "mulgam.model": served.name,
                "mulgam.version": served.version,
                "mulgam.protocol": protocol,
                "http.response.status_code": status,
            },
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR) if status >= 500 else Status(),
            start_time=now - int(seconds * 1e9),
            end_time=now,
        )
        self._processor.on_end(span)

    def close(self) -> None:
        """Send what is left."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def _context(trace: Trace, span: str, remote: bool = False) -> SpanContext:
    return SpanContext(int(trace.trace_id, 16), int(span, 16), remote, TraceFlags(TraceFlags.SAMPLED))
