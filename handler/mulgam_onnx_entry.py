"""Entry file of archives served by ONNX Runtime; TorchServe imports it as a top-level module."""

from handler.runtime_onnx import OnnxRuntime
from handler.worker import Worker


class OnnxWorker(Worker):
    """The one class that TorchServe looks for in this file."""

    open_runtime = OnnxRuntime
