"""Digits as people draw them: strokes of points, 0 to 1 each way, and how a mouse or a finger makes them."""

from __future__ import annotations

from typing import Any

Stroke = list[tuple[float, float]]

STROKES: dict[str, list[Stroke]] = {
    "0": [[(0.5, 0.08), (0.3, 0.15), (0.2, 0.35), (0.2, 0.65), (0.3, 0.87), (0.5, 0.94), (0.7, 0.87), (0.8, 0.65),
           (0.8, 0.35), (0.7, 0.15), (0.5, 0.08)]],
    "1": [[(0.35, 0.25), (0.52, 0.08), (0.52, 0.94)]],
    "2": [[(0.25, 0.25), (0.35, 0.12), (0.55, 0.08), (0.7, 0.18), (0.7, 0.35), (0.55, 0.58), (0.25, 0.92),
           (0.78, 0.92)]],
    "3": [[(0.25, 0.18), (0.45, 0.08), (0.65, 0.14), (0.7, 0.3), (0.6, 0.44), (0.42, 0.48), (0.6, 0.53), (0.72, 0.68),
           (0.64, 0.87), (0.44, 0.94), (0.25, 0.85)]],
    "4": [[(0.55, 0.06), (0.2, 0.6), (0.82, 0.6)], [(0.6, 0.35), (0.55, 0.95)]],
    "7": [[(0.22, 0.1), (0.78, 0.1), (0.6, 0.45), (0.45, 0.93)], [(0.3, 0.52), (0.72, 0.52)]],
}  # fmt: skip


def draw(page: Any, strokes: list[Stroke], scale: float = 1.0, left: float = 0.0, top: float = 0.0) -> None:
    """By mouse, `scale` times as large as the canvas, from `left` and `top` on."""
    canvas = page.locator("#canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for stroke in strokes:
        places = [
            (box["x"] + box["width"] * (left + scale * x), box["y"] + box["height"] * (top + scale * y))
            for x, y in stroke
        ]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=4)
        page.mouse.up()


def touch(page: Any, strokes: list[Stroke]) -> None:
    """By one finger, through the browser's own input."""
    box = page.locator("#canvas").bounding_box()
    session = page.context.new_cdp_session(page)
    for stroke in strokes:
        places = [{"x": box["x"] + box["width"] * x, "y": box["y"] + box["height"] * y} for x, y in stroke]
        session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": places[:1]})
        for place in places[1:]:
            session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
