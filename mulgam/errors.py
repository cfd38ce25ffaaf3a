"""Failures that a person can act on; the text of each is one sentence (what, where, what was expected).

MulgamError
├── InputError       a request's content: carries an error code and the field it is about
└── RegistryError    a file or folder of the registry
    └── TrustError   who signed it: a key that can't be read, an entry that no trusted key has signed
"""

from __future__ import annotations


class MulgamError(Exception):
    """Root of every error that is shown to a person as its one sentence, without a traceback."""


class InputError(MulgamError):
    """Something in a request is not what the signature asks for.

    Args:
        code: what kind of mistake, in capitals (`WRONG_TYPE`, `RAGGED`, …); the list is in `docs/http.md`.
        message: one sentence.
        field: where in the request, as a path such as `instances[3].rooms`.
    """

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str | None]]:
        # By itself an exception is pickled by its sentence alone, and a row's problem goes to other processes.
        return type(self), (self.code, str(self), self.field)


class RegistryError(MulgamError):
    """A registry entry is missing, incomplete, altered, or can't be written."""


class TrustError(RegistryError):
    """A key can't be read, or no trusted key has signed an entry."""
