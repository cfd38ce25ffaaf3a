"""What people do on the page, done by a browser: draw, move, type, drop, copy, by mouse and by keys."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser import digits
from tests.browser.conftest import Open
from tests.browser.models import CITIES, CLASSES, MARKUP
from tests.processes import Serving, call, predict, serving, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.live, pytest.mark.beside, pytest.mark.timeout(300)]

MOVES = 60
FOCUSED = """() => { const one = document.activeElement;
  if (one === document.body) return ["", false];
  return [one.getAttribute("aria-label") ?? one.innerText, one.matches(":focus-visible")]; }"""


def shown(page: Any) -> str:
    """The present answer."""
    return str(page.locator("#value").text_content())


def settled(page: Any, before: str) -> str:
    """The answer once it is another one than before."""
    page.wait_for_function("before => document.querySelector('#value').textContent !== before", arg=before)
    return shown(page)


def test_every_model_has_its_card(visit: Open, service: Serving) -> None:
    """Name, task, version, digest, runtime, state, score beside a baseline: what /models tells."""
    page = visit().open("house-price")
    for model in call(service.port, "GET", "/models").json["models"]:
        text = page.locator("#models a", has_text=model["name"]).inner_text()
        assert "ready" in text
        assert "version 1" in text
        assert model["digest"][:12] in text
        assert model["runtime"] in text
    card = page.locator("#models a", has_text="digits").inner_text()
    assert re.search(r"accuracy 9\d(\.\d)?% · baseline 9\d(\.\d)?%", card)
    assert page.locator(".heading h1").inner_text().startswith("house-price")
    assert "synthetic data" in page.locator(".facts").inner_text()
    assert page.locator(".scores li.ours .amount").inner_text().startswith("0.3")


@pytest.mark.parametrize("digit", sorted(digits.STROKES))
def test_a_drawn_digit_is_recognised(visit: Open, digit: str) -> None:
    """By mouse, wherever it is drawn on the canvas; ten probabilities that add up."""
    page = visit().open("digits")
    assert page.locator(".classes .bars li").count() == 10
    digits.draw(page, digits.STROKES[digit], scale=0.7, left=0.05)
    page.wait_for_function("digit => document.querySelector('#value').textContent === digit", arg=digit)
    shares = [float(text.rstrip("%")) for text in page.locator(".classes .bars .amount").all_inner_texts()]
    assert math.isclose(sum(shares), 100, abs_tol=1)
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Waiting for something").wait_for()
    assert shown(page) == "–"


def test_a_digit_is_drawn_by_touch(visit: Open) -> None:
    """On a phone, without the page scrolling under the finger."""
    page = visit(has_touch=True, is_mobile=True, viewport={"width": 360, "height": 740}).open("digits")
    page.locator("#canvas").scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    digits.touch(page, digits.STROKES["7"])
    page.wait_for_function("() => document.querySelector('#value').textContent === '7'")
    assert page.evaluate("scrollY") == before


def test_a_digit_is_drawn_by_keys(visit: Open) -> None:
    """Space puts the pen down, arrows move it, Delete clears."""
    page = visit().open("digits")
    page.locator("#canvas").focus()
    for key in ["ArrowUp"] * 6 + [" "] + ["ArrowDown"] * 12 + [" "]:
        page.keyboard.press(key)
    page.wait_for_function("() => document.querySelector('#value').textContent === '1'")
    page.keyboard.press("Delete")
    page.get_by_text("Waiting for something").wait_for()


def test_a_slider_moves_the_answer(visit: Open, service: Serving) -> None:
    """And the number beside it; the answer is the one that the service gives to anybody."""
    page = visit().open("house-price")
    before = shown(page)
    page.get_by_label("area, slider").focus()
    page.keyboard.press("End")
    after = settled(page, before)
    names = ("area", "rooms", "distance")
    row = {name: float(page.locator(f"#field-{place}").input_value()) for place, name in enumerate(names)}
    assert row["area"] == 90
    (expected,) = predict(service.port, "house-price", [row]).json["predictions"]
    page.wait_for_function("text => document.querySelector('#value').textContent === text", arg=f"{expected:.4g}")
    assert float(after) > float(before)


def test_an_answer_follows_a_slider_closely(visit: Open) -> None:
    """From the key that moves a slider to the frame that shows the answer: measured, and within a second."""
    page = visit().open("house-price")
    page.get_by_label("area, slider").focus()
    page.evaluate(
        """() => {
          window.taken = []; let began = null;
          addEventListener("input", () => { began = performance.now(); }, { capture: true });
          new MutationObserver(() => {
            const at = began; began = null;
            if (at !== null) requestAnimationFrame(() => window.taken.push(performance.now() - at));
          }).observe(document.querySelector("#value"), { childList: true, characterData: true, subtree: true });
        }"""
    )
    for move in range(MOVES):
        page.keyboard.press("ArrowRight" if move % 40 < 20 else "ArrowLeft")
        page.wait_for_function("count => window.taken.length > count", arg=move, polling=5)
    taken = sorted(page.evaluate("window.taken"))
    p50, p95 = taken[len(taken) // 2], taken[math.ceil(0.95 * len(taken)) - 1]
    print(f"\nslider moved -> answer shown, {len(taken)} moves: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    assert len(taken) >= 50
    assert p95 < 1000


def test_an_answer_that_was_overtaken_is_not_shown(visit: Open) -> None:
    """The first answer is late: its request is given up, and were it to come, the newest stays."""
    one = visit()
    page = one.open("house-price")
    before = shown(page)
    held: list[Any] = []
    given_up: list[str] = []
    page.on("requestfailed", lambda request: given_up.append(request.post_data))

    def hold(route: Any) -> None:
        # The curves ask for many rows, and are left alone.
        held.append(route) if len(route.request.post_data_json["instances"]) == 1 else route.continue_()

    page.route("**/predict/**", hold)
    area = page.locator("#field-0")
    area.fill("30")
    wait_until(lambda: page.wait_for_timeout(20) or len(held) == 1, 5, "the first request is held")
    page.wait_for_timeout(500)
    area.fill("60")
    wait_until(lambda: page.wait_for_timeout(20) or len(held) == 2, 5, "the second one came, the first was given up")
    held[1].continue_()
    newest = settled(page, before)
    held[0].fulfill(json={"model": "house-price", "version": 1, "predictions": [99999]})
    page.wait_for_timeout(100)
    assert shown(page) == newest
    assert ['"area":30' in body for body in given_up] == [True]


def test_an_error_stands_beside_its_field(visit: Open) -> None:
    """The service's own sentence, but for the place, at the field that it names; gone with the mistake."""
    one = visit()
    page = one.open("mixed")
    page.locator("#field-0").fill("old")
    error = page.locator(".field:has(#field-0) .error")
    error.wait_for()
    assert error.inner_text() == "age must be a number or null, not a string."
    assert page.locator(".error:visible").count() == 1
    assert page.locator("#field-0").get_attribute("aria-invalid") == "true"
    assert "field-0-error" in str(page.locator("#field-0").get_attribute("aria-describedby")).split()
    page.locator("#field-0").fill("33")
    error.wait_for(state="hidden")
    one.complaints.remove("Failed to load resource: the server responded with a status of 400 (Bad Request)")


def test_an_error_of_the_service_is_told(visit: Open) -> None:
    """Where it is about no field, below the form; the last answer is marked as no answer to this."""
    one = visit()
    page = one.open("house-price")
    sentence = {"error": "The model can't answer at the moment.", "code": "MODEL_UNAVAILABLE", "request_id": "1"}
    page.route("**/predict/**", lambda route: route.fulfill(status=503, json=sentence))
    page.locator("#field-0").fill("40")
    page.get_by_role("alert").get_by_text(sentence["error"]).wait_for()
    assert page.locator(".answer.stale").count() == 1
    page.unroute("**/predict/**")
    page.locator("#field-0").fill("41")
    page.locator(".answer.stale").wait_for(state="detached")
    one.complaints.clear()


def test_the_curves_show_how_the_price_moves(visit: Open, service: Serving) -> None:
    """One for each number, with the slope at the present value; pointing at one sets the feature."""
    page = visit().open("house-price")
    page.locator(".curve .slope", has_text="per").nth(2).wait_for()
    assert page.locator(".curve").count() == 3
    row = {"area": 27.9, "rooms": 3, "distance": 0.5}
    for place, value in enumerate(row.values()):
        page.locator(f"#field-{place}").fill(str(value))
    step = (90 - 8) / 400
    low, high = predict(service.port, "house-price", [{**row, "area": 27.9 - step}, {**row, "area": 27.9 + step}]).json[
        "predictions"
    ]
    expected = f"+{(high - low) / (2 * step):.3g}".rstrip("0")
    page.locator(".curve", has_text="area").locator(".slope", has_text=f"{expected[:4]}").wait_for()
    assert "억 원 per pyeong" in page.locator(".curve", has_text="area").locator(".slope").inner_text()
    plot = page.locator(".curve", has_text="area").locator(".plot")
    plot.click(position={"x": plot.bounding_box()["width"] - 1, "y": 20})
    assert float(page.locator("#field-0").input_value()) > 88


def test_what_people_try_is_no_drift(visit: Open, service: Serving) -> None:
    """Sliders and curves send hundreds of rows: none counts as predicted."""
    page = visit().open("house-price")
    page.locator(".curve .slope", has_text="per").nth(2).wait_for()

    def counted() -> float:
        text = call(service.port, "GET", "/metrics").body.decode()
        return float(
            (re.search(r'^mulgam_predicted_value_count{model="house-price".* (\S+)$', text, re.M) or [0, 0])[1]
        )

    before = counted()
    page.get_by_label("area, slider").focus()
    now = shown(page)
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    settled(page, now)
    page.wait_for_timeout(300)
    assert counted() == before


def test_a_dropped_table_is_scored(visit: Open, tmp_path: Path) -> None:
    """Other columns pass through, a bad row says why, and the whole comes as a file."""
    page = visit().open("house-price")
    table = (
        "id,area,rooms,distance\n" + "".join(f"{row},{20 + row % 60},3,0.5\n" for row in range(500)) + "x,big,3,0.5\n"
    )
    page.evaluate(
        """text => {
          const files = new DataTransfer();
          files.items.add(new File([text], "houses.csv", { type: "text/csv" }));
          document.querySelector(".zone").dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true }));
        }""",
        table,
    )
    link = page.get_by_role("link", name="Download houses-scored.csv")
    link.wait_for()
    assert "501 rows" in page.locator("section.table").inner_text()
    assert "1 of them in error" in page.locator("section.table").inner_text()
    head = page.locator(".result th").all_inner_texts()
    assert head == ["id", "prediction", "error"]
    with page.expect_download() as coming:
        link.click()
    coming.value.save_as(tmp_path / "scored.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "scored.csv").read_text())))
    assert len(rows) == 501
    assert [row["id"] for row in rows[:3]] == ["0", "1", "2"]
    assert all(float(row["prediction"]) > 0 for row in rows[:500])
    assert rows[500]["error"].startswith("WRONG_TYPE: area must be a number")


def test_a_table_is_pasted_from_a_spreadsheet(visit: Open) -> None:
    """Its tabs become commas; quotes and commas within cells stay."""
    page = visit().open("mixed")
    page.get_by_label("Paste CSV").fill(
        f'id\tage\t{MARKUP}\tplan\ttrade\tmember\tnote\n1\t33\tSeoul\tfree\tword 1\ttrue\t"a, ""b"""\n'
    )
    page.get_by_role("button", name="Score").click()
    page.locator(".result td").first.wait_for()
    assert page.locator(".result td").all_inner_texts()[0] == "1"
    assert page.locator(".result td").all_inner_texts()[1] in CLASSES


def test_a_table_that_is_none_is_refused(visit: Open) -> None:
    """With the service's sentence; an empty one without asking."""
    one = visit()
    page = one.open("house-price")
    page.get_by_role("button", name="Score").click()
    page.get_by_text("There is nothing to score yet.").wait_for()
    page.get_by_label("Paste CSV").fill("area,rooms\n1,2\n")
    page.get_by_role("button", name="Score").click()
    page.locator("#csv-error", has_text="distance").wait_for()
    one.complaints.clear()
    page.get_by_role("button", name="Fill in a sample").click()
    page.get_by_role("button", name="Score").click()
    page.locator(".result td").first.wait_for()
    page.locator("#csv-error").wait_for(state="hidden")


@pytest.mark.parametrize("model", ["house-price", "mixed", "digits", "doubled"])
def test_the_calls_that_are_shown_work(visit: Open, model: str, tmp_path: Path) -> None:
    """curl, Python and tritonclient, copied and run, each give the answer that the page shows."""
    one = visit(permissions=["clipboard-read", "clipboard-write"])
    page = one.open(model)
    if model == "digits":
        digits.draw(page, digits.STROKES["3"])
        page.wait_for_function("() => document.querySelector('#value').textContent === '3'")
    if model == "mixed":
        page.get_by_label("note").fill('it\'s "quoted" $HOME `x` \\ 물감')
        page.locator("#field-0").fill("")
        page.locator("#latency").wait_for()
    if model == "doubled":
        page.get_by_label("image").fill("[[1,2,3],[4,5,6.5]]")
        page.wait_for_function("() => document.querySelector('#value').textContent.includes('13')")
    page.wait_for_timeout(300)
    answer = shown(page)
    said = {}
    for name in ("curl", "Python", "tritonclient"):
        page.get_by_role("tab", name=name, exact=True).click()
        page.get_by_role("button", name="Copy").click()
        page.get_by_role("button", name="Copied").wait_for()
        text = page.evaluate("navigator.clipboard.readText()")
        assert text == page.locator("[role=tabpanel]:not([hidden]) code").text_content()
        command = ["bash", "-c", text] if name == "curl" else [sys.executable, "-c", text]
        ended = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=dict(os.environ), check=False
        )
        assert ended.returncode == 0, f"{text}\n{ended.stderr}"
        said[name] = ended.stdout
    (prediction,) = json.loads(said["curl"])["predictions"]
    if model == "doubled":
        assert prediction == json.loads(answer) == [[2, 4, 6], [8, 10, 13]]
        assert "13." in said["tritonclient"]
    elif model == "house-price":
        assert f"{prediction:.4g}" == answer
        assert float(said["Python"]) == prediction
        assert f"{prediction:.4f}"[:4] in said["tritonclient"]
    else:
        assert prediction["label"] == answer
        assert answer in said["Python"]
        assert f"{prediction['probability']:.3f}"[:4] in said["tritonclient"] or prediction["probability"] > 0.99


def test_hostile_names_are_words(visit: Open) -> None:
    """Markup in names, vocabularies and classes is shown as it is, and does nothing."""
    page = visit().open("mixed")
    assert page.locator(".field label", has_text=MARKUP).count() == 1
    page.get_by_label("age, slider").focus()
    page.keyboard.press("End")
    page.wait_for_function("text => document.querySelector('#value').textContent === text", arg=CLASSES[1])
    page.keyboard.press("Home")
    page.wait_for_function("text => document.querySelector('#value').textContent === text", arg=CLASSES[0])
    options = page.locator("#field-1 option").all_inner_texts()
    assert options == [*CITIES, "– missing –"]
    assert page.locator("img").count() == 1
    assert page.title() == "mixed · Mulgam"


def test_every_type_of_feature_can_be_missing_or_unseen(visit: Open) -> None:
    """A number, a category, a word that is none of a long vocabulary, a text beyond what is read."""
    page = visit().open("mixed")
    assert page.locator("#field-0").input_value() == "40"
    assert page.locator("#field-1 option:checked").inner_text() == CITIES[2]
    page.get_by_role("button", name="age is missing").click()
    assert page.locator("#field-0").input_value() == ""
    page.locator("#field-1").select_option(label="– missing –")
    page.locator("#field-3").fill("never heard of")
    page.get_by_text("A word that training did not have").wait_for()
    page.get_by_label("note").fill("x" * 50)
    page.get_by_text("50 characters; the model reads the first 40").wait_for()
    page.locator("#field-0").fill("120")
    page.get_by_text("Outside of what training saw: 18 – 79.5").wait_for()
    page.locator("#latency", has_text="ms").wait_for()
    assert page.locator(".error:visible").count() == 0


def test_a_model_of_tensors_has_a_form_too(visit: Open) -> None:
    """Nested lists as JSON; what is none is refused by the service, beside the field."""
    one = visit()
    page = one.open("doubled")
    page.get_by_label("image").fill("[[1, 2], [3, 4]]")
    page.locator(".field .error", has_text="must be a list of the shape [2, 3]").wait_for()
    page.get_by_label("image").fill("[[1, 2, 3], [4, 5, 6]]")
    page.locator("#value", has_text="12").wait_for()
    assert page.locator("section.table").count() == 0
    one.complaints.clear()


def test_the_live_view_tells_what_goes_on(visit: Open, service: Serving) -> None:
    """Rate and latency of requests that others send; nothing is asked while nobody looks."""
    page = visit().open("house-price")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/stats") else None)
    for _ in range(30):
        predict(service.port, "house-price", [[32, 3, 0.3]])
    page.wait_for_function("() => Number(document.querySelectorAll('.tile dd')[0].textContent) > 0.5", timeout=15_000)
    assert page.locator(".tile dd").nth(1).inner_text().endswith("ms")
    page.evaluate(
        """() => { Object.defineProperty(document, "hidden", { get: () => window.away, configurable: true });
             window.away = true; document.dispatchEvent(new Event("visibilitychange")); }"""
    )
    page.wait_for_timeout(500)
    asked.clear()
    page.wait_for_timeout(3000)
    assert asked == []
    page.evaluate("() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')); }")
    page.wait_for_timeout(500)
    assert asked


def test_the_links_lead_somewhere(visit: Open, service: Serving) -> None:
    """The report in its sandbox, the reference, the metrics."""
    page = visit().open("house-price")
    links = {link.inner_text(): link.get_attribute("href") for link in page.locator("#links a, .facts a").all()}
    assert {"API", "Metrics", "How it was trained"} <= set(links)
    for path in links.values():
        assert call(service.port, "GET", f"/{path}").status == 200


def test_the_report_keeps_its_style(visit: Open) -> None:
    """Its drawings and its style are shown under its policy, without a complaint."""
    one = visit()
    one.page.goto(f"{one.base}/models/house-price/report")
    assert one.page.locator("svg").count() >= 1
    assert one.page.evaluate("getComputedStyle(document.querySelector('.verdict')).fontWeight") == "600"


def test_the_page_works_by_keys_alone(visit: Open) -> None:
    """From the first Tab: past the list by the skip link, to a slider, its answer, a tab of calls, another model."""
    page = visit().open("house-price")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
        if seen[-1][0] == "area, slider":
            before = shown(page)
            page.keyboard.press("ArrowRight")
            settled(page, before)
        if seen[-1][0] == "curl" and page.locator("[role=tab][aria-selected=true]").inner_text() == "curl":
            page.keyboard.press("ArrowRight")
            assert page.locator("[role=tabpanel]:visible").inner_text().startswith(("Copy", "import"))
    names = [name for name, _ in seen]
    assert [name for name, visible in seen if name and not visible] == []
    for wanted in ("area, slider", "A typical row", "Score", "Choose a file", "curl", "Copy"):
        assert wanted in names, names
    page.locator("#models a", has_text="digits").focus()
    page.keyboard.press("Enter")
    page.locator("h1", has_text="digits").wait_for()
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_key_is_asked_for_and_kept_in_the_tab(visit: Open, page_registry: Path, tmp_path: Path) -> None:
    """The page itself is open; a wrong key is asked for again, the right one opens all; another tab knows nothing."""
    key = "the-key-of-this-test-0123"
    (tmp_path / "keys").write_text(key)
    with serving(
        page_registry, tmp_path, backend="onnxruntime", api_keys_file=str(tmp_path / "keys"), drain_delay="0"
    ) as closed:
        one = visit(f"http://127.0.0.1:{closed.port}")
        page = one.page
        page.goto(one.base)
        page.get_by_role("textbox", name="API key").fill("a-wrong-key-0123456789")
        page.get_by_role("button", name="Use it").click()
        page.get_by_text("That key was refused").wait_for()
        page.get_by_role("textbox", name="API key").fill(key)
        page.keyboard.press("Enter")
        page.locator(".model").wait_for()
        page.reload()
        page.locator(".model").wait_for()
        assert page.get_by_role("dialog").count() == 0
        assert key not in page.content()
        assert "$MULGAM_API_KEY" in page.locator("[role=tabpanel]:visible code").inner_text()
        with page.expect_download() as coming:
            page.get_by_role("button", name="Save report").click()
        assert "<!doctype html>" in Path(coming.value.path()).read_text(encoding="utf-8")
        assert page.evaluate("[localStorage.length, sessionStorage.getItem('mulgam.key')]") == [0, key]
        one.complaints.clear()  # the 401s


def test_a_model_that_is_not_ready_says_so(visit: Open) -> None:
    """In a word on its card and in a sentence above its form; once it is well, what was written is still there."""
    one = visit()
    state = {"ready": False, "state": "wrong"}

    def told(route: Any) -> None:
        answer = route.fetch()
        found = answer.json()
        for model in found.get("models", [found]):
            model.update(state)
        route.fulfill(json=found)

    one.page.route(re.compile(r"/models(/house-price(/stats)?)?$"), told)
    page = one.open("house-price")
    page.locator(".warning", has_text="not with the stored answers").wait_for()
    assert "not ready" in page.locator("#models a").first.inner_text()
    page.locator("#field-0").fill("77")
    state.update(ready=True, state="ready")
    page.locator(".warning").wait_for(state="detached")
    assert "not" not in page.locator("#models a").first.inner_text()
    assert page.locator("#field-0").input_value() == "77"
    assert page.evaluate("document.activeElement.id") == "field-0"
