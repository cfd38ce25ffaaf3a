"""Entry file of archives served by TorchScript; TorchServe imports it as a top-level module."""

from handler.runtime_torchscript import TorchScriptRuntime
from handler.worker import Worker


class TorchScriptWorker(Worker):
    """The one class that TorchServe looks for in this file."""

    open_runtime = TorchScriptRuntime
