"""All checks, in the order in which what they look at is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from service.doctor import accelerator, configuration, libraries, machine, ports, registry, torchserve
from service.doctor.findings import Finding, failure
from service.doctor.situation import Situation

Check = Callable[[Situation], Iterator[Finding]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", libraries.check_python),
    ("libraries", libraries.check_libraries),
    ("settings", configuration.check),
    ("registry", registry.check),
    ("ports", ports.check),
    ("TMPDIR", machine.check_temporary),
    ("disk", machine.check_disk),
    ("memory", machine.check_memory),
    ("shared memory", machine.check_shared_memory),
    ("open files", machine.check_descriptors),
    ("clock", machine.check_clock),
    ("gpu", accelerator.check),
    ("torchserve", torchserve.check),
)


def checkup(situation: Situation, checks: tuple[tuple[str, Check], ...] = CHECKS) -> Iterator[Finding]:
    """What each check finds; one that breaks itself is a finding too."""
    for name, check in checks:
        try:
            yield from check(situation)
        except Exception as problem:  # a doctor who faints helps nobody
            kind = type(problem).__name__
            yield failure(name, f"it can't be examined: {problem} ({kind})", "Run `make -B setup`, then look again.")
