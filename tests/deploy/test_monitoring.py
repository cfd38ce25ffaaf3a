"""Rules, dashboard and scrape configuration: of series that exist, of one source, and tried by Prometheus itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.monitoring.__main__ import FOLDER, made
from deploy.monitoring.panels import queries
from mulgam.registry import Registry
from service.metrics.families import REQUEST_SECONDS
from service.metrics.recording import Metrics
from service.metrics.rendering import render
from tests.processes import call, free_port, predict, serving, wait_until

# Of kube-state-metrics and the DCGM exporter.
OF_OTHERS = {
    "kube_pod_container_status_restarts_total", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_GPU_UTIL",
}  # fmt: skip
# Series that a service of two healthy models under good requests rightly lacks: of refusals, and of an index of drift,
# for which it has no histograms of training (tests/builders.py).
NEED_MORE = ("mulgam_rejected_total", "mulgam_feature_", "mulgam_prediction_drift", "mulgam_out_of_range", "_score")
_NAME = re.compile(r"\b(?:mulgam|kube|DCGM)[a-zA-Z0-9_]*")
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool (Debian: prometheus)")


def rules() -> list[dict[str, Any]]:
    """Every rule of every group."""
    groups = yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def asked() -> Iterator[str]:
    """Every PromQL expression, of the rules and of the dashboard."""
    yield from (rule["expr"] for rule in rules())
    yield from queries(json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8")))


def known() -> set[str]:
    """The names that a query may use."""
    text = render(Metrics().registry, lambda: {"m": True}).decode()
    names = set()
    for name, kind in re.findall(r"^# TYPE (mulgam_\w+) (\w+)$", text, re.M):
        suffixes = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}.get(kind, ("",))
        names |= {name + suffix for suffix in suffixes}
    return names


@pytest.mark.parametrize("name", ["dashboard.json", "prometheusrule.yaml"])
def test_a_made_file_is_its_sources(name: str) -> None:
    """Behind? `python -m deploy.monitoring` writes it anew."""
    assert (FOLDER / name).read_text(encoding="utf-8") == made()[name], "run: .venv/bin/python -m deploy.monitoring"


def test_every_query_is_of_series_that_exist() -> None:
    """The service's own, or of an exporter that is named."""
    used = {name for query in asked() for name in _NAME.findall(re.sub(r'"[^"]*"|mulgam:[\w:]+', "", query))}
    assert used - known() - OF_OTHERS == set()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert {name for query in asked() for name in re.findall(r"mulgam:[\w:]+", query)} <= recorded


def test_the_bound_of_slow_is_a_bucket() -> None:
    """Of another bound the ratio would have no data, and the alert would never come."""
    bounds = set(re.findall(r'le="([^"]+)"', " ".join(asked())))
    assert bounds
    assert {float(bound) for bound in bounds} <= set(REQUEST_SECONDS)


def test_an_alert_says_how_bad_it_is_and_what_to_do() -> None:
    """And each one has a test of its own that sees it come."""
    tests = yaml.safe_load((FOLDER / "rules-test.yaml").read_text(encoding="utf-8"))["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", [])]
    seen = {case["alertname"] for case in cases if case["exp_alerts"]}
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert {*rule["annotations"]} == {"summary", "action"}
            assert rule["alert"] in seen


def test_the_dashboard_fits() -> None:
    """No two figures lie on one another, each has a title and a query."""
    panels = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["title"]
        assert panel["type"] == "row" or panel["targets"]
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


@promtool
@pytest.mark.parametrize(
    "words",
    [("check", "rules", "rules.yaml"), ("check", "config", "prometheus.yaml"), ("test", "rules", "rules-test.yaml")],
)
def test_prometheus_accepts(words: tuple[str, ...]) -> None:
    """Rules, configuration, and each alert at its time."""
    ended = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.beside
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="there is no prometheus (Debian: prometheus)")
def test_every_figure_has_data(registry: Registry, tmp_path: Path) -> None:
    """A real Prometheus scrapes a real service; each query is taken, and has data if nothing must go wrong first."""
    (tmp_path / "serve").mkdir()
    with serving(registry.root, tmp_path / "serve", backend="onnxruntime") as service:
        port = free_port()
        configuration = tmp_path / "prometheus.yaml"
        scrape = {"job_name": "mulgam", "static_configs": [{"targets": [f"127.0.0.1:{service.admin_port}"]}]}
        document = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": [scrape],
                    "rule_files": [str(FOLDER / "rules.yaml")]}  # fmt: skip
        configuration.write_text(yaml.safe_dump(document))
        command = ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path / 'data'}",
                   f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
        with (tmp_path / "prometheus.log").open("wb") as log:
            prometheus = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:

            def ready() -> bool:
                try:
                    return call(port, "GET", "/-/ready").status == 200
                except OSError:
                    return False

            def result(query: str) -> list[Any]:
                reply = call(port, "GET", "/api/v1/query?" + urllib.parse.urlencode({"query": query}))
                assert reply.status == 200, reply.body
                found: list[Any] = reply.json["data"]["result"]
                return found

            def under_load() -> bool:
                for _ in range(5):
                    predict(service.port, "notes", [[32.0, 3.0, 0.3]] * 3)
                    predict(service.port, "shapes", [[0.1, 0.2, 0.3]])
                    predict(service.port, "notes", [["x"]])
                return bool(result("rate(mulgam_requests_total[5s]) > 0"))

            def has_data(query: str) -> bool:
                return under_load() and bool(result(query))

            wait_until(ready, 60, "Prometheus ready")
            wait_until(under_load, 60, "requests in Prometheus")
            for query in asked():
                if query.startswith("absent") or any(name in query for name in (*OF_OTHERS, *NEED_MORE)):
                    result(_now(query))
                    continue
                # Of a comparison, what is compared: its series has data, though nothing is wrong.
                compared = re.split(r" (?:>|==) [^()]*$", _now(query))[0]
                wait_until(partial(has_data, compared), 30, f"data for {compared}")
        finally:
            prometheus.terminate()
            prometheus.wait(10)


def _now(query: str) -> str:
    return query.replace("$__rate_interval", "10s").replace("$model", ".*")
