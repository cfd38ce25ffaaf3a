"""`python -m service.rpc.generate`: make `open_inference_pb2.py` from `open_inference.proto`.

Needs grpcio-tools (`pip install grpcio-tools==1.85.1`), which nothing else does: the result is in the repository.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PROTO = FOLDER / "open_inference.proto"
# The published names live in a pool of their own: a process may hold other people's declarations of them too.
_SHARED, _OWN = "_descriptor_pool.Default()", "_descriptor_pool.DescriptorPool()"


def main() -> None:
    """Call protoc, then give the result its own pool."""
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{FOLDER}",
        f"--python_out={FOLDER}",
        f"--pyi_out={FOLDER}",
    ]
    subprocess.run([*command, str(PROTO)], check=True)
    generated = FOLDER / "open_inference_pb2.py"
    source = generated.read_text(encoding="utf-8")
    if source.count(_SHARED) != 1:
        raise SystemExit(f"{generated.name} is not as expected: it must name {_SHARED} once.")
    generated.write_text(source.replace(_SHARED, _OWN), encoding="utf-8")


if __name__ == "__main__":
    main()
