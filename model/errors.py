"""Why a training run can end without publishing; the text of each is one sentence.

MulgamError
├── RecipeError      the recipe: unknown key, wrong type, value out of bounds
├── DataError        the table: carries no state, its sentence names file, row, column and value
├── DivergedError    the loss is no longer a finite number
├── ExportError      the module can't be written in both formats with a free batch size
└── ParityError      the exported models do not answer as the trained one does
"""

from __future__ import annotations

from mulgam.errors import MulgamError


class RecipeError(MulgamError):
    """A recipe that can't be read or that asks for something unknown."""


class DataError(MulgamError):
    """A table that can't be read or that can't be learnt from."""


class DivergedError(MulgamError):
    """Training left the finite numbers."""


class ExportError(MulgamError):
    """A module that can't be exported to TorchScript and ONNX with a free batch size."""


class ParityError(MulgamError):
    """Two forms of one model that answer differently."""
