"""Runs inside TorchServe: serves one archive by TorchScript or ONNX Runtime."""
