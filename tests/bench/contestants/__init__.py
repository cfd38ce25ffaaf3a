"""Who is compared, in the order of the tables: the road that most users take first."""

from __future__ import annotations

from tests.bench.contestants.bare import Bare
from tests.bench.contestants.base import Contestant
from tests.bench.contestants.fastapi_uvicorn import FastApiUvicorn
from tests.bench.contestants.flask_gunicorn import FlaskGunicorn
from tests.bench.contestants.mulgam import MulgamEmbedded, MulgamTorchServe
from tests.bench.contestants.onnxruntime_alone import OnnxRuntimeAlone
from tests.bench.contestants.torchserve_alone import TorchServe1, TorchServe32, TorchServe64
from tests.bench.errors import BenchError

ALL: tuple[Contestant, ...] = (
    MulgamTorchServe(), TorchServe1(), TorchServe32(), TorchServe64(), MulgamEmbedded(), FastApiUvicorn(),
    FlaskGunicorn(), Bare(), OnnxRuntimeAlone(),
)  # fmt: skip


def chosen(names: str) -> tuple[Contestant, ...]:
    """The contestants of a list with commas, all for an empty one; raises BenchError for a name that is none's."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {one.name: one for one in ALL}
    for name in wanted:
        if name not in known:
            raise BenchError(f"{name!r} is no contestant; there are {', '.join(known)}.")
    return tuple(one for one in ALL if one.name in wanted) if wanted else ALL
