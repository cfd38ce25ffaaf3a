"""`python -m service`: serve what the registry holds (`make serve`)."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from mulgam.errors import MulgamError
from service import keys, logs
from service.backends import remote
from service.settings import described, from_environment, is_loopback
from service.supervisor.run import Supervisor

log = logging.getLogger(__name__)


def main() -> int:
    """0 after a clean stop, 1 with a sentence where serving could not start."""
    _parser().parse_args()
    try:
        settings = from_environment()
        if settings.backend == "oip":
            remote.from_settings(settings)  # for its error, before anything is started
        keys.from_settings(settings)  # for its error, too
        logs.configure(settings)
        if not (settings.api_keys_file or is_loopback(settings.host)):
            log.warning("whoever reaches %s may ask for predictions: no MULGAM_API_KEYS_FILE is set", settings.host)
        asyncio.run(Supervisor(settings).run())
    except MulgamError as problem:
        print(f"mulgam serve: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    rows = described()
    width = max(len(name) for name, _, _ in rows)
    table = "\n".join(f"  {name:{width}}  {text} [{default}]" for name, default, text in rows)
    return argparse.ArgumentParser(
        prog="mulgam serve",
        description="Serve the models of the registry over HTTP until Ctrl-C or SIGTERM.",
        epilog=f"Settings are environment variables:\n{table}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


if __name__ == "__main__":
    sys.exit(main())
