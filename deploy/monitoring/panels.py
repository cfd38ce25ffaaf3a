"""The Grafana dashboard: which figures it shows, by which queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_WIDTH, _HEIGHT, _IN_A_ROW = 8, 7, 3
_OF = '{model=~"$model"}'
_SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True)
class Panel:
    """One figure: legend -> PromQL."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"


def _quantiles(series: str, *shares: float) -> dict[str, str]:
    buckets = f"sum by (le, model) (rate({series}_bucket{_OF}[$__rate_interval]))"
    return {f"{{{{model}}}} p{share * 100:g}": f"histogram_quantile({share}, {buckets})" for share in shares}


def _highest(labels: str, series: str) -> dict[str, str]:
    legend = " ".join(f"{{{{{label}}}}}" for label in labels.split(", "))
    return {legend: f"max by ({labels}) ({series}{_OF})"}


def _mean(series: str) -> str:
    of, window = _OF, "[$__rate_interval]"
    return f"sum by (model) (rate({series}_sum{of}{window})) / sum by (model) (rate({series}_count{of}{window}))"


def _rate(labels: str, series: str) -> dict[str, str]:
    legend = " ".join(f"{{{{{label}}}}}" for label in labels.split(", "))
    return {legend: f"sum by ({labels}) (rate({series}[$__rate_interval]))"}


_ERRORS = (
    '(sum(rate(mulgam_requests_total{code=~"5.."}[$__rate_interval])) or vector(0))'
    " / sum(rate(mulgam_requests_total[$__rate_interval]))"
)
# Row by row; a row's title -> its figures.
ROWS = {
    "Now": [
        Panel("Ready", {"{{model}} {{instance}}": f"mulgam_ready{_OF}"}, kind="stat"),
        Panel("Versions", {"{{model}} {{version}} {{digest}}": f"mulgam_model_info{_OF} == 1"}, kind="table"),
        Panel("Generation of serving.json", {"{{instance}}": "mulgam_serving_generation"}, kind="stat"),
    ],
    "Requests": [
        Panel("Requests a second", _rate("model, protocol", f"mulgam_requests_total{_OF}"), "reqps"),
        Panel("Answers by status", _rate("code", "mulgam_requests_total"), "reqps"),
        Panel("Share of server errors", {"errors": _ERRORS}, "percentunit"),
        Panel("Latency", _quantiles("mulgam_request_seconds", 0.5, 0.95, 0.99), "s"),
        Panel("In hand", {"{{instance}}": "sum by (instance) (mulgam_inflight_requests)"}),
        Panel("Refused before any work", _rate("reason", "mulgam_rejected_total"), "reqps"),
    ],
    "Batches and backend": [
        Panel("Rows in a batch, mean", {"{{model}}": _mean("mulgam_batch_rows")}),
        Panel("Waiting for a batch", _quantiles("mulgam_queue_seconds", 0.5, 0.95), "s"),
        Panel("A call of the backend", _quantiles("mulgam_backend_seconds", 0.5, 0.95), "s"),
        Panel("Calls made again", _rate("model", f"mulgam_retries_total{_OF}"), "reqps"),
        Panel("Breaker open", _highest("model, instance", "mulgam_breaker_open")),
        Panel("Held-out scores", _highest("model, version, score", "mulgam_model_score")),
    ],
    "What is asked and answered": [
        Panel("Drift of features", _highest("model, feature", "mulgam_feature_drift")),
        Panel("Drift of predictions", _highest("model", "mulgam_prediction_drift")),
        Panel("Missing", _highest("model, feature", "mulgam_feature_missing_ratio"), "percentunit"),
        Panel("Unseen words", _highest("model, feature", "mulgam_feature_unseen_ratio"), "percentunit"),
        Panel("Outside of the training's range", _rate("model, feature", f"mulgam_out_of_range_total{_OF}")),
        Panel("Mean prediction", {"{{model}}": _mean("mulgam_predicted_value")}),
        Panel("Classes", _rate("model, label", f"mulgam_predicted_class_total{_OF}")),
    ],
    # Of the DCGM exporter; empty where there is no GPU.
    "GPU": [
        Panel("Memory in use", {"{{pod}} {{gpu}}": "DCGM_FI_DEV_FB_USED * 1048576"}, "bytes"),
        Panel("Busy", {"{{pod}} {{gpu}}": "DCGM_FI_DEV_GPU_UTIL"}, "percent"),
    ],
}


def queries(dashboard: dict[str, Any]) -> Iterator[str]:
    """Every PromQL expression of a dashboard."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]


def dashboard() -> dict[str, Any]:
    """As Grafana imports it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        place = {"h": 1, "w": _WIDTH * _IN_A_ROW, "x": 0, "y": top}
        panels.append({"id": len(panels) + 1, "type": "row", "title": title, "gridPos": place, "panels": []})
        for index, panel in enumerate(row):
            down, right = divmod(index, _IN_A_ROW)
            place = {"h": _HEIGHT, "w": _WIDTH, "x": right * _WIDTH, "y": top + 1 + down * _HEIGHT}
            panels.append({"id": len(panels) + 1, "gridPos": place, **_drawn(panel)})
        top += 1 + _HEIGHT * -(-len(row) // _IN_A_ROW)
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    models = {
        "name": "model", "type": "query", "label": "Model", "datasource": _SOURCE, "multi": True, "includeAll": True,
        "query": "label_values(mulgam_ready, model)", "refresh": 2, "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip
    return {
        "uid": "mulgam", "title": "Mulgam", "tags": ["mulgam"], "schemaVersion": 39, "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"}, "refresh": "30s",
        "templating": {"list": [source, models]}, "panels": panels,
    }  # fmt: skip


def _drawn(panel: Panel) -> dict[str, Any]:
    asked: dict[str, Any] = {"instant": True, "format": "table"} if panel.kind == "table" else {}
    return {
        "type": panel.kind, "title": panel.title, "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": query, "legendFormat": legend, "datasource": _SOURCE, **asked}
            for index, (legend, query) in enumerate(panel.queries.items())
        ],
    }  # fmt: skip
