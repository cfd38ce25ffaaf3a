"""All rules over one rendering."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from deploy.manifests.objects import Manifests
from deploy.manifests.rules import beside, pods, remotes, scaling, serving, trust, wiring
from service.settings import SettingsError

RULES = (
    pods.restricted, pods.isolated, pods.pinned, pods.resources, pods.volumes, pods.registry,
    wiring.selectors, wiring.ports, wiring.references, wiring.namespaces, wiring.policies, wiring.monitors,
    scaling.versions, scaling.autoscalers, scaling.disruptions, scaling.gpus, scaling.jobs,
    serving.settings, serving.probes, serving.ingresses, remotes.servers, remotes.trainings,
    beside.containers, trust.keys,
)  # fmt: skip


def violations(manifests: Manifests) -> Iterator[str]:
    """What is wrong, a sentence each."""
    for rule in RULES:
        # Other rules read the settings too; that they can't be read is said by one.
        with contextlib.suppress(SettingsError):
            yield from rule(manifests)
