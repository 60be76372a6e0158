"""The board in a real browser, on a desk and on a phone: all is there, nothing sticks out, nothing is fetched."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from config.board import write_board
from config.settings import Settings
from flows import running
from tasks.adapters.board_page import render_board
from tasks.adapters.journal import Journal
from tasks.adapters.store import Store
from tasks.core.board import Card, Mark, Point, Trouble, unreadable
from tests.e2e.browsing import chromium
from tests.tasks.core.test_board import PROMOTED, check
from tests.tasks.core.troubles import TROUBLE, decision

NOW = datetime(2025, 7, 2, tzinfo=UTC)
POINTS = tuple(
    Point(NOW - timedelta(days=30 * n), 1 + (n < 3), 0.8 - n / 100, 0.7, 0.85, 0.75) for n in range(8, 0, -1)
)
LONG = "a" * 63
OUTSIDE = "e => { const b = e.getBoundingClientRect(); return b.width && (b.right > innerWidth + 1 || b.left < -1) }"
HARM = "<script>document.title='harm'</script>"
MARK = Mark(NOW - timedelta(days=70), "promoted", "version 2 promoted", "v2")
TROUBLED = Trouble("broken data", "4 h", f"Effect {HARM}.", "Do this.", urgent=True)
CARDS = (
    Card("rentals", "good", f"About {HARM}", "mae", 2, "3 d", 31.5, POINTS, (MARK,), (("Newest data", "2 h ago"),),
         spent=1, budget=8, period="30 d"),
    Card(LONG, "trouble", "x" * 200, "roc_auc", troubles=(TROUBLED,)),
    unreadable("broken", "ConfigInvalid: see `keepfit check broken`"),
)  # fmt: skip


def test_every_value_is_escaped_and_no_address_stands_on_the_page():
    page = render_board(CARDS, NOW)
    assert HARM not in page
    assert page.count("&lt;script&gt;") == 2
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")
    assert "<script" not in page
    assert page.index(LONG) < page.index("broken</h2>") < page.index("rentals"), "what needs somebody stands first"


@pytest.mark.browser
@pytest.mark.parametrize(("width", "columns"), [(1200, 2), (390, 1)])
def test_it_is_whole_at_every_width_in_light_and_dark(tmp_path, width, columns):
    (tmp_path / "board.html").write_text(render_board(CARDS, NOW), "utf-8")
    with chromium() as browser:
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
            page, asked = context.new_page(), []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto((tmp_path / "board.html").as_uri())
            assert page.title() == f"Keepfit: {LONG} needs you"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(f"[...document.querySelectorAll('body *')].filter({OUTSIDE}).length") == 0
            text = page.locator("main").inner_text()
            told = (
                "Version 2 is champion",
                "promised 31.5",
                "1 of 8 in 30 d",
                "Do this.",
                "not known",
                "Newest data",
                "v2",
            )
            assert [one for one in told if one not in text] == []
            tracks = page.evaluate("getComputedStyle(document.querySelector('.body')).gridTemplateColumns").split()
            assert len(tracks) == columns
            chart = page.locator(".chart").bounding_box()
            assert chart["width"] > 200
            assert page.locator(".dot").count() == len(POINTS)
            dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 21, 19)"
            assert dark == (scheme == "dark")
            assert len(asked) == 1, "the page is all that was asked for"
            context.close()


@pytest.fixture
def settings(tmp_path):
    source = Settings().pipelines_dir / "subscriptions.yaml"
    shutil.copy(source, tmp_path)
    return Settings(home=tmp_path, pipelines_dir=tmp_path)


def test_it_is_written_from_the_journals_and_one_that_cannot_be_read_says_so(settings):
    journal = Journal(Store(settings.store, "subscriptions"))
    for number, what in enumerate((PROMOTED, check(1, 0.8), check(1, 0.812), TROUBLE["refused delivery"][0])):
        journal.record(decision(what, number, "subscriptions"), NOW)
    (settings.pipelines_dir / "wrong.yaml").write_text("pipeline: [secret value]\n")
    path, unread = write_board(settings, NOW)
    page = path.read_text()
    assert unread == ("wrong: ConfigInvalid: see `keepfit check wrong`",)
    for told in ("0.812", "Version 1 is champion", "refused delivery", "wrong", "ConfigInvalid"):
        assert told in page
    assert "secret value" not in page
    assert "because 3" not in page, "reasons stay away"
    assert sorted(path.name for path in settings.home.glob("*board*")) == ["board.html"]


def test_the_end_of_a_cycle_writes_it_and_its_failure_ends_no_run(settings, monkeypatch, caplog):
    _, session = running.open_pipeline("subscriptions", NOW, "run", settings)
    alerts = running.Alerts()
    monkeypatch.setattr(running, "load_settings", lambda: settings)
    assert running.flow_name() is None
    running._end_run(alerts, session)
    assert not (settings.home / "board.html").exists()
    monkeypatch.setattr(running, "flow_name", lambda: "cycle")
    running._end_run(alerts, session)
    assert (settings.home / "board.html").exists()
    monkeypatch.setattr(running, "load_settings", lambda: replace_home(settings))
    running._end_run(alerts, session)
    assert "the board could not be written (FileNotFoundError)" in caplog.text


def replace_home(settings):
    return settings.model_copy(update={"home": settings.home / "gone" / "away"})
