"""`python -m service`: serve what the registry holds (`make serve`)."""

from __future__ import annotations

from mulgam import interruption

if __name__ == "__main__":
    interruption.end_quietly()  # what follows imports for a good part of a second

import asyncio
import logging
import sys

from mulgam.errors import MulgamError
from mulgam.terminal import Parser
from service import hooks, keys
from service.backends import remote
from service.process import descriptors
from service.settings import described, from_environment, is_loopback
from service.supervisor.run import Supervisor
from service.telemetry import logs

log = logging.getLogger(__name__)


def main() -> int:
    """0 after a clean stop, 1 with a sentence where serving could not start."""
    interruption.raise_again()
    _parser().parse_args()
    try:
        settings = from_environment()
        if settings.backend == "oip":
            remote.from_settings(settings)  # for its error, before anything is started
        keys.from_settings(settings)  # for its error, too
        hooks.check(settings.app_hook)
        logs.configure(settings)
        if not (settings.api_keys_file or is_loopback(settings.host)):
            log.warning("whoever reaches %s may ask for predictions: no MULGAM_API_KEYS_FILE is set", settings.host)
        descriptors.take()
        asyncio.run(Supervisor(settings).run())
    except MulgamError as problem:
        print(f"mulgam serve: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return interruption.INTERRUPTED
    return 0


def _parser() -> Parser:
    rows = described()
    width = max(len(name) for name, _, _ in rows)
    table = "\n".join(f"  {name:{width}}  {text} [{default}]" for name, default, text in rows)
    return Parser(
        "mulgam serve",
        "Serve the models of the registry over HTTP until Ctrl-C or SIGTERM.",
        [
            ("mulgam serve", "on 127.0.0.1:8000, by TorchServe"),
            ("MULGAM_BACKEND=onnxruntime MULGAM_PORT=9000 mulgam serve", "in one process, without Java"),
            ("mulgam doctor", "where it does not start"),
        ],
        f"settings, all of them environment variables:\n{table}",
    )


if __name__ == "__main__":
    sys.exit(main())
