"""A service that asks who signed: unsigned versions are refused while it runs, and without keys it does not start."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mulgam import minisign, serving, trust
from mulgam.registry import Registry
from tests.processes import Serving, call, predict, wait_until
from tests.processes import serving as running

pytestmark = [pytest.mark.live, pytest.mark.beside]


@pytest.fixture
def signed(two_versions: Registry, tmp_path: Path) -> Registry:
    """`notes` 1 and `shapes` 1 are signed, `notes` 2 is not; the key is in `keys`."""
    root = Path(shutil.copytree(two_versions.root, tmp_path / "registry"))
    key = minisign.generate()
    for model in ("notes", "shapes"):
        trust.sign(root / model / "1", model, 1, two_versions.entry(model, 1).digest, key)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "release.pub").write_text(key.public.text())
    (tmp_path / "release.key").write_text(key.text())
    (tmp_path / "release.key").chmod(0o600)
    return Registry(root)


@pytest.mark.parametrize("backend", ["onnxruntime", pytest.param("torchserve", marks=pytest.mark.slow)])
def test_an_unsigned_version_is_refused_and_the_old_one_serves_on(
    signed: Registry, tmp_path: Path, backend: str
) -> None:
    """At the start it is passed over; then it is refused by whatever road it comes, until somebody trusted signs it."""
    with running(signed.root, tmp_path, backend=backend, trusted_keys=str(tmp_path / "keys")) as service:
        assert version(service) == 1
        serving.write(signed, serving.Plan(1, {"notes": serving.Choice(2)}))

        def told() -> bool:
            reply = service.readyz()
            return reply is not None and any("is not signed" in why for why in reply.json["refused"].values())

        wait_until(told, 20, "the refusal is told")
        assert version(service) == 1
        load = call(service.admin_port, "POST", "/v2/repository/models/notes/load", b'{"parameters": {"version": 2}}')
        assert load.status == 400, load.body
        assert version(service) == 1
        key = trust.signing_key(tmp_path / "release.key")
        trust.sign(signed.root / "notes" / "2", "notes", 2, signed.entry("notes", 2).digest, key)
        serving.write(signed, serving.Plan(2, {"notes": serving.Choice(2)}))
        wait_until(lambda: version(service) == 2, 30, "the signed version answers")


def version(service: Serving) -> int:
    """Which version answers."""
    reply = predict(service.port, "notes", [[10, 0, 0]])
    assert reply.status == 200, reply.body
    answered: int = reply.json["version"]
    return answered


def test_without_its_keys_a_service_does_not_start(signed: Registry, tmp_path: Path) -> None:
    """Status 1 and one sentence; as where nothing is signed by them."""
    (tmp_path / "empty").mkdir()
    service = Serving(signed.root, tmp_path, backend="onnxruntime", trusted_keys=str(tmp_path / "empty"))
    assert service.process.wait(30) == 1
    assert f"mulgam serve: The folder of trusted keys {tmp_path / 'empty'} holds no file *.pub." in service.output()
    assert "Traceback" not in service.output()
