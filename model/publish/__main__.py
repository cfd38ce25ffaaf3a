"""`python -m model.publish MODEL... --name NAME`: a model that was trained elsewhere becomes a version."""

from __future__ import annotations

from mulgam import interruption

if __name__ == "__main__":
    interruption.end_quietly()  # what follows imports torch

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from model.errors import PublishError
from model.publish.bringing import Brought, bring
from model.release import predecessor
from mulgam.errors import MulgamError
from mulgam.registry import MODEL_NAME, Registry, opened
from mulgam.terminal import Parser

_NOTES = """\
MODEL is model.onnx (one file, free batch), model.pt (TorchScript, torch.jit.save), both of one model, or
module:factory (your own code, run here to export both forms). The signature file names what callers send:

  [[features]]                 # one for each column, in order
  name = "area"
  minimum = 9                  # the range seen in training: golden requests are drawn from it
  maximum = 70
  [target]
  name = "price"               # classes = ["no", "yes"] for a classifier; then scores = "logits" adds the softmax

Without it an ONNX file is served with its own named tensors. Every key: docs/registry.md
exit status: 0 published, 1 refused (nothing published), 2 wrong usage, 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    interruption.raise_again()
    given = _parser().parse_args(arguments)
    try:
        _publish(_brought(given), opened(given.registry, given.sign_with), promote=given.promote)
    except MulgamError as problem:
        print(f"mulgam publish: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmulgam publish: interrupted; nothing was published.", file=sys.stderr)
        return interruption.INTERRUPTED
    return 0


def _publish(brought: Brought, registry: Registry, *, promote: bool) -> None:
    """Publish, and say which version is served from now on."""
    before = predecessor.beside_unscored(registry, brought.name)
    entry = bring(brought, registry)
    print(f"published {entry.path} ({' and '.join(entry.runtimes)}), digest {entry.digest[:12]}")
    if before is not None:
        print(f"  {before}")
    print(f"  {predecessor.settle(registry, entry, before, promote=promote)}")


def _brought(given: argparse.Namespace) -> Brought:
    if not MODEL_NAME.fullmatch(given.name):
        raise PublishError(f"{given.name!r} is no model name: letters, digits, '-' and '_', at most 63.")
    onnx = [Path(name) for name in given.models if name.endswith(".onnx")]
    factories = [name for name in given.models if ":" in name and not Path(name).exists()]
    scripts = [Path(name) for name in given.models if Path(name) not in onnx and name not in factories]
    if len(onnx) > 1 or len(scripts) > 1 or (factories and len(given.models) > 1):
        raise PublishError(
            "One model is published at a time: an ONNX file, a TorchScript file, both, or module:factory."
        )
    return Brought(
        given.name, onnx[0] if onnx else None, scripts[0] if scripts else None, factories[0] if factories else None,
        given.python_path, given.signature, tuple(given.golden), given.tolerance,
    )  # fmt: skip


def _parser() -> Parser:
    parser = Parser(
        "mulgam publish",
        "Verify a model that was trained elsewhere and publish it into the registry.",
        [
            ("mulgam publish model.onnx --name mine", "with its own named tensors"),
            ("mulgam publish model.pt --name mine --signature mine.toml", "with columns"),
            ("mulgam publish nets:make --name mine --signature mine.toml", "your own code"),
        ],
        _NOTES,
    )
    parser.add_argument("models", nargs="+", metavar="MODEL", help="model.onnx, model.pt or module:factory")
    parser.add_argument("--name", required=True, help="of the model in the registry")
    parser.add_argument("--signature", type=Path, metavar="FILE", help="what callers send, TOML or JSON")
    parser.add_argument(
        "--golden", type=Path, nargs="+", default=[], metavar="ROWS",
        help="rows to try it with and to keep as golden requests, CSV or JSON (none: drawn from the signature)",
    )  # fmt: skip
    parser.add_argument("--python-path", type=Path, default=Path(), metavar="DIR", help="where module:factory is")
    parser.add_argument(
        "--tolerance", type=_tolerance, default=1e-5, metavar="X",
        help="how far answers may differ: X × max(|answer|, their deviation)",
    )  # fmt: skip
    parser.add_argument(
        "--promote", action="store_true", help="make it the default, though the version that is served has scores"
    )
    parser.add_registry("where to publish")
    parser.add_signing()
    return parser


def _tolerance(text: str) -> float:
    value = float(text)
    if not 0 < value <= 0.1:
        raise argparse.ArgumentTypeError("must be above 0 and at most 0.1")
    return value


if __name__ == "__main__":
    sys.exit(main())
