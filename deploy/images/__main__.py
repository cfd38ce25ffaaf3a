"""`python3 -m deploy.images`: build the images with docker, podman or buildah, whichever works here (`make images`).

Standard library only: it runs on whatever Python the machine has.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
VERSION = "0.1.0"
IMAGES = ("gateway", "server", "trainer")
# An image with models inside -> the one that it is made of; built only where they are named.
BAKED = {"baked": "server", "baked-gateway": "gateway"}
# Only docker's format has a place for HEALTHCHECK.
ENGINES = {
    "docker": ("build",),
    "podman": ("build", "--format", "docker"),
    "buildah": ("build", "--format", "docker"),
}


def unusable(engine: str) -> str | None:
    """Why an engine can't build here; None where it can. A client without its daemon is none."""
    if shutil.which(engine) is None:
        return f"{engine} is not installed"
    try:
        asked = subprocess.run([engine, "info"], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return f"{engine} info does not end"
    # docker's client ends with 0 where only the daemon is missing.
    missing = asked.returncode != 0 or "Cannot connect" in asked.stderr + asked.stdout
    return f"{engine} is installed, but does not work: {_last(asked.stderr or asked.stdout)}" if missing else None


def command(
    engine: str, image: str, device: str, options: Sequence[str] = (), context: Path = ROOT, **arguments: str
) -> list[str]:
    """What builds an image; empty arguments are left to the Dockerfile's defaults."""
    part = BAKED.get(image, image)
    # The gateway has one build; a GPU needs the server.
    gpu = device == "gpu" and part != "gateway"
    tag = f"{VERSION}{'-cuda' if gpu else ''}"
    given = {"VERSION": VERSION, **arguments}
    if image in BAKED:
        given = {**given, "BASE": given.get("BASE") or f"mulgam-{part}:{tag}"}
    elif part != "gateway":
        given["DEVICE"] = "gpu" if gpu else "cpu"
    if part == "gateway" or image in BAKED:
        given.pop("TORCH_INDEX", None)
    return [
        engine, *ENGINES[engine], *options,
        *(word for name, value in given.items() if value for word in ("--build-arg", f"{name}={value}")),
        "--file", str(FOLDER / f"{'baked' if image in BAKED else image}.Dockerfile"),
        "--tag", f"mulgam-{image}:{tag}",
        str(context),
    ]  # fmt: skip


def main() -> int:
    """0 when all are built; 1 with a sentence where none can be, or one fails."""
    given = _arguments()
    problems = []
    for engine in [given.engine] if given.engine else ENGINES:
        problem = unusable(engine)
        if problem is None:
            break
        problems.append(problem)
    else:
        print(f"images: nothing here builds images: {'; '.join(problems)}.", file=sys.stderr)
        return 1
    print(f"images: by {engine}", flush=True)
    arguments = {"REVISION": _revision(), "BASE": given.base, "TORCH_INDEX": given.torch_index}
    for image in given.only.split() or IMAGES:
        context = Path(given.registry).resolve() if image in BAKED else ROOT
        words = command(engine, image, given.device, shlex.split(given.options), context, **arguments)
        if subprocess.run(words, check=False).returncode != 0:
            print(f"images: {engine} could not build {image}; its message stands above.", file=sys.stderr)
            return 1
        print(f"images: {words[-2]}", flush=True)
    return 0


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].rstrip(".?") if lines else "it said nothing"


def _revision() -> str:
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 - git is wherever it is
    return asked.stdout.strip()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.images", description=__doc__)
    parser.add_argument(
        "--only", default="", help=f"names of {', '.join((*IMAGES, *BAKED))}, with spaces (default: the first three)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help="gpu: builds with CUDA")
    parser.add_argument("--engine", choices=[*ENGINES], help="default: the first that works")
    parser.add_argument("--base", default="", help="another base image than the Dockerfiles'")
    parser.add_argument("--torch-index", default="", help="package index with CPU builds of torch")
    parser.add_argument("--registry", default="registry", help=f"what goes into {' and '.join(BAKED)} (registry)")
    parser.add_argument("--options", default="", help="further words for the engine, as one string")
    given = parser.parse_args()
    unknown = set(given.only.split()) - {*IMAGES, *BAKED}
    if unknown:
        parser.error(f"there is no image {', '.join(sorted(unknown))}; there are {', '.join((*IMAGES, *BAKED))}")
    return given


if __name__ == "__main__":
    sys.exit(main())
