"""Settings: each known and readable, and what they name is there."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator

from service.doctor.findings import Finding, failure, ok, warning
from service.doctor.situation import Situation

CHECK = "settings"


def check(situation: Situation) -> Iterator[Finding]:
    """Names and values of the variables `MULGAM_*`, the file of keys, the collector of spans."""
    for sentence in situation.refused:
        yield failure(CHECK, sentence, "Correct or unset that variable; docs/settings.md lists all of them.")
    settings = situation.settings
    if settings is None:
        return
    given = sorted(name for name in os.environ if name.startswith("MULGAM_"))
    if not situation.refused:
        told = f"{', '.join(given)} set" if len(given) < 4 else f"{len(given)} variables MULGAM_* set"
        yield ok(CHECK, f"{told}, and can be read" if given else "all as by default")
    yield from _keys(situation)
    if settings.otlp_endpoint and importlib.util.find_spec("opentelemetry.sdk") is None:
        yield failure(
            CHECK, "MULGAM_OTLP_ENDPOINT is set, and OpenTelemetry is not installed",
            "Install the group otel (`pip install --group otel`), or unset it.",
        )  # fmt: skip


def _keys(situation: Situation) -> Iterator[Finding]:
    from mulgam.errors import MulgamError
    from service import keys
    from service.settings import is_loopback

    settings = situation.settings
    assert settings is not None
    try:
        if keys.from_settings(settings) is None and not is_loopback(settings.host):
            yield warning(
                CHECK, f"whoever reaches {settings.host} may ask for predictions",
                "Set MULGAM_API_KEYS_FILE, or put something in front that authenticates (SECURITY.md).",
            )  # fmt: skip
    except MulgamError as problem:
        yield failure(CHECK, str(problem), "Correct the file that MULGAM_API_KEYS_FILE names (docs/operations.md).")
