"""The page in headless Chromium: searching, keys, details, tables, hostile names, and 3,000 layers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from browser import Browser
from page_reading import long_network
from test_page import HOSTILE, hostile

import regraft

FOCUS = "return document.activeElement.id"
SPOKEN = "return document.getElementById('spoken').textContent"
MATCHES = "return document.getElementById('matches').textContent"
DETAILS = "return document.getElementById('details').hidden ? '' : document.getElementById('details').textContent"


@pytest.fixture(scope="module")
def small(goldens_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    case = goldens_dir / "caffe" / "bn_scale_relu_inplace"
    path = tmp_path_factory.mktemp("page") / "small.html"
    path.write_text(regraft.compile(case / "net.prototxt", case / "net.caffemodel").page(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    (folder / "long.prototxt").write_text(long_network(3000))
    path = folder / "long.html"
    path.write_text(regraft.compile(folder / "long.prototxt", random_weights=1).page(), encoding="utf-8")
    return path


def test_it_loads_without_a_complaint_or_a_request(browser: Browser, small: Path) -> None:
    browser.requests()
    browser.open(small)
    assert browser.messages() == []
    assert {url for url in browser.requests() if not url.startswith(("chrome:", "data:"))} == {small.as_uri()}
    assert browser.run("return document.querySelectorAll('#before canvas, #after canvas').length") >= 6


def test_searching_finds_a_layer(browser: Browser, small: Path) -> None:
    browser.open(small)
    browser.press("/")
    assert browser.run(FOCUS) == "search"
    browser.type("batchn")
    browser.until(f"{MATCHES} === '1 layer, 0 nodes'")
    browser.press("Enter")
    details = browser.run(DETAILS)
    assert "into Conv of conv" in details and "folded" in details
    faded = "return report.panes.before.cy.nodes('.faded').map((n) => n.data('index'))"
    assert len(browser.run(faded)) == 4
    browser.press("Escape")
    assert browser.run(faded) == []
    browser.type("no such layer")
    browser.until("return document.getElementById('matches').textContent === 'nothing found'")


def test_arrow_keys_walk_through_the_graph(browser: Browser, small: Path) -> None:
    browser.open(small)
    for _ in range(40):
        browser.press("Tab")
        if browser.run(FOCUS) == "before":
            break
    assert browser.run(FOCUS) == "before"
    heard = [browser.run(SPOKEN).split(";")[0]]
    for _ in range(4):
        browser.press("ArrowDown")
        heard.append(browser.run(SPOKEN).split(";")[0])
    assert heard == ["data", "conv", "op", "sc", "re"]
    browser.press("ArrowUp", "ArrowUp")
    assert browser.run(SPOKEN).startswith("op; BatchNorm; folded, into Conv of conv; gives 2x4x7x9 f32")
    browser.press("Enter")
    assert browser.run(FOCUS) == "details-title"
    assert 'layer { name: "op" type: "BatchNorm"' in browser.run(DETAILS)
    browser.press("Escape")
    assert browser.run(FOCUS) == "before" and browser.run(DETAILS) == ""
    browser.press("End")
    assert browser.run(SPOKEN).startswith("re;")
    browser.press("Home")
    assert browser.run(SPOKEN).startswith("data;")


def test_both_sides_belong_together(browser: Browser, small: Path) -> None:
    browser.open(small)
    linked = "return report.panes.after.cy.nodes('.linked').map((n) => n.data('label').split('\\n')[1])"
    browser.run("report.choose('before', report.panes.before.items.findIndex((l) => l.name === 'sc'))")
    assert browser.run(linked) == ["Conv"]
    browser.run("report.choose('after', 1)")
    back = "return report.panes.before.cy.nodes('.linked').map((n) => n.data('label').split('\\n')[0])"
    assert browser.run(back) == ["conv"]


def test_the_table_says_what_the_drawing_shows(browser: Browser, small: Path) -> None:
    browser.open(small)
    browser.run("document.getElementById('tab-graph').focus()")
    browser.press("ArrowRight")
    assert browser.run(FOCUS) == "tab-layers"
    rows = browser.run(
        "return [...document.querySelectorAll('[data-side=before] tbody tr')]"
        ".map((row) => [...row.cells].slice(0, 3).map((cell) => cell.textContent))"
    )
    assert rows[2] == ["op", "BatchNorm", "folded into Conv of conv"]
    browser.run("document.querySelector('[data-side=before] thead button').click()")
    first = "return document.querySelector('[data-side=before] tbody th').textContent"
    assert browser.run(first) == "conv"
    assert browser.run("return document.querySelector('[data-side=before] thead th').getAttribute('aria-sort')")
    browser.run("document.querySelector('[data-side=before] tbody th button').click()")
    assert browser.run(FOCUS) == "details-title" and browser.run(SPOKEN).startswith("conv;")


def test_names_and_landmarks_for_screen_readers(browser: Browser, small: Path) -> None:
    browser.open(small)
    unnamed = browser.run(
        "return [...document.querySelectorAll('button, input, select, [role=application], [role=tabpanel]')]"
        ".filter((e) => !(e.ariaLabel || e.textContent.trim() || (e.labels && e.labels.length)"
        " || e.getAttribute('aria-labelledby'))).map((e) => e.outerHTML)"
    )
    assert unnamed == []
    assert browser.run("return ['header', 'main', 'footer', 'h1'].every((t) => document.querySelector(t))")
    live = "return [...document.querySelectorAll('[aria-live]')].map((e) => e.id)"
    assert set(browser.run(live)) == {"matches", "spoken"}
    assert browser.run("return document.documentElement.lang") == "en"


def test_hostile_names_do_nothing(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "hostile.html"
    page.write_text(regraft.compile(hostile(tmp_path)).page(), encoding="utf-8")
    browser.open(page)
    browser.run("report.choose('before', 1)")
    browser.run("document.getElementById('before').focus()")
    browser.press("Enter")
    for tab in ("layers", "passes", "notes"):
        browser.run(f"document.getElementById('tab-{tab}').click()")
    assert browser.run("return document.getElementById('details-title').textContent") == HOSTILE
    assert browser.run("return window.stolen") is None
    assert browser.run("return document.images.length") == 0
    assert browser.messages() == []


def drag(browser: Browser, up: int) -> list[float]:
    """Drag the left graph with the mouse; returns the milliseconds of each frame meanwhile."""
    browser.run(
        "window.frames_ = []; window.over = false; let last = performance.now();"
        "const note = (now) => { frames_.push(now - last); last = now; over || requestAnimationFrame(note); };"
        "requestAnimationFrame(note);"
    )
    browser.drag((300, 600), (300, 600 - up), steps=20)
    frames: list[float] = browser.run("over = true; return frames_")
    return sorted(frames)


def test_three_thousand_layers_are_fluent(browser: Browser, long: Path) -> None:
    """Bounds are wide: the machine of the tests draws without a graphics card, and has other work."""
    started = time.monotonic()
    browser.open(long)
    assert time.monotonic() - started < 30
    pan: Any = "return report.panes.before.cy.pan().y"
    for _ in range(2):
        before = browser.run(pan)
        frames = drag(browser, 300)
        assert browser.run(pan) == pytest.approx(before - 300, abs=2)
        assert frames[len(frames) // 2] < 100
        browser.run("report.panes.before.cy.fit()")
    browser.press("/")
    started = time.monotonic()
    browser.type("conv2001")
    browser.press("Enter")
    assert browser.run(SPOKEN).startswith("conv2001; Convolution; lowered; gives 1x4x8x8 f32")
    assert time.monotonic() - started < 10
    started = time.monotonic()
    browser.run("document.getElementById('tab-layers').click()")
    assert browser.run("return document.querySelectorAll('[data-side=before] tbody tr').length") == 3001
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system(browser: Browser, small: Path, scheme: str) -> None:
    browser.emulate("prefers-color-scheme", scheme)
    browser.open(small)
    paper = browser.run("return getComputedStyle(document.documentElement).backgroundColor")
    assert (paper == "rgb(250, 251, 252)") == (scheme == "light")
    browser.emulate("prefers-color-scheme", "light")


def test_it_prints_all_views(browser: Browser, small: Path) -> None:
    browser.open(small)
    assert (
        browser.run(
            "dispatchEvent(new Event('beforeprint'));return document.querySelectorAll('#panel-layers tbody tr').length"
        )
        == 8
    )
    assert browser.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_cut_off_at_any_width(browser: Browser, small: Path, width: int) -> None:
    browser.resize(width, 800)
    try:
        browser.open(small)
        for tab in ("graph", "layers", "passes", "notes"):
            browser.run(f"document.getElementById('tab-{tab}').click()")
            assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), tab
            outside = "return [...document.querySelectorAll('header *, [role=tab], .zoom button')].filter((e) => "
            outside += "e.offsetParent && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML)"
            assert browser.run(outside) == [], tab
    finally:
        browser.resize()
