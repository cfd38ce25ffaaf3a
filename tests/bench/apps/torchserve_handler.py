"""A TorchServe handler as a user writes one: JSON rows in, predictions out, one run for the whole batch."""

import os

import torch


class RowsHandler:
    """Its file is packed alone into an archive: nothing of this repository is there."""

    def initialize(self, context):
        """Load the TorchScript file of the archive."""
        properties = context.system_properties
        path = os.path.join(properties["model_dir"], context.manifest["model"]["serializedFile"])
        self.model = torch.jit.load(path).eval()

    def handle(self, data, context):
        """One dict for each request in; one dict for each out."""
        requests = [item["body"]["instances"] for item in data]
        rows = torch.tensor([row for instances in requests for row in instances])
        with torch.inference_mode():
            output = self.model(rows).tolist()
        answers, start = [], 0
        for instances in requests:
            answers.append({"predictions": output[start : start + len(instances)]})
            start += len(instances)
        return answers
