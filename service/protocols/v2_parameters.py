"""What a V2 request says beside its tensors: its id and the parameters of the request, its inputs and outputs."""

from __future__ import annotations

from typing import Any

from mulgam.errors import InputError
from mulgam.wording import shown

# Bytes, as UTF-8.
MAX_ID = 1024
# As wide as gRPC's signed parameter.
MOST = 2**63 - 1
# Parameters that change what a request means on other servers: to ignore them would be to answer something else than
# what was asked, or to put the answer elsewhere than where the caller reads it.
RESERVED = {
    "sequence_": "sequences are not spoken here",
    "triton_": "triton_… is not spoken here",
    "shared_memory_": "shared memory is not spoken here, tensors come and go in the body",
}
_PREFIXES = tuple(RESERVED)


def checked_id(given: Any) -> str | None:
    """The request's id, which is echoed; raises InputError BAD_PARAMETER."""
    if given is not None and (not isinstance(given, str) or len(given.encode()) > MAX_ID):
        raise InputError("BAD_PARAMETER", f"id must be a string of at most {MAX_ID} bytes.", "id")
    return given


def checked_parameters(owner: dict[str, Any], where: str) -> dict[str, Any]:
    """The parameters of a request, an input or an output; raises InputError BAD_PARAMETER."""
    parameters = owner.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise InputError("BAD_PARAMETER", f"{where} must be an object.", where)
    for name in parameters:
        if name.startswith(_PREFIXES):
            why = next(why for prefix, why in RESERVED.items() if name.startswith(prefix))
            raise InputError("BAD_PARAMETER", f"{where} has {shown(name)}: {why}.", where)
    for name in ("binary_data", "binary_data_output"):
        if not isinstance(parameters.get(name, False), bool):
            raise InputError("BAD_PARAMETER", f"{where}.{name} must be true or false.", where)
    return parameters


def checked_timeout(parameters: dict[str, Any]) -> float | None:
    """The seconds that a request's parameters ask for (`timeout`: microseconds, 0 for none), and a `priority` checked.

    Raises:
        InputError: BAD_PARAMETER.
    """
    for name in ("timeout", "priority"):
        value = parameters.get(name, 0)
        if type(value) is not int or not 0 <= value <= MOST:
            unit = " of microseconds" if name == "timeout" else ""
            where = f"parameters.{name}"
            raise InputError("BAD_PARAMETER", f"{where} must be a whole number{unit} from 0 on.", where)
    return parameters.get("timeout", 0) / 1e6 or None
