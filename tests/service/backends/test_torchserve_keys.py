"""TorchServe's keys: sent where there are any, read again when TorchServe was started anew."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np

from service.backends.prediction import predict
from service.backends.torchserve import TorchServeBackend
from service.backends.torchserve_keys import TorchServeKeys, is_refusal
from service.versions.served import Catalogue
from tests.service.fake_server import http, serving
from tests.service.test_backend_torchserve import NUMERIC, answer

REFUSAL = b'{"code": 400, "type": "InvalidKeyException", "message": "Token Authorization failed."}'


def write(folder: Path, key: str) -> None:
    """What TorchServe writes at its start."""
    keys = {"management": {"key": f"m-{key}"}, "inference": {"key": f"i-{key}"}, "API": {"key": "x"}}
    (folder / "key_file.json").write_text(json.dumps(keys))


def test_each_interface_has_its_key(tmp_path: Path) -> None:
    """And none before TorchServe has written them, or while it is writing."""
    keys = TorchServeKeys(tmp_path, "inference")
    assert keys.headers() == {}
    (tmp_path / "key_file.json").write_text('{"manag')
    assert keys.headers() == {}
    write(tmp_path, "1")
    assert keys.headers() == {"Authorization": "Bearer i-1"}
    assert TorchServeKeys(tmp_path, "management").headers() == {"Authorization": "Bearer m-1"}


def test_only_a_refused_key_is_a_refusal() -> None:
    """Another 400 is not, nor is another status."""
    assert is_refusal(400, REFUSAL)
    assert not is_refusal(400, b'{"code": 400, "type": "BadRequestException"}')
    assert not is_refusal(503, REFUSAL)


def test_a_new_key_is_taken_without_a_failed_prediction(tmp_path: Path, catalogue: Catalogue) -> None:
    """TorchServe was started anew: the old key is refused once, the new one is read, the caller gets the answer."""
    good = answer(np.float32([5.3]), catalogue.find("notes").digest)
    write(tmp_path, "old")

    async def session() -> list[float]:
        def script(number: int, request: bytes) -> bytes:
            return good if b"Authorization: Bearer i-new" in request else http(400, REFUSAL)

        async with serving(tmp_path / "s", script):
            backend = TorchServeBackend(str(tmp_path / "s"))
            assert backend._keys.headers() == {"Authorization": "Bearer i-old"}
            write(tmp_path, "new")
            try:
                return (await predict(catalogue.find("notes"), {"numeric": NUMERIC}, backend, 5)).tolist()
            finally:
                await backend.close()

    assert [round(price, 4) for price in asyncio.run(session())] == [5.3]
