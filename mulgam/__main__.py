"""`python -m mulgam COMMAND …`: one command over the rooms. It starts them by name and imports none."""

from __future__ import annotations

import runpy
import sys

# command -> (module that is run, its own words that go first, what it does)
COMMANDS = {
    "train": ("model", (), "train recipes (or the default models) and publish them in the registry"),
    "tune": ("model.tuning", (), "look for better values of a recipe's keys"),
    "publish": ("model.publish", (), "publish a model that was trained elsewhere: ONNX, TorchScript or your own code"),
    "serve": ("service", (), "serve the registry over HTTP"),
    "predict": ("service.bulk", (), "score a whole CSV, TSV or NDJSON file with a model of the registry"),
    "promote": ("mulgam.promotion", ("promote",), "serve another version of a model, without a restart"),
    "rollback": ("mulgam.promotion", ("rollback",), "serve the version that was served before"),
    "canary": ("mulgam.promotion", ("canary",), "give a share of the requests to another version"),
    "shadow": ("mulgam.promotion", ("shadow",), "let another version compute the requests as well, unanswered"),
    "prune": ("mulgam.pruning", (), "remove old versions, never one that is served"),
    "doctor": ("service.doctor", (), "examine this machine: what hinders a service, and what to do"),
    "export": ("mulgam.export", (), "write versions for TorchServe (archives), Triton or KServe"),
}


def main(arguments: list[str]) -> int:
    """Run a command; 2 where there is none of that name."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_usage())
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"mulgam: there is no command {name!r}; there are {', '.join(COMMANDS)}.", file=sys.stderr)
        return 2
    module, first, _ = COMMANDS[name]
    sys.argv = [f"mulgam {name}", *first, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


def _usage() -> str:
    lines = [f"  {name:8} {text}" for name, (_, _, text) in COMMANDS.items()]
    return "\n".join(["usage: python -m mulgam COMMAND [--help]", "", *lines])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
