"""Which path speaks which protocol: the one list that Flask's routes and the edge's short way are made from."""

from __future__ import annotations

from service.protocols.base import PredictionProtocol
from service.protocols.own import OwnJson

# (path template, protocol); all take POST.
PATHS: tuple[tuple[str, PredictionProtocol], ...] = (
    ("/predict/<model>", OwnJson()),
    ("/predict/<model>/versions/<version>", OwnJson()),
)


def concrete(template: str, model: str, version: int) -> str:
    """The path of one model and version."""
    return template.replace("<model>", model).replace("<version>", str(version))
