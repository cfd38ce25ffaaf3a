"""The contract between training and serving: signature, encoding, V2 tensors, registry, checksums.

numpy only, and none of the rooms (`model`, `handler`, `service`): all of them import this package.
"""

__version__ = "0.1.0"
