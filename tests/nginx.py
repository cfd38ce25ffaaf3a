"""A real nginx (Debian's package) for tests: started on a configuration, ended with the block."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.processes import wait_until

IS_INSTALLED = shutil.which("nginx") is not None

_MAIN = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 256; }}
http {{
access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{http}
}}
"""


@contextlib.contextmanager
def running(folder: Path, http: str, port: int) -> Iterator[None]:
    """nginx with this inside of `http { … }`, which listens on a port of 127.0.0.1.

    Raises:
        AssertionError: `nginx -t` refuses the configuration, or it does not listen.
    """
    configuration = folder / "nginx.conf"
    # Started by root it would look at files here as another user, who may not enter the folders above.
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(user + _MAIN.format(folder=folder, http=http))
    command = ["nginx", "-e", str(folder / "nginx.log"), "-p", str(folder), "-c", str(configuration)]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: _listens(port), 10, "nginx listens")
        yield
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
