"""Mulgam as `make serve` starts it, with no setting but the backend."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar

from mulgam import tensors as v2
from mulgam.signature import NUMERIC, PREDICTION
from tests.bench.cells import Form
from tests.bench.contestants.base import JAVA_WARM_UP, Launch, Place, Server
from tests.bench.load import Request
from tests.bench.model import Rows
from tests.processes import free_port


class Mulgam(Server):
    """Supervisor, gateway and backend; validation, metrics, ids and deadlines on."""

    path = "/predict/{model}"
    forms = ("json", "binary")
    backend: ClassVar[str]

    def __init__(self, **settings: str) -> None:
        """Take settings in place of the defaults, by their names in `service.settings`."""
        self._settings = settings

    def launch(self, place: Place) -> Launch:
        """See `Server.launch`."""
        environment = {
            "MULGAM_REGISTRY": str(place.model.registry), "MULGAM_PORT": str(place.port),
            "MULGAM_ADMIN_PORT": str(free_port()), "MULGAM_BACKEND": self.backend, "MULGAM_DEVICE": "cpu",
            "MULGAM_DRAIN_DELAY": "0", **{f"MULGAM_{name.upper()}": value for name, value in self._settings.items()},
        }  # fmt: skip
        return Launch([sys.executable, "-m", "service"], environment)

    def request(self, model: str, batches: Sequence[Rows], form: Form) -> Request:
        """Own JSON, or a binary V2 body that asks for a binary answer."""
        if form == "json":
            return super().request(model, batches, form)
        encoded = [v2.encode("inputs", {NUMERIC: rows}, {"binary_data_output": True}) for rows in batches]
        (length,) = {length for length, _ in encoded}  # the rows are as many, so the headers are as long
        headers = {"Content-Type": v2.CONTENT_TYPE, v2.LENGTH_HEADER: str(length)}
        return Request(f"/v2/models/{model}/infer", headers, [body for _, body in encoded])

    def predictions(self, body: bytes, headers: Mapping[str, str], form: Form) -> Rows:
        """See `Server.predictions`."""
        if form == "json":
            return super().predictions(body, headers, form)
        return v2.decode("outputs", body, headers.get(v2.LENGTH_HEADER.lower())).tensors[PREDICTION]


class MulgamTorchServe(Mulgam):
    """The default."""

    name = "mulgam-torchserve"
    title = "Mulgam + TorchServe"
    about = "`make serve`: gateway in front of TorchServe (TorchScript, one worker), all on the one core"
    warm_up = JAVA_WARM_UP
    backend = "torchserve"


class MulgamEmbedded(Mulgam):
    """Without TorchServe."""

    name = "mulgam-embedded"
    title = "Mulgam embedded"
    about = (
        "`make serve BACKEND=onnxruntime`: ONNX Runtime in the gateway's process; small requests that come in one"
        " turn of its event loop are computed together"
    )
    backend = "onnxruntime"
