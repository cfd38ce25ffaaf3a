"""What many build themselves: Flask on gunicorn."""

from __future__ import annotations

import sys

from tests.bench.contestants.base import Launch, Place, Server


class FlaskGunicorn(Server):
    """Flask, gunicorn, ONNX Runtime."""

    name = "flask"
    title = "Flask + gunicorn + ONNX Runtime"
    about = "`request.get_json`, `jsonify`; gunicorn gthread, one worker (one core), 8 threads, no access log"

    def launch(self, place: Place) -> Launch:
        """See `Server.launch`."""
        command = [
            sys.executable, "-m", "gunicorn", "--workers", "1", "--worker-class", "gthread", "--threads", "8",
            "--bind", f"127.0.0.1:{place.port}", "--log-level", "warning", "--no-control-socket",
            "tests.bench.apps.flask_app:app",
        ]  # fmt: skip
        return Launch(command, {"BENCH_ONNX": str(place.model.onnx)})
