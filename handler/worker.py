"""What TorchServe calls: its context and its list of requests on one side, `Served` on the other."""

from __future__ import annotations

import gc
import logging
import os
from pathlib import Path
from typing import Any

from handler import frames
from handler.exchange import Request
from handler.loading import Archived, Opener, load
from mulgam import tensors as v2
from mulgam.errors import MulgamError
from mulgam.exchanges import DEADLINE_HEADER

logger = logging.getLogger(__name__)

_DEADLINE = DEADLINE_HEADER.lower()
# An environment variable: the least level of our own lines in TorchServe's log.
LOG_LEVEL = "MULGAM_HANDLER_LOG_LEVEL"


class Worker:
    """Base of the entry classes; TorchServe makes one, calls `initialize` once and `handle` for each batch.

    `context` is a `ts.context.Context`: this package does not import TorchServe, so it is untyped here.
    """

    open_runtime: Opener

    def initialize(self, context: Any) -> None:
        """Load the model from the unpacked archive.

        Raises:
            RuntimeError: it can't be served; TorchServe expects this class, and tries again by its back-off.
        """
        _quieten(context)
        properties = context.system_properties
        told = context.manifest["model"]
        archived = Archived(told["modelName"], int(told["modelVersion"]), told["serializedFile"])
        try:
            self._served = load(Path(properties["model_dir"]), archived, self.open_runtime, properties["gpu_id"])
        except MulgamError as problem:
            logger.error("%s is refused: %s", context.model_name, problem)
            raise RuntimeError(f"{context.model_name} is refused: {problem}") from None
        frames.install()
        _settle()
        logger.info(
            "%s is loaded: digest %s, %s on %s", context.model_name, self._served.digest,
            self._served.runtime.name, self._served.runtime.device,
        )  # fmt: skip

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Answer one batch; `data` holds one dict for each HTTP request."""
        logger.debug("a batch of %d requests", len(data))
        answers = self._served.answer([_request(item, context, n) for n, item in enumerate(data)])
        for position, answer in enumerate(answers):
            # The phrase stays empty (TorchServe then takes the standard one): a line break in it kills the worker.
            context.set_response_status(code=answer.status, idx=position)
            for name, value in answer.headers.items():
                context.set_response_header(position, name, value)
        return [answer.body for answer in answers]


def _quieten(context: Any) -> None:
    """Without it TorchServe writes two lines for every request, which Java then reads, parses and drops."""
    logging.getLogger().setLevel(logging.WARNING)
    # One of them tells how long a batch took: it need not be made either.
    metrics = getattr(context, "metrics", None)
    if metrics is not None:
        metrics.add_time = _not_told
    logging.getLogger(__package__).setLevel(os.environ.get(LOG_LEVEL, "INFO"))


def _not_told(name: str, value: float) -> None:
    pass


def _settle() -> None:
    """What is loaded stays: the garbage collector need not look through it again, which holds everybody up."""
    gc.collect()
    gc.freeze()


def _request(item: dict[str, Any], context: Any, position: int) -> Request:
    headers = {name.lower(): value for name, value in context.get_all_request_header(position).items()}
    body = item.get("body")
    # TorchServe parses JSON and text itself, but hands over what it could not parse as bytes: so both are asked.
    binary = headers.get("content-type") == v2.CONTENT_TYPE and isinstance(body, bytes | bytearray)
    return Request(body if binary else None, headers.get(v2.LENGTH_HEADER.lower()), headers.get(_DEADLINE))
