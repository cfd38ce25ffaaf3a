"""Where each page stands in the site. A page that is missing here ends the build with a warning of Sphinx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

HOME = "docs/README"

# Heading -> pages, without their ending, in the order of reading.
NAVIGATION: Mapping[str, Sequence[str]] = {
    "Tutorial": ("README", "docs/tutorial", "docs/lecture-notes"),
    "How to": (
        "docs/how-to/own-data",
        "docs/how-to/tune",
        "docs/how-to/serve-faster",
        "docs/how-to/secure",
        "docs/how-to/deploy",
        "docs/how-to/monitor",
        "docs/how-to/wrong-prediction",
        "docs/how-to/leave-torchserve",
        "deploy/README",
    ),
    "Reference": (
        "docs/recipes",
        "docs/settings",
        "docs/http",
        "docs/client",
        "docs/registry",
        "docs/bulk",
        "docs/operations",
        "docs/torchserve",
    ),
    "Explanation": (
        "docs/explanation/preprocessing-in-the-graph",
        "docs/explanation/batching",
        "docs/explanation/drift",
        "docs/explanation/torchscript",
        "docs/explanation/versions-and-trust",
        "ARCHITECTURE",
        "docs/comparison",
        "docs/faq",
        "docs/glossary",
    ),
    "Benchmarks": ("docs/benchmarks", "docs/training-benchmarks"),
    "Project": ("CONTRIBUTING", "SECURITY", "CHANGELOG", "README.ko"),
}


def pages() -> list[str]:
    """Every page of the site."""
    return [HOME, *(page for section in NAVIGATION.values() for page in section)]


def toctrees() -> str:
    """The navigation in the words of MyST. It is added to the home page as the site is built, for on GitHub a reader
    would see it as a block of code."""
    blocks = []
    for heading, section in NAVIGATION.items():
        lines = ["```{toctree}", f":caption: {heading}", ":hidden:", "", *(f"/{page}" for page in section), "```"]
        blocks.append("\n".join(lines))
    return "\n\n" + "\n\n".join(blocks) + "\n"
