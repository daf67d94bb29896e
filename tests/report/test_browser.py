"""The page in a real browser: drawn, filtered, followed, printed, and no request, error or overflow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.browser import browser, missing, open_report, print_pdf, requests, wait_for
from sweep.report.__main__ import report
from tests.report.results import contents_of, full_results

PHONE = 390
FIRST_DOTS = "#chart-1 .mark-symbol.role-mark path"  # of all runs

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    full_results(folder)
    path = folder / "report.html"
    path.write_text(report(contents_of(folder), "the command"))
    return path


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with browser(PHONE) as driver:
        yield driver


def dots(driver: Any, title: str) -> int:
    """Drawn runs of the chart of this title."""
    chart = f"[...document.querySelectorAll('.chart')].find((c) => c.querySelector('h3').textContent === '{title}')"
    return int(driver.execute_script(f"return {chart}.querySelectorAll('.mark-symbol.role-mark path').length"))


def set_box(driver: Any, name: str, value: str) -> None:
    script = "const box = document.querySelector(`input[name=${arguments[0]}][value='${arguments[1]}']`); box.click();"
    driver.execute_script(script, name, value)


def test_every_chart_is_drawn_and_nothing_is_asked_for(page: Path, driver: Any) -> None:
    requests(driver)
    open_report(driver, page)
    drawn = driver.execute_script("return document.querySelectorAll('.chart svg').length")
    assert drawn == driver.execute_script("return document.querySelectorAll('.chart').length") > 15
    assert requests(driver) == [page.resolve().as_uri()]
    assert [entry["message"] for entry in driver.get_log("browser")] == []
    assert dots(driver, "All runs") == 6  # of 8, one diverged and one failed


def test_a_phone_shows_all_of_it(page: Path, driver: Any) -> None:
    open_report(driver, page)
    assert driver.execute_script("return document.documentElement.scrollWidth") == PHONE
    widths = driver.execute_script("return [...document.querySelectorAll('.chart svg')].map((s) => s.clientWidth)")
    assert max(widths) <= PHONE


def test_the_filter_acts_on_figures(page: Path, driver: Any) -> None:
    open_report(driver, page)
    set_box(driver, "quantization", "Int2")
    wait_for(driver, "return document.getElementById('count').textContent === '4 of 8 runs'")
    assert dots(driver, "All runs") == dots(driver, "By lr") == 4
    assert driver.execute_script("return document.querySelectorAll('#runs tbody tr').length") == 4
    set_box(driver, "quantization", "Int2")
    set_box(driver, "lr", "0.05")
    wait_for(driver, "return document.getElementById('count').textContent === '4 of 8 runs'")
    set_box(driver, "lr", "0.1")
    wait_for(driver, "return document.getElementById('count').textContent === '0 of 8 runs'")
    assert dots(driver, "All runs") == 0


def test_another_quantity(page: Path, driver: Any) -> None:
    open_report(driver, page)
    driver.execute_script(
        "const menu = document.getElementById('quantity'); menu.value = 'gap_change';"
        "menu.dispatchEvent(new Event('change', {bubbles: true}));"
    )
    wait_for(driver, f"return document.querySelectorAll('{FIRST_DOTS}').length === 2")  # quantized


def test_a_run_is_followed_by_its_id(page: Path, driver: Any) -> None:
    runs = contents_of(page.parent).runs
    chosen = runs[runs["status"] == "diverged"].iloc[0]
    open_report(driver, page, f"#run={chosen['run_id'][:12]}")
    values = driver.execute_script("return document.getElementById('run-values').textContent")
    assert chosen["run_id"] in values and "diverged" in values
    assert not driver.execute_script("return document.getElementById('no-curves').hidden")
    driver.execute_script("document.querySelector('#tables a[href^=\"#run=\"]').click()")
    wait_for(driver, "return document.getElementById('no-curves').hidden")
    assert "FP32" in driver.execute_script("return document.getElementById('run-name').textContent")


def test_a_click_on_a_dot_follows_its_run(page: Path, driver: Any) -> None:
    open_report(driver, page)
    driver.execute_script(
        f"const dot = document.querySelector('{FIRST_DOTS}'); dot.scrollIntoView({{block: 'center'}});"
    )
    place = driver.execute_script(
        f"const box = document.querySelector('{FIRST_DOTS}').getBoundingClientRect();"
        "return [box.x + box.width / 2, box.y + box.height / 2]"
    )
    for kind in ("mousePressed", "mouseReleased"):
        at = {"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", at)
    wait_for(driver, "return !document.getElementById('followed').hidden")
    named = driver.execute_script("return document.querySelector('#followed a').textContent")
    assert named.partition(":")[0] in set(contents_of(page.parent).runs["run_id"].str[:12])


def test_it_prints(page: Path, driver: Any, tmp_path: Path) -> None:
    open_report(driver, page)
    print_pdf(driver, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().count(b"/Type /Page\n") > 3
