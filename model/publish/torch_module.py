"""A PyTorch module of somebody else, from a TorchScript file or from `module:factory`, and what stands behind it."""

# No `from __future__ import annotations`: TorchScript can't read the attributes' types from strings.
import importlib
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from model.errors import PublishError
from model.publish.head import Head
from mulgam.signature import Feature, Signature
from mulgam.tensors import Arrays


class Steps(nn.Module):
    """The head behind a module's output; scriptable."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.flat, self.softmax, self.sigmoid, self.both = head.flat, head.softmax, head.sigmoid, head.both

    def forward(self, output: Tensor) -> Tensor:
        """The answer, float32."""
        answer = output.float()
        if self.flat:
            answer = answer.reshape(-1)
        if self.softmax:
            answer = torch.softmax(answer, dim=1)
        if self.sigmoid:
            answer = torch.sigmoid(answer)
        if self.both:
            answer = torch.stack([1.0 - answer, answer], dim=1)
        return answer


class OneInput(nn.Module):
    """A module of one tensor to one tensor with its head; scriptable where the module is."""

    def __init__(self, own: nn.Module, steps: Steps) -> None:
        super().__init__()
        self.own = own
        self.steps = steps

    def forward(self, first: Tensor) -> Tensor:
        """The answer."""
        answer: Tensor = self.steps(self.own(first))
        return answer


class SeveralInputs(nn.Module):
    """A module of several inputs or outputs with its head; traced, so that its branches must not depend on values."""

    def __init__(self, own: nn.Module, output: str | None, steps: Steps) -> None:
        super().__init__()
        self.own = own
        self.steps = steps
        self._output = output

    def forward(
        self, first: Tensor, second: Tensor | None = None, third: Tensor | None = None, fourth: Tensor | None = None
    ) -> Tensor:
        """The answer."""
        inputs = [one for one in (first, second, third, fourth) if one is not None]
        answer: Tensor = self.steps(_chosen(self.own(*inputs), self._output))
        return answer


MOST_INPUTS = 4


class TorchModel:
    """A module as it was brought.

    Args:
        own: in evaluation mode, on the CPU.
        name: what to call it in an error.
    """

    def __init__(self, own: nn.Module, name: str) -> None:
        self.own = own
        self.name = name

    def features(self) -> tuple[Feature, ...]:
        """Raises PublishError: a module does not tell its inputs."""
        raise PublishError(f"{self.name} does not tell the shapes of its inputs; say them by --signature.")

    def output(self, wanted: str | None) -> str | None:
        """Which output is the answer: a key or a place; None where the module gives one tensor."""
        return wanted

    def run(self, tensors: Arrays, signature: Signature, output: str | None) -> npt.NDArray[Any]:
        """The module's own output for encoded tensors of the signature; raises PublishError where it does not run."""
        try:
            with torch.no_grad():
                given = self.own(*(torch.from_numpy(tensors[tensor.name]) for tensor in signature.inputs))
        except Exception as problem:  # the module's own code
            rows = len(next(iter(tensors.values())))
            raise PublishError(f"{self.name} does not run on {rows} rows: {_last_line(problem)}.") from problem
        answer = _chosen(given, output)
        if not answer.is_floating_point():
            raise PublishError(f"{self.name} gives {str(answer.dtype).removeprefix('torch.')}; it must give floats.")
        return answer.float().numpy()

    def adapted(self, signature: Signature, output: str | None, head: Head) -> nn.Module:
        """The module as it is served: graph inputs one by one in the signature's order, one answer.

        Raises:
            PublishError: it has too many inputs.
        """
        if len(signature.inputs) > MOST_INPUTS:
            raise PublishError(f"{self.name} has {len(signature.inputs)} inputs; at most {MOST_INPUTS} are taken.")
        steps = Steps(head)
        if len(signature.inputs) == 1 and output is None:
            return OneInput(self.own, steps).eval()
        return SeveralInputs(self.own, output, steps).eval()


def from_file(path: Path) -> TorchModel:
    """A TorchScript file; nothing in it but TorchScript is run.

    Raises:
        PublishError: it is none: a pickle, a checkpoint, anything else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.partition("/")[2] for name in archive.namelist()]
    except OSError as problem:
        raise PublishError(f"{path} can't be read: {problem.strerror}.") from problem
    except zipfile.BadZipFile as problem:
        raise PublishError(
            f"{path} is no TorchScript file (torch.jit.save), and nothing else is unpickled."
        ) from problem
    if "constants.pkl" not in names:
        raise PublishError(
            f"{path} is a pickle of torch.save, which can run anybody's code when it is loaded; save the model by"
            " torch.jit.save or as ONNX, or name it as module:factory."
        )
    try:
        return TorchModel(torch.jit.load(str(path), map_location="cpu").eval(), str(path))  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as problem:
        raise PublishError(f"TorchScript can't load {path}: {_last_line(problem)}.") from problem


def from_factory(name: str, search: Path) -> TorchModel:
    """What `module:factory` gives: a module, a class of one, or a function that makes one.

    Args:
        name: both names.
        search: where Python looks for the module first.

    Raises:
        PublishError: it can't be imported, or is or makes no `torch.nn.Module`.
    """
    module_name, _, attribute = name.partition(":")
    sys.path.insert(0, str(search))
    try:
        found = getattr(importlib.import_module(module_name), attribute)
        made = found if isinstance(found, nn.Module) else found()
    except Exception as problem:  # somebody's own code, which may raise anything
        raise PublishError(f"{name} can't be used: {type(problem).__name__}: {_last_line(problem)}.") from problem
    finally:
        sys.path.remove(str(search))
    if not isinstance(made, nn.Module):
        raise PublishError(f"{name} makes {type(made).__name__}; it must be or make a torch.nn.Module.")
    return TorchModel(made.cpu().eval(), name)


def _chosen(given: Any, output: str | None) -> Tensor:
    """One tensor of what a module gave."""
    if isinstance(given, dict) and output is not None and output in given:
        given = given[output]
    elif isinstance(given, tuple | list) and output is not None and output.isdigit() and int(output) < len(given):
        given = given[int(output)]
    if not isinstance(given, Tensor):
        kinds = f"the keys {', '.join(map(str, given))}" if isinstance(given, dict) else type(given).__name__
        raise PublishError(f'The model gives {kinds} instead of one tensor; say output = "…" in the signature file.')
    return given


def _last_line(problem: Exception) -> str:
    """What an error says, in one line."""
    lines = [line.strip() for line in str(problem).strip().splitlines() if line.strip()]
    return (lines[-1] if lines else type(problem).__name__).rstrip(".")
