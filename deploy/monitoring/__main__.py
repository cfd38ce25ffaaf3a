"""`python -m deploy.monitoring`: write the files that are made of others: dashboard.json and prometheusrule.yaml."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from deploy.monitoring.panels import dashboard

FOLDER = Path(__file__).parent


def made() -> dict[str, str]:
    """File -> its content."""
    rules = yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))
    labels = {"app.kubernetes.io/name": "mulgam"}
    document = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "mulgam", "namespace": "mulgam", "labels": labels},
        "spec": rules,
    }
    head = "# Made of rules.yaml by `python -m deploy.monitoring`.\n"
    return {
        "dashboard.json": json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n",
        "prometheusrule.yaml": head + yaml.safe_dump(document, sort_keys=False, width=1000),
    }


if __name__ == "__main__":
    for name, text in made().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
