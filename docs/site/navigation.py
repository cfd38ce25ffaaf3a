"""Where each page stands in the site. A page that is missing here ends the build with a warning of Sphinx."""

from __future__ import annotations

from collections.abc import Mapping

HOME = "docs/README"

# Heading -> page, without its ending -> what it is called in the navigation; in the order of reading.
NAVIGATION: Mapping[str, Mapping[str, str]] = {
    "Learn": {
        "README": "The first minutes",
        "docs/tutorial": "Tutorial: your CSV, served and watched",
        "docs/lecture-notes": "From y = wx + b to a served model",
    },
    "How to": {
        "docs/how-to/own-data": "Use your own data",
        "docs/how-to/tune": "Tune",
        "docs/how-to/serve-faster": "Serve faster",
        "docs/how-to/secure": "Secure a service",
        "docs/how-to/deploy": "Deploy",
        "docs/how-to/monitor": "Monitor",
        "docs/how-to/wrong-prediction": "Debug a wrong prediction",
        "docs/how-to/leave-torchserve": "Move off TorchServe",
    },
    "Reference": {
        "docs/recipes": "Recipes",
        "docs/settings": "Settings",
        "docs/http": "HTTP and errors",
        "docs/client": "Clients",
        "docs/page": "The page",
        "docs/registry": "The registry",
        "docs/bulk": "Whole tables",
        "docs/operations": "Operations and metrics",
        "deploy/README": "Images, Kubernetes, GPU nodes",
        "docs/sizing": "Sizing",
        "docs/torchserve": "TorchServe",
    },
    "Explanation": {
        "docs/explanation/preprocessing-in-the-graph": "Preprocessing in the graph",
        "docs/explanation/batching": "Batching",
        "docs/explanation/where-the-time-goes": "Where the time goes",
        "docs/explanation/drift": "Drift",
        "docs/explanation/torchscript": "Why TorchScript still",
        "docs/explanation/versions-and-trust": "Versions and trust",
        "ARCHITECTURE": "Architecture",
        "docs/comparison": "Comparison with others",
        "docs/faq": "FAQ",
        "docs/glossary": "Glossary",
    },
    "Benchmarks": {
        "docs/benchmarks": "Serving",
        "docs/benchmarks-load": "Under load",
        "docs/training-benchmarks": "Training",
    },
    "Project": {
        "CONTRIBUTING": "Contributing",
        "SECURITY": "Security",
        "CHANGELOG": "Changelog",
        "README.ko": "한국어",
    },
}


def pages() -> list[str]:
    """Every page of the site."""
    return [HOME, *(page for section in NAVIGATION.values() for page in section)]


def toctrees() -> str:
    """The navigation in the words of MyST. It is added to the home page as the site is built, for on GitHub a reader
    would see it as a block of code."""
    blocks = []
    for heading, section in NAVIGATION.items():
        entries = [f"{title} </{page}>" for page, title in section.items()]
        blocks.append("\n".join(["```{toctree}", f":caption: {heading}", ":hidden:", "", *entries, "```"]))
    return "\n\n" + "\n\n".join(blocks) + "\n"
