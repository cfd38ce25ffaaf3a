"""Which path speaks which protocol: the one list that Flask's routes and the edge's short way are made from."""

from __future__ import annotations

from service.protocols.base import PredictionProtocol
from service.protocols.own import OwnJson
from service.protocols.v1 import V1
from service.protocols.v2 import V2

# (path template, protocol); all take POST.
PATHS: tuple[tuple[str, PredictionProtocol], ...] = (
    ("/predict/<model>", OwnJson()),
    ("/predict/<model>/versions/<version>", OwnJson()),
    ("/v1/models/<model>:predict", V1()),
    ("/v2/models/<model>/infer", V2()),
    ("/v2/models/<model>/versions/<version>/infer", V2()),
)


def concrete(template: str, model: str, version: int) -> str:
    """The path of one model and version."""
    return template.replace("<model>", model).replace("<version>", str(version))
