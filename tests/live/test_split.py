"""A gateway before two servers of one registry, as the component `split` has them: one is killed, a version is swapped,
and no caller notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from mulgam import serving as plan
from mulgam.registry import Registry
from tests.callers import calling, post
from tests.processes import Serving, call, predict, serving, wait_until

pytestmark = pytest.mark.live

ROW = [[10, 0, 0]]
KEY = "an-api-key-of-the-tests"


def asked(service: Serving, version: int) -> int:
    """The status of a prediction by a version's number."""
    body = b'{"instances": [[10, 0, 0]]}'
    headers = {"content_type": "application/json", "authorization": f"Bearer {KEY}"}
    return call(service.port, "POST", f"/predict/notes/versions/{version}", body, **headers).status


def predictions(service: Serving) -> float:
    """How many requests it has answered."""
    text = call(service.admin_port, "GET", "/metrics").body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("mulgam_requests_total{"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("backend", ["onnxruntime", pytest.param("torchserve", marks=pytest.mark.slow)])
def test_kill_and_swap(versions: Registry, tmp_path: Path, backend: str) -> None:
    """Every answer is 200, of one of the two versions; both servers share the load, before and after."""
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY}\n")
    far = {"backend": backend, "request_timeout": "3", "linger": "3", "api_keys_file": str(keys)}
    folders = [tmp_path / name for name in ("1", "2")]
    for folder in folders:
        folder.mkdir()
    with serving(versions.root, folders[0], **far) as one, serving(versions.root, folders[1], **far) as two:
        near = {
            "oip_url": f"http://127.0.0.1:{one.port},http://127.0.0.1:{two.port}",
            "oip_versions": "ours",
            "oip_key_file": str(keys),
        }
        with serving(versions.root, tmp_path, backend="oip", **near) as service:

            def answers(version: int) -> bool:
                reply = predict(service.port, "notes", ROW)
                return reply.status == 200 and bool(reply.json["version"] == version)

            request = post("/predict/notes", {"instances": ROW})
            with calling(lambda: [service.port], request, persistent=4, fresh=2, pause=0.005) as outcome:
                wait_until(lambda: min(predictions(one), predictions(two)) > 50, 30, "both are asked")
                plan.promote(versions, "notes", 2)
                wait_until(lambda: answers(2), 60, "the promoted version answers")
                before = predictions(two)
                one.kill()
                wait_until(lambda: predictions(two) > before + 100, 30, "the other is asked instead")
                again = Serving(versions.root, folders[0], port=str(one.port), admin_port=str(one.admin_port), **far)
                again.port, again.admin_port = one.port, one.admin_port
                try:
                    again.wait_ready()
                    wait_until(lambda: predictions(again) > 50, 30, "the one that is back is asked again")
                finally:
                    again.kill()
            assert not outcome.failed, outcome.failed[:3]
            assert {answer.json["version"] for answer in outcome.answers} == {1, 2}
            assert all(
                answer.json["predictions"] == pytest.approx([float(answer.json["version"])], abs=1e-5)
                for answer in outcome.answers
            )
            assert asked(two, 2) == 200
