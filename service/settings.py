"""The settings of a serving process: environment variables `MULGAM_*`, one frozen class, nothing else.

`make serve` needs none. A name that is not known or a value that can't be read is an error that names it,
except for the variables that Kubernetes injects for a Service of the same name.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mulgam import trust
from mulgam.errors import MulgamError
from mulgam.registry import VARIANTS, Registry
from mulgam.signature import PRECISION

PREFIX = "MULGAM_"
APP_HOOK = f"{PREFIX}APP_HOOK"
_PLACE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
# `NAME_SERVICE_HOST`, `NAME_SERVICE_PORT…`, `NAME_PORT_80_TCP…`, and `NAME_PORT` with an address as its value.
_INJECTED_NAME = re.compile(r"MULGAM_(\w+_)?(SERVICE_(HOST|PORT\w*)|PORT_\d+_(TCP|UDP|SCTP)\w*)")
_INJECTED_VALUE = re.compile(r"(tcp|udp|sctp)://.*")


class SettingsError(MulgamError):
    """An environment variable is unknown or can't be read."""


def setting(
    default: Any, description: str, choices: tuple[str, ...] = (), minimum: float = 0, maximum: float = 2**31
) -> Any:
    """A field of `Settings` with what its value may be and what it is for."""
    rules = {"description": description, "choices": choices, "minimum": minimum, "maximum": maximum}
    return field(default=default, metadata=rules)


@dataclass(frozen=True)
class Settings:
    """Every setting with its default; times in seconds, sizes in bytes."""

    registry: Path = setting(Path("registry"), "folder with the models to serve")
    host: str = setting("127.0.0.1", "address of the public listener")
    port: int = setting(8000, "port of the public listener", minimum=1, maximum=65535)
    grpc_port: int = setting(0, "port of V2 over gRPC, on the public address; 0: none", maximum=65535)
    admin_host: str = setting("127.0.0.1", "address of the admin listener")
    admin_port: int = setting(8001, "port of the admin listener", minimum=1, maximum=65535)
    backend: str = setting("torchserve", "what computes the predictions", ("torchserve", "onnxruntime", "oip"))
    runtime: str = setting(
        "torchscript", "what runs the model inside TorchServe (or the oip server)", ("torchscript", "onnx")
    )
    precision: str = setting(
        PRECISION,
        "which form of the model the onnxruntime backend runs; the recipe had it made",
        (PRECISION, *VARIANTS),
    )
    device: str = setting(
        "auto",
        "where the model runs; auto: a GPU where there is one (onnxruntime: and it is faster)",
        ("auto", "cpu", "gpu"),
    )
    torchserve_folder: str = setting(
        "", "folder shared with a TorchServe that `python -m service.beside` runs in a container of its own"
    )
    torchserve_workers: int = setting(1, "TorchServe workers for each model", minimum=1, maximum=64)
    torchserve_lanes: int = setting(
        0,
        "calls under way at a time for each worker: one computes, the next waits; 0: 2, or 1 on a single core",
        minimum=0,
        maximum=64,
    )
    torchserve_batch_size: int = setting(
        1, "calls that TorchServe combines into one run; the gateway has combined them already", minimum=1, maximum=1024
    )
    oip_url: str = setting("", "http://host:port of the V2 server that the oip backend asks; several with commas")
    oip_models: str = setting("", "models that have other names there: model=name or model=name:version, with commas")
    oip_tensors: str = setting("binary", "how tensors travel to that server", ("binary", "json"))
    oip_versions: str = setting(
        "theirs",
        "which version is asked for there: the server's choice, or by our number of one that serves this registry",
        ("theirs", "ours"),
    )
    oip_key_file: str = setting("", "file whose first API key is shown to that server as a Bearer token")
    oip_lanes: int = setting(4, "calls under way at a time for each model of that server", minimum=1, maximum=256)
    max_batch_rows: int = setting(1024, "rows that the gateway combines into one call of the backend", minimum=1)
    gateways: int = setting(1, "gateway processes that share the public port", minimum=1, maximum=256)
    threads: int = setting(32, "threads for requests", minimum=1, maximum=1024)
    max_inflight: int = setting(1024, "requests at a time; more are refused with 503", minimum=1)
    max_body_bytes: int = setting(8 * 2**20, "largest request body; larger ones are refused with 413", minimum=1)
    max_reading_bytes: int = setting(
        256 * 2**20, "bytes of bodies that are being read at a time; more are refused with 503", minimum=1
    )
    max_rows: int = setting(10_000, "most rows in one request; more are refused with 413", minimum=1)
    bulk_requests: int = setting(4, "CSV and NDJSON requests at a time; more are refused with 503", minimum=1)
    bulk_max_bytes: int = setting(
        2**30, "largest CSV or NDJSON body, inflated; larger ones are refused with 413", minimum=1, maximum=2**40
    )
    bulk_max_rows: int = setting(10_000_000, "most rows in one CSV or NDJSON body; then 413", minimum=1)
    bulk_batch_rows: int = setting(512, "rows of a CSV or NDJSON body that are predicted at a time", minimum=1)
    bulk_min_rate: int = setting(
        1024, "bytes a second that a bulk client must send or read while it is waited for; else 408 or cut off"
    )
    bulk_patience: float = setting(
        10.0, "seconds of waiting for a bulk client over which that rate counts", minimum=0.1, maximum=3600
    )
    keep_alive: float = setting(120.0, "seconds that a connection may wait for its next request", minimum=1)
    body_timeout: float = setting(5.0, "time a client has for sending its body; then 408", minimum=0.1, maximum=600)
    request_timeout: float = setting(10.0, "time a prediction may take; then 504", minimum=0.1, maximum=600)
    startup_timeout: float = setting(120.0, "time until every model must answer", minimum=1, maximum=3600)
    drift_half_life: float = setting(
        3600.0, "seconds after which a row counts half in the drift of a model; 0: drift is not measured", maximum=1e7
    )
    out_of_range: str = setting(
        "count",
        "numbers outside of the range that training had; count: answered, and counted; reject: also refused with 400",
        ("count", "reject"),
    )
    ready_interval: float = setting(1.0, "time between golden replays", minimum=0.1, maximum=60)
    breaker_faults: int = setting(
        3, "calls of the backend without an answer, one after the other, that open a model's breaker", minimum=1
    )
    retry_share: float = setting(
        0.1, "retries of lost calls for each call of the backend, in the long run; 0: none", maximum=1
    )
    busy_poll: float = setting(
        0.0002,
        "seconds for which an idle process with the onnxruntime backend looks for the next request before it sleeps,"
        " where the last ones came as close upon each other; 0: never",
        maximum=0.01,
    )
    linger: float = setting(
        0.0,
        "seconds for which a version that is served no more is answered after it was last asked for by its number",
        maximum=3600,
    )
    drain_delay: float = setting(
        5.0, "time after SIGTERM for which requests are taken while readiness says no; Ctrl-C: none", maximum=3600
    )
    grace: float = setting(
        15.0, "time after that in which what is in hand is finished; then tables are cut off", minimum=1, maximum=3600
    )
    public_health: str = setting(
        "auto", "health and metrics on the public port too; auto: where HOST is loopback", ("auto", "yes", "no")
    )
    page: str = setting(
        "yes", "the pages for people at / and /docs; no: / lists the paths, and there is no /docs", ("yes", "no")
    )
    api_keys_file: str = setting(
        "", "file with the API keys that callers must show, one on each line; none: no key is asked for"
    )
    trusted_keys: str = setting(
        "",
        "file or folder with the public keys of which one must have signed each version that is loaded; none: no"
        " signature is asked for",
    )
    app_hook: str = setting(
        "",
        "module:function, called with the gateway's Flask app: adds hooks that see every HTTP request; none with gRPC",
    )
    otlp_endpoint: str = setting(
        "", "http://host:port of an OTLP collector that gets a span of each prediction (needs the group otel)"
    )
    log_format: str = setting("auto", "auto: text on a terminal, else JSON lines", ("auto", "json", "text"))
    log_level: str = setting("info", "least level that is logged", ("debug", "info", "warning", "error"))

    @property
    def rejects_out_of_range(self) -> bool:
        """Whether numbers outside of the range that training had are refused."""
        return self.out_of_range == "reject"

    @property
    def models(self) -> Registry:
        """The registry, as far as it is trusted; raises TrustError where the trusted keys can't be read."""
        return Registry(self.registry, trust.of(self.trusted_keys))

    @property
    def shows_page(self) -> bool:
        """Whether there is a page for people."""
        return self.page == "yes"

    @property
    def shows_health(self) -> bool:
        """Whether health and metrics are on the public port."""
        if self.public_health == "auto":
            return is_loopback(self.host)
        return self.public_health == "yes"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a `MULGAM_*` name is unknown, or a value is not one that it may have (beside the others).
    """
    known = {PREFIX + item.name.upper(): item for item in fields(Settings)}
    values: dict[str, Any] = {}
    for name, text in environment.items():
        if not name.startswith(PREFIX) or _INJECTED_NAME.fullmatch(name):
            continue
        if name.endswith("_PORT") and _INJECTED_VALUE.fullmatch(text):
            continue
        if name not in known:
            near = difflib.get_close_matches(
                name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in known], n=1
            )
            hint = f"; did you mean {PREFIX}{near[0]}?" if near else f"; known are {', '.join(sorted(known))}."
            raise SettingsError(f"{name} is no setting of Mulgam{hint}")
        values[known[name].name] = _parsed(name, text, known[name].default, known[name].metadata)
    settings = Settings(**values)
    if settings.precision != PRECISION and settings.backend != "onnxruntime":
        raise SettingsError(
            f"MULGAM_PRECISION is {settings.precision}, which the onnxruntime backend alone has; the backend is"
            f" {settings.backend}."
        )
    _check_hook(settings)
    return settings


def _check_hook(settings: Settings) -> None:
    place = settings.app_hook
    if place and not _PLACE.fullmatch(place):
        raise SettingsError(f"{APP_HOOK} is {place!r}; it must be module:function.")
    if place and settings.grpc_port:
        raise SettingsError(
            f"{APP_HOOK} is {place!r}, which sees requests over HTTP alone; unset it, or MULGAM_GRPC_PORT, which would"
            " let callers pass it by."
        )


def to_environment(settings: Settings) -> dict[str, str]:
    """The variables from which `from_environment` reads these settings again."""
    return {PREFIX + item.name.upper(): str(getattr(settings, item.name)) for item in fields(Settings)}


def described() -> list[tuple[str, str, str]]:
    """(variable, default, description) of every setting, for `--help` and the docs."""
    rows = []
    for item in fields(Settings):
        choices = item.metadata["choices"]
        suffix = f" ({' | '.join(choices)})" if choices else ""
        rows.append((PREFIX + item.name.upper(), str(item.default) or "none", item.metadata["description"] + suffix))
    return rows


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parsed(name: str, text: str, default: Any, rules: Mapping[str, Any]) -> Any:
    if isinstance(default, Path):
        if not text:
            raise SettingsError(f"{name} is empty; it must name a folder.")
        return Path(text)
    if isinstance(default, str):
        if rules["choices"] and text not in rules["choices"]:
            raise SettingsError(f"{name} is {text!r}; it must be one of {', '.join(rules['choices'])}.")
        return text
    kind = "a whole number" if isinstance(default, int) else "a number"
    wanted = f"{kind} from {rules['minimum']:g} to {rules['maximum']:g}"
    try:
        value = int(text) if isinstance(default, int) else float(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}; it must be {wanted}.") from None
    if not rules["minimum"] <= value <= rules["maximum"]:
        raise SettingsError(f"{name} is {text}; it must be {wanted}.")
    return value
