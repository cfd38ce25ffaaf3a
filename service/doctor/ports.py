"""The ports that a service listens on: free, and if not, who has them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from service.doctor.findings import Finding, failure, ok
from service.doctor.situation import Situation

CHECK = "ports"
_LISTENING = "0A"


@dataclass(frozen=True)
class Holder:
    """A process that listens on a port."""

    process: int
    command: str

    @property
    def is_mulgam(self) -> bool:
        """Whether it is a service like the one that would be started."""
        return "-m service" in self.command or "-m mulgam serve" in self.command or "mulgam serve" in self.command


def check(situation: Situation) -> Iterator[Finding]:
    """Those of PORT, ADMIN_PORT and MULGAM_GRPC_PORT."""
    settings = situation.settings
    if settings is None:
        return
    wanted = [("PORT", settings.host, settings.port), ("ADMIN_PORT", settings.admin_host, settings.admin_port)]
    if settings.grpc_port:
        wanted.append(("MULGAM_GRPC_PORT", settings.host, settings.grpc_port))
    numbers = [port for _, _, port in wanted]
    if len(set(numbers)) < len(numbers):
        yield failure(CHECK, f"{', '.join(name for name, _, _ in wanted)} are not all different", "Give each its own.")
    for name, host, port in wanted:
        yield _one(name, host, port)


def holder(port: int) -> Holder | None:
    """The process that listens on a port; None where there is none, or none that may be seen."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    for folder in Path("/proc").glob("[0-9]*") if sockets else ():
        try:
            if any(os.readlink(link) in sockets for link in (folder / "fd").iterdir()):
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
                return Holder(int(folder.name), words)
        except OSError:  # it ended, or is another user's
            continue
    return None


def _one(name: str, host: str, port: int) -> Finding:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        return failure(CHECK, f"{host} is no address of this machine", "Set HOST to one that it has, or to 127.0.0.1.")
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except PermissionError:
            return failure(CHECK, f"{name} {port}: below 1024, for root alone", f"Choose another {name}.")
        except OSError as problem:
            found = holder(port)
            if found is None:
                who = problem.strerror or "it can't be listened on"
                return failure(CHECK, f"{name} {port} on {host}: {who}", f"Set HOST, or another {name}.")
            if found.is_mulgam:
                return ok(CHECK, f"{name} {port}: a Mulgam service has it (process {found.process})")
            return failure(
                CHECK, f"{name} {port} is taken by process {found.process}: {found.command[:80]}",
                f"End that process, or serve with {name}={port + 100 if port < 65000 else 8000}.",
            )  # fmt: skip
    return ok(CHECK, f"{name} {port} is free on {host}")


def _inodes(port: int) -> Iterator[str]:
    """The sockets that listen on a port, as Linux lists them (proc(5))."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
