"""`mulgam COMMAND …` (or `python -m mulgam`): one command over the rooms. It starts them by name and imports none."""

from __future__ import annotations

from mulgam import interruption

if __name__ == "__main__":
    interruption.end_quietly()  # until the command that is started takes Ctrl-C itself

import runpy
import sys

from mulgam import __version__, terminal

# Heading -> command -> (module that is run, its own words that go first, what it does)
GROUPS: dict[str, dict[str, tuple[str, tuple[str, ...], str]]] = {
    "training": {
        "train": ("model", (), "train recipes (or the default models) and publish them in the registry"),
        "tune": ("model.tuning", (), "look for better values of a recipe's keys"),
        "publish": ("model.publish", (), "publish a model that was trained elsewhere: ONNX, TorchScript or your code"),
    },
    "serving": {
        "serve": ("service", (), "serve the registry over HTTP"),
        "predict": ("service.bulk", (), "score a whole CSV, TSV or NDJSON file with a model of the registry"),
        "doctor": ("service.doctor", (), "examine this machine: what hinders a service, and what to do"),
    },
    "versions": {
        "promote": ("mulgam.promotion", ("promote",), "serve another version of a model, without a restart"),
        "rollback": ("mulgam.promotion", ("rollback",), "serve the version that was served before"),
        "canary": ("mulgam.promotion", ("canary",), "give a share of the requests to another version"),
        "shadow": ("mulgam.promotion", ("shadow",), "let another version compute the requests as well, unanswered"),
        "keygen": ("mulgam.signing", ("keygen",), "make a pair of keys, to sign versions with"),
        "sign": ("mulgam.signing", ("sign",), "sign a version, so that a service can tell who published it"),
        "prune": ("mulgam.pruning", (), "remove old versions, never one that is served"),
        "export": ("mulgam.export", (), "write versions for TorchServe (archives), Triton or KServe"),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


def main(arguments: list[str]) -> int:
    """Run a command; 2 where there is none of that name."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage(terminal.is_coloured(sys.stdout)))
        return 0 if arguments else 2
    name, *rest = arguments
    if name in ("-V", "--version"):
        print(f"mulgam {__version__}")
        return 0
    if name not in COMMANDS:
        near = terminal.nearest(name, COMMANDS)
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(COMMANDS)}."
        print(f"mulgam: there is no command {name!r}; {hint}", file=sys.stderr)
        return 2
    module, first, _ = COMMANDS[name]
    sys.argv = [f"mulgam {name}", *first, *rest]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:
        print(f"\nmulgam {name}: interrupted.", file=sys.stderr)
        return interruption.INTERRUPTED
    return 0


def usage(coloured: bool) -> str:
    """The commands in their groups."""

    def heading(text: str) -> str:
        return terminal.painted(text, "bold", coloured)

    lines = [f"{heading('usage:')} mulgam COMMAND [--help]", "", "From a table to a PyTorch prediction service."]
    for group, commands in GROUPS.items():
        lines += ["", heading(f"{group}:")]
        lines += [
            f"  {terminal.painted(f'{name:9}', 'green', coloured)} {text}" for name, (_, _, text) in commands.items()
        ]
    lines += ["", "`mulgam COMMAND --help` says more, with examples. Settings of a service: docs/settings.md"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
