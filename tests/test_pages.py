"""Every page of the dashboard on sparse results, without a server: what is not there is said, nothing fails, and text from data stays text."""

from __future__ import annotations

import pytest
from test_board import ROLES, SEE, folder, person, publish

from cdmlib import board
from cdmlib.board import View, Visitor

app = board.program()
PAGES = app.pages()


def words(part, depth=0):
    """All HTML that stands on a page."""
    found = [part.object] if isinstance(getattr(part, "object", None), str) else []
    for inner in getattr(part, "objects", None) or ():
        found += words(inner, depth + 1)
    if hasattr(part, "__panel__") and not found and depth < 40:
        inner = part.__panel__()
        found += words(inner, depth + 1) if inner is not part else []
    return found


@pytest.fixture
def abc(data):
    path = folder(data, "abc", {person(role): role for role in ROLES})
    publish(path)
    return path


def shown(page, role="lead", **given):
    view = View(Visitor(person(role), True), (), page, **({"study": "abc"} | given))
    return "\n".join(words(app.built(PAGES[page], view)))


def test_there_is_a_file_for_every_page_and_it_says_what_it_is():
    assert tuple(PAGES) == board.PAGES
    assert all(slug == module.SLUG and module.TITLE for slug, module in PAGES.items())


@pytest.mark.parametrize("page", board.PAGES)
def test_a_page_says_what_the_results_do_not_have_and_never_fails(abc, page):
    text = shown(page)
    assert text and "This part failed" not in text and "Traceback" not in text


@pytest.mark.parametrize("page", board.PAGES)
@pytest.mark.parametrize("role", ["cra", "coder", "medical"])
def test_a_page_that_is_not_for_a_role_says_so_and_shows_nothing_else(abc, page, role):
    text = shown(page, role)
    if role in SEE[page]:
        assert "not shown to the role" not in text
    else:
        assert "not shown to the role" in text and "<table" not in text and "card" not in text


@pytest.mark.parametrize("page", board.PAGES)
def test_a_study_that_a_person_may_not_see_shows_nothing_of_it(abc, data, page):
    publish(folder(data, "other", {"somebody": "lead"}))
    text = shown(page, study="other")
    assert "may not see" in text and "Study other" not in text


def test_text_from_data_and_from_the_address_stays_text(abc):
    for page in board.PAGES:
        text = shown(page, site="<script>alert(2)</script>") + shown(page, study="<img src=x onerror=alert(3)>") + shown(page, cutoff="<b>x</b>")
        assert "<script>alert" not in text and "<img src=x" not in text and "<b>x</b>" not in text, page


def test_the_newest_results_are_shown_when_asked_for(abc):
    view = View(Visitor("lead", True), (), "overview", study="abc")
    page = app.built(PAGES["overview"], view)
    publish(abc, "2024-03-11")
    assert view.reader.newer() and "2024-03-11" not in "".join(words(page))
    view.reader.reopen()
    view.param.trigger("cutoff")
    assert "Results of 2024-03-11" in "".join(words(page))


def test_the_address_holds_the_shared_filters_and_keeps_what_belongs_to_the_page():
    assert app._asked("?study=demo&site=0101&x=1") == {"study": "demo", "site": "0101"}
    view = View(Visitor("lead", True), study="demo", site="0101")
    assert app._search(view, "?study=old&owner=site&x=1") == "?study=demo&site=0101&x=1"
    assert app._search(View(Visitor("lead", True)), "?study=old") == ""
