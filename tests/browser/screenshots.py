"""`python -m tests.browser.screenshots`: the pictures of the page in docs/images, made anew from the default models."""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from model.__main__ import main as train
from model.data.house_price import generate
from tests.browser import digits
from tests.browser.chromium import Absent, Visit, running
from tests.processes import ROOT, predict, serving

FOLDER = ROOT / "docs" / "images"
MOST_BYTES = 150_000
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


def _still(page: Any) -> None:
    """As the page opens."""
    page.locator(".curve .slope", has_text="per").nth(2).wait_for()
    for key in ("ArrowRight", "ArrowLeft"):  # the first answer of all has the connection to make
        page.get_by_label("area, slider").press(key)
        page.wait_for_timeout(300)
    page.locator("h1").click()


def _digit(page: Any) -> None:
    digits.draw(page, digits.STROKES["3"], scale=0.8, left=0.08, top=0.1)
    page.wait_for_function("() => document.querySelector('#value').textContent === '3'")
    page.locator("h1").click()
    if page.viewport_size == PHONE:
        page.locator("section.try").evaluate("one => scrollTo(0, one.offsetTop)")


def _table(page: Any) -> None:
    table = "id,area,rooms,distance\na,24,2,0.4\nb,32,3,0.3\nc,forty,3,0.5\nd,61.5,5,1.2\n"
    page.locator("#csv").fill(table)
    page.get_by_role("button", name="Score").click()
    page.locator(".result td").first.wait_for()
    page.locator("section.table").evaluate("one => scrollTo(0, one.offsetTop - 20)")


def _live(page: Any) -> None:
    # Twice a look apart: then there is a line.
    page.wait_for_timeout(9000)
    page.locator("section.live").evaluate("one => scrollTo(0, one.offsetTop - 460)")


# Name -> model, options of the browser's context, what is done before the picture.
PICTURES: dict[str, tuple[str, dict[str, Any], Callable[[Any], None]]] = {
    "page": ("house-price", {"viewport": {"width": 1280, "height": 1080}}, _still),
    "page-digits-dark": ("digits", {"viewport": DESKTOP, "color_scheme": "dark"}, _digit),
    "page-table": ("house-price", {"viewport": DESKTOP}, _table),
    "page-live": ("house-price", {"viewport": DESKTOP}, _live),
    "page-phone-korean": (
        "digits", {"viewport": PHONE, "locale": "ko-KR", "is_mobile": True, "has_touch": True}, _digit,
    ),
}  # fmt: skip


def main() -> int:
    """Make every picture; 1 where there is no browser, or none that can draw them all."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("--registry", type=Path, help="with both default models (default: they are trained)")
    given = parser.parse_args()
    if not _has_hangul():
        print("screenshots: no font here has Korean letters (Debian: fonts-noto-cjk).", file=sys.stderr)
        return 1
    try:
        with running() as browser, tempfile.TemporaryDirectory() as folder:
            registry = given.registry or Path(folder) / "registry"
            if given.registry is None and train(["--registry", str(registry), "--runs", f"{folder}/runs"]) != 0:
                return 1
            with serving(registry, Path(folder), backend="onnxruntime", drain_delay="0") as service:
                for row in generate(600, seed=1).numeric.tolist():  # houses as in training, but farther out
                    predict(service.port, "house-price", [[row[0], row[1], 1.3 * row[2]]])
                for name in PICTURES:
                    _make(name, browser, f"http://127.0.0.1:{service.port}")
    except Absent as reason:
        print(f"screenshots: {reason}.", file=sys.stderr)
        return 1
    return 0


def _has_hangul() -> bool:
    """Whether Korean is drawn as letters and not as boxes, as far as that can be known."""
    lister = shutil.which("fc-list")
    return lister is None or bool(subprocess.run([lister, ":lang=ko"], capture_output=True, check=True).stdout)


def _make(name: str, browser: Any, base: str) -> None:
    model, options, act = PICTURES[name]
    one = Visit(browser, base, reduced_motion="reduce", **options)
    page = one.open(model)
    act(page)
    page.wait_for_timeout(300)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    one.close()
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.png"
    picture.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        picture.quantize(dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
