"""The best that most build themselves: FastAPI on uvicorn."""

from __future__ import annotations

import sys

from tests.bench.contestants.base import Launch, Place, Server


class FastApiUvicorn(Server):
    """FastAPI, uvicorn, ONNX Runtime."""

    name = "fastapi"
    title = "FastAPI + uvicorn + ONNX Runtime"
    about = "async route, pydantic models in and out; uvicorn with uvloop and httptools, one worker, no access log"

    def launch(self, place: Place) -> Launch:
        """See `Server.launch`."""
        command = [
            sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(place.port), "--loop", "uvloop",
            "--http", "httptools", "--no-access-log", "--log-level", "warning", "tests.bench.apps.fastapi_app:app",
        ]  # fmt: skip
        return Launch(command, {"BENCH_ONNX": str(place.model.onnx)})
