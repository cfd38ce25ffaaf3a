"""A trace through real processes: in by HTTP, through one gateway into another, out to a collector."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mulgam.registry import Registry
from tests.processes import call, serving
from tests.service.telemetry.test_otlp import SPAN, TRACE, Collector

pytestmark = [pytest.mark.live, pytest.mark.beside]


def test_two_gateways_are_two_spans_of_one_trace(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The far one's span lies below the near one's, the near one's below the caller's; stopping loses none."""
    monkeypatch.setenv("NO_PROXY", "*")
    collector = Collector()
    (tmp_path / "far").mkdir()
    try:
        settings = {"otlp_endpoint": collector.endpoint, "drain_delay": "0.2"}
        with serving(registry.root, tmp_path / "far", backend="onnxruntime", **settings) as far:
            url = f"http://127.0.0.1:{far.port}"
            with serving(registry.root, tmp_path, backend="oip", oip_url=url, **settings) as near:
                body = json.dumps({"instances": [[32, 3, 0.3]]}).encode()
                answer = call(near.port, "POST", "/predict/notes", body, traceparent=f"00-{TRACE}-{SPAN}-01")
                assert answer.status == 200
                assert near.stop() == 0
            assert far.stop() == 0
    finally:
        collector.close()
    ours = {span.parent_span_id.hex(): span for span in collector.spans if span.trace_id.hex() == TRACE}
    assert len(ours) == 2
    assert ours[SPAN].span_id.hex() in ours
