"""`mulgam doctor`: examine this machine; what is wrong, and what to do about it."""

from __future__ import annotations

from mulgam import interruption

if __name__ == "__main__":
    interruption.end_quietly()

import sys
from collections.abc import Sequence

from mulgam.terminal import Parser, is_coloured, stop_printing
from service.doctor import printing
from service.doctor.checkup import checkup
from service.doctor.findings import FAILURE
from service.doctor.situation import present

_NOTES = """\
It examines what `make serve` would start here: the settings are its variables MULGAM_*. Nothing is changed; TorchServe
is started once, without a model, and ended.
exit status: 0 nothing hinders a start (there may be warnings), 1 something does, 2 wrong usage
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine and tell; 1 where something hinders a start."""
    interruption.raise_again()
    given = _parser().parse_args(arguments)
    findings = []
    for finding in checkup(present()):
        findings.append(finding)
        if not given.json:
            print(printing.line(finding, is_coloured(sys.stdout)), flush=True)
    print(printing.document(findings) if given.json else f"\n{printing.summary(findings)}")
    return 1 if any(finding.verdict == FAILURE for finding in findings) else 0


def _parser() -> Parser:
    examples = [
        ("mulgam doctor", ""),
        ("MULGAM_BACKEND=onnxruntime mulgam doctor", "without Java"),
        ("mulgam doctor --json", "for a program"),
    ]
    parser = Parser("mulgam doctor", "Examine this machine: what hinders a service, and what to do.", examples, _NOTES)
    parser.add_argument("--json", action="store_true", help="write one JSON object instead of lines")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        stop_printing()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(interruption.INTERRUPTED)
