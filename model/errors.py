"""Why a training run can end without publishing; the text of each is one sentence.

MulgamError
└── ModelError           any of these, or a run's folder that can't be written
    ├── RecipeError      the recipe: unknown key, wrong type, value out of bounds
    ├── DataError        the table: its sentence names file, row, column and value
    ├── DivergedError    the loss is no longer a finite number
    ├── ResumeError      an interrupted run can't be gone on with
    ├── ExportError      the module can't be written in both formats with a free batch size
    ├── ParityError      the exported models do not answer as the trained one does
    └── PublishError     a model that was brought along: not what its signature says, or not fit to be served
"""

from __future__ import annotations

from mulgam.errors import MulgamError


class ModelError(MulgamError):
    """Root of what can end a training run."""


class RecipeError(ModelError):
    """A recipe that can't be read or that asks for something unknown."""


class DataError(ModelError):
    """A table that can't be read or that can't be learnt from."""


class DivergedError(ModelError):
    """Training left the finite numbers."""


class ResumeError(ModelError):
    """A run that can't be resumed: of another recipe or table, or going on elsewhere."""


class ExportError(ModelError):
    """A module that can't be exported to TorchScript and ONNX with a free batch size."""


class ParityError(ModelError):
    """Two forms of one model that answer differently."""


class PublishError(ModelError):
    """A model of somebody else that can't be published."""
