"""How the page looks: light and dark, on a phone, in Korean, to assistive technology; and how much it loads."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser import digits
from tests.browser.conftest import Open
from tests.processes import Serving, call

pytestmark = [pytest.mark.slow, pytest.mark.live, pytest.mark.beside, pytest.mark.timeout(300)]

MODELS = ("house-price", "digits", "mixed", "doubled")
MOST_BYTES = 150_000


def brightness(page: Any, selector: str, what: str) -> float:
    """Of a computed colour, 0 to 255."""
    colour = page.locator(selector).evaluate("(one, what) => getComputedStyle(one)[what]", what)
    canvas = "colour => { const one = document.createElement('canvas').getContext('2d', { willReadFrequently: true });"
    canvas += " one.fillStyle = colour; one.fillRect(0, 0, 1, 1); return [...one.getImageData(0, 0, 1, 1).data]; }"
    return sum(page.evaluate(canvas, colour)[:3]) / 3


def worked(page: Any, model: str) -> None:
    """Fill every part of the page with something."""
    if model == "digits":
        digits.draw(page, digits.STROKES["3"])
        page.wait_for_function("() => document.querySelector('#value').textContent === '3'")
    if model in ("house-price", "mixed"):
        page.get_by_role("button", name="Fill in a sample").click()
        page.get_by_role("button", name="Score").click()
        page.locator(".result td").first.wait_for()
    page.locator(".tile dd").first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_system_says_light_or_dark(visit: Open, scheme: Any) -> None:
    """And a person may say otherwise, for the next time too."""
    one = visit(color_scheme=scheme)
    page = one.open("house-price")
    assert (brightness(page, "body", "backgroundColor") > 128) == (scheme == "light")
    assert (brightness(page, "body", "color") > 128) == (scheme == "dark")
    other = "Dark" if scheme == "light" else "Light"
    while other not in page.locator("#theme").inner_text():
        page.locator("#theme").click()
    assert (brightness(page, "body", "backgroundColor") > 128) == (scheme == "dark")
    page.reload()
    page.locator(".model").wait_for()
    assert (brightness(page, "body", "backgroundColor") > 128) == (scheme == "dark")


def test_a_drawing_changes_its_colour_with_the_theme(visit: Open) -> None:
    """Ink is dark on paper, and light on the dark."""
    page = visit(color_scheme="light").open("digits")
    digits.draw(page, digits.STROKES["1"])
    ink = "one => { const size = one.width; const data = one.getContext('2d').getImageData(0, 0, size, size).data;"
    ink += " let sum = 0, count = 0; for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 250)"
    ink += " { sum += data[at]; count++; } return sum / count; }"
    assert page.locator("#canvas").evaluate(ink) < 128
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    assert page.locator("#canvas").evaluate(ink) > 100


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("width", [320, 360])
def test_a_phone_never_scrolls_sideways(visit: Open, model: str, width: int) -> None:
    """Whatever the names, at 360 pixels and at 320; every control is at least 24 pixels high."""
    page = visit(viewport={"width": width, "height": 740}, has_touch=True, is_mobile=True).open(model)
    worked(page, model)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sizes = page.locator(
        "button:visible, select:visible, input:visible:not([type=checkbox], .unseen), .links a"
    ).evaluate_all("all => all.map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect().height])")
    assert [one for one, height in sizes if height < 23.5] == []


def test_korean_is_spoken_to_those_who_speak_it(visit: Open) -> None:
    """By the browser's language, and by choice; nothing of the page's own words stays English."""
    page = visit(locale="ko-KR").open("house-price")
    assert page.locator("html").get_attribute("lang") == "ko"
    assert [title.inner_text() for title in page.locator("h2").all()] == [
        "써 보기", "무엇에 따라 움직이나", "표 전체", "같은 요청을 코드로", "실시간",
    ]  # fmt: skip
    page.locator("#field-0").fill("55")
    page.get_by_label("언어").select_option("en")
    page.locator("h2", has_text="Try it").wait_for()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("#field-0").input_value() == "55"
    page.reload()
    page.locator("h2", has_text="Try it").wait_for()


def test_reduced_motion_is_respected(visit: Open) -> None:
    """Nothing moves by itself."""
    page = visit(reduced_motion="reduce").open("house-price")
    spot = page.locator(".gauge .spot")
    assert spot.evaluate("one => getComputedStyle(one).transitionDuration") == "0s"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("model", MODELS)
def test_axe_finds_nothing_serious(visit: Open, model: str, scheme: Any) -> None:
    """Contrast, names, roles, keyboard: no serious or critical finding, in use and with an error shown."""
    from axe_playwright_python.sync_playwright import Axe

    # The policy would refuse axe itself.
    one = visit(color_scheme=scheme, bypass_csp=True)
    page = one.open(model)
    worked(page, model)
    if model == "mixed":
        page.locator("#field-0").fill("old")
        page.locator(".error:visible").first.wait_for()
    page.wait_for_timeout(300)
    found = Axe().run(page).response["violations"]
    print(f"\naxe, {model}, {scheme}: {[(problem['id'], problem['impact']) for problem in found]}")
    grave = [problem for problem in found if problem["impact"] in ("serious", "critical")]
    assert [(problem["id"], [node["html"] for node in problem["nodes"]]) for problem in grave] == []
    one.complaints.clear()


def test_the_first_load_is_small(visit: Open, service: Serving) -> None:
    """Everything that an empty cache asks for, as it travels; a second visit asks and is told that nothing changed."""
    one = visit()
    loads: list[tuple[int, int]] = []

    def finished(request: Any) -> None:
        sizes = request.sizes()
        loads.append((request.response().status, sizes["responseBodySize"] + sizes["responseHeadersSize"]))

    one.page.on("requestfinished", finished)
    one.page.goto(f"{one.base}/#house-price")
    one.page.locator(".curve .slope", has_text="per").first.wait_for()
    one.page.wait_for_timeout(300)
    size = sum(size for _, size in loads)
    print(f"\nfirst load: {len(loads)} requests, {size} bytes with headers")
    assert size <= MOST_BYTES
    loads.clear()
    one.page.reload()
    one.page.locator(".curve .slope", has_text="per").first.wait_for()
    assert sum(size for _, size in loads) < size / 2
    files = call(
        service.port, "GET", "/page/app.js", if_none_match=call(service.port, "GET", "/page/app.js").headers["etag"]
    )
    assert files.status == 304
