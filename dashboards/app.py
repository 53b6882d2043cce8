"""The dashboard's server and the frame around every page: menu, shared filters, sign-in, and word of newer results.

A page is a file here with TITLE, SLUG and `page(view)`, which watches the view (`parts.following`). Whatever it reads goes through
`view.reader`, which decides who may see what.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import secrets
from collections.abc import Callable, Sequence
from html import escape
from types import ModuleType
from urllib.parse import parse_qs, urlencode

import pandas as pd
import panel as pn
import panel_material_ui as pmui
from bokeh.models import CustomJS
from bokeh.settings import settings as bokeh_settings
from panel.io.server import get_server
from panel.util import edit_readonly
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

from cdmlib import board, figures
from cdmlib.board import FILTERS, PAGES, View, Visitor
from cdmlib.errors import CdmError

from . import parts, signin
from .signin import Door

NEWS = 10_000  # milliseconds between two looks at whether a newer run was published
LASTING = 7 * 24 * 3600  # seconds for which a browser keeps a file whose address does not change with its content
SOON = 1  # milliseconds until a page is built: when its frame has been sent
SEVERITIES = ("", "critical", "major", "minor")
COLOURS = {
    "light": {"palette": {"primary": {"main": "#0b5cad"}, "background": {"default": "#f6f8fa", "paper": "#ffffff"}}, "shape": {"borderRadius": 6}},
    "dark": {"palette": {"primary": {"main": "#7db8f5"}, "background": {"default": "#111a22", "paper": "#17222c"}}, "components": {"MuiAppBar": {"styleOverrides": {"root": {"backgroundColor": "#0c3054", "color": "#ffffff"}}}}, "shape": {"borderRadius": 6}},
}
MENU = """
nav { display: flex; flex-direction: column; gap: 2px; font: 15px/1.4 system-ui, sans-serif }
nav a { padding: .45rem .75rem; border-radius: 6px; color: inherit; text-decoration: none; border-left: 4px solid transparent }
nav a:hover { background: rgba(127, 127, 127, .15) } nav a:focus-visible { outline: 3px solid #4c8fd6; outline-offset: -2px }
nav a[aria-current] { font-weight: 600; background: rgba(76, 143, 214, .18); border-left-color: #4c8fd6 }
"""


def pages() -> dict[str, ModuleType]:
    """The pages that there are, by the name in their address, in the order of the menu."""
    found = {}
    for slug in PAGES:
        if importlib.util.find_spec(f"{__package__}.{slug}"):
            found[slug] = importlib.import_module(f"{__package__}.{slug}")
    return found


def serve(door: Door, only: Sequence[str] = (), start: bool = True) -> object:
    """Serve the dashboard at a door, of some studies only when they are named; returns the server (stopped, when not started)."""
    bokeh_settings.resources = "server"
    bokeh_settings.secret_key = secrets.token_hex(32)
    bokeh_settings.sign_sessions = True
    bokeh_settings.perform_error_diagnostics = False  # it looks at each callback's signature each time
    bokeh_settings.perform_document_validation = False
    pn.extension("tabulator", notifications=False, inline=True)
    pn.config.cookie_secret = secrets.token_hex(32)
    found = pages()
    apps: dict[str, Callable] = {f"/{slug}": _session(module, door, tuple(only)) for slug, module in found.items()}
    apps["/"] = _session(found["portfolio"], door, tuple(only))
    server = get_server(
        apps,
        port=door.port,
        address=door.address,
        websocket_origin=door.hosts,
        title={slug: "Clinical data management" for slug in apps},
        cookie_secret=pn.config.cookie_secret,
        auth_provider=door.provider(),
        sign_sessions=True,
        secret_key=bokeh_settings.secret_key().encode(),
        generate_session_ids=True,
        include_headers=[signin.IDENTITY],  # nothing else of a request goes into a session token
        include_cookies=[],
        exclude_cookies=None,
        exclude_headers=None,
        session_token_expiration=300,
        check_unused_sessions_milliseconds=5_000,
        unused_session_lifetime_milliseconds=30_000,
        use_xheaders=door.way != "none",
        start=False,
    )
    signin.close_embedding(server)
    server._tornado.add_transform(signin.headers(door))
    server._tornado.add_transform(_Lasting)
    if start:
        _warm(found, door, tuple(only))
        server.start()
        server.io_loop.start()
    return server


class _Lasting(OutputTransform):
    """Lets a browser keep what pages are drawn with: these files are the same for everybody, and change with the packages alone."""

    def __init__(self, request: HTTPServerRequest) -> None:
        self.lasts = request.path.startswith("/static/")

    def transform_first_chunk(self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool) -> tuple[int, HTTPHeaders, bytes]:
        if self.lasts and status_code == 200 and "Cache-Control" not in headers:
            headers["Cache-Control"] = f"max-age={LASTING}"
        return status_code, headers, chunk


def _warm(found: dict[str, ModuleType], door: Door, only: tuple[str, ...]) -> None:
    """Draw each page once before anybody asks: what is loaded only then is there for the first visitor too, and what lasts is not looked through again for rubbish."""
    parts.plot(figures.bars(pd.DataFrame({"of": ["a word"], "number": [1]}), "of", "number")).get_root()
    view = View(Visitor(door.person), only)
    for study in view.studies[:1]:
        for slug, module in found.items():
            built(module, View(view.visitor, only, slug, study=study)).get_root()
    gc.collect()
    gc.freeze()


def _session(module: ModuleType, door: Door, only: tuple[str, ...]) -> Callable:
    def build() -> pmui.Page:
        return Frame(module, door, only).shown

    return build


class Frame:
    """One open page of one person: what is around it, and when it is built anew."""

    def __init__(self, module: ModuleType, door: Door, only: tuple[str, ...]) -> None:
        self.module, self.door = module, door
        visitor, self.key = signin.visitor(door)
        self.view = View(visitor, only, module.SLUG, **_asked(_address()))
        self.view.theme = "dark" if "theme=dark" in _address() else ""
        if len(self.view.studies) == 1 and not self.view.study:
            self.view.study = self.view.studies[0]
        self.main = pn.Column(sizing_mode="stretch_width", styles={"max-height": "none"})  # else parts of a long page lie over each other
        self.menu = pn.pane.HTML("", stylesheets=[MENU], sizing_mode="stretch_width")
        self.news = pn.Column(visible=False, sizing_mode="stretch_width", margin=0)
        self.newer = pmui.Button(label="Show the new results", variant="outlined", visible=False, on_click=self._show_newer)
        self.filters = self._filters()
        self.shown = pmui.Page(
            title="Clinical data management",
            meta_title=f"{self.module.TITLE} {self.view.study}".strip(),
            header=[pn.pane.HTML(self._person(), styles={"margin-left": "auto", "color": "inherit"})],
            sidebar=[self.menu, pmui.Divider(), *self.filters.values()],
            sidebar_width=250,
            main=[pn.Row(self.news, self.newer), self.main],
            theme_config=COLOURS,
            dark_theme=self.view.theme == "dark",
        )
        _unheard(self.shown)
        self._menu()
        for widget in self.filters.values():
            widget.param.watch(self._chosen, "value")
        self.view.param.watch(self._changed, list(FILTERS))
        self.shown.param.watch(self._lit, "dark_theme")
        if pn.state.location:
            pn.state.location.param.watch(self._moved, "search")
        if pn.state.curdoc:
            # The browser gets the frame at once; the page is built while it loads what a page is drawn with.
            self.main.objects = [parts.state("loading", f"{self.module.TITLE} …")]
            pn.state.curdoc.add_timeout_callback(self._fill, SOON)
            pn.state.add_periodic_callback(self._look, period=NEWS)
            pn.state.curdoc.on_change(self._touched)
            # Panel writes the address but does not hear the browser's back and forward: read the page anew then.
            pn.state.curdoc.js_on_event("document_ready", CustomJS(code="window.addEventListener('popstate', () => window.location.reload())" + parts.KEYS))
        else:
            self._fill()

    def _fill(self) -> None:
        self.main.objects = [built(self.module, self.view)]

    # What is shown

    def _menu(self) -> None:
        def entry(slug: str, module: ModuleType) -> str:
            current = ' aria-current="page"' if module is self.module else ""
            return f'<a href="{escape(self.view.link(slug))}"{current}>{escape(module.TITLE)}</a>'

        self.menu.object = f'<nav aria-label="Pages">{"".join(entry(*page) for page in pages().items())}</nav>'

    def _person(self) -> str:
        out = ' · <a href="logout" style="color:inherit">Sign out</a>' if self.view.visitor.signed_in else " · not signed in: nothing can be entered"
        return f"<span>{escape(self.view.visitor.id)}{out}</span>"

    def _filters(self) -> dict[str, pmui.Widget]:
        view = self.view
        sites, subjects, owners, cutoffs = _choices(view)
        wide = {"sizing_mode": "stretch_width", "size": "small", "margin": (6, 10)}
        return {
            "study": pmui.Select(label="Study", options=_studies(view), value=view.study, **wide),
            "site": pmui.AutocompleteInput(label="Site", options=_with(sites, view.site), value=view.site, restrict=True, min_characters=0, **wide),
            "subject": pmui.AutocompleteInput(label="Subject", options=_with(subjects, view.subject), value=view.subject, restrict=True, min_characters=1, **wide),
            "severity": pmui.Select(label="Severity", options={"all": ""} | {s: s for s in SEVERITIES if s}, value=view.severity, **wide),
            "owner": pmui.Select(label="Who must act", options={"all": ""} | {o: o for o in _with(owners, view.owner) if o}, value=view.owner, **wide),
            "cutoff": pmui.Select(label="Cut-off date", options={"newest": ""} | {c: c for c in _with(cutoffs, view.cutoff) if c}, value=view.cutoff, **wide),
        }

    # What happens

    def _chosen(self, event: object) -> None:
        """A filter was set on the page."""
        name = next(name for name, widget in self.filters.items() if widget is event.obj)
        changed = {name: event.new or ""}
        if name == "study":
            changed |= {"site": "", "subject": "", "cutoff": "", "owner": ""}
        self.view.param.update(**changed)

    def _moved(self, event: object) -> None:
        """The address was changed."""
        self.view.param.update(**({name: "" for name in FILTERS} | _asked(event.new)))

    def _changed(self, *events: object) -> None:
        """The shared filters are other ones now."""
        names = {event.name for event in events}
        if names & {"study", "cutoff"}:
            self._offer()
        for name, widget in self.filters.items():
            if (widget.value or "") != getattr(self.view, name):
                widget.value = getattr(self.view, name)
        if pn.state.location:
            search = _search(self.view, pn.state.location.search)
            if pn.state.location.search != search:
                pn.state.location.search = search
        self._menu()

    def _lit(self, event: object) -> None:
        """Light or dark was chosen: it goes into the address, and with the links to the other pages."""
        self.view.theme = "dark" if event.new else ""
        if pn.state.location:
            other = _search(self.view, pn.state.location.search.replace("&theme=dark", "").replace("theme=dark", ""))
            pn.state.location.search = (f"{other}&" if other else "?") + "theme=dark" if event.new else other
        self._menu()

    def _offer(self) -> None:
        """What the filters offer in the chosen study."""
        view = self.view
        sites, subjects, owners, cutoffs = _choices(view)
        self.filters["site"].options = _with(sites, view.site)
        self.filters["subject"].options = _with(subjects, view.subject)
        self.filters["owner"].options = {"all": ""} | {o: o for o in _with(owners, view.owner) if o}
        self.filters["cutoff"].options = {"newest": ""} | {c: c for c in _with(cutoffs, view.cutoff) if c}

    def _look(self) -> None:
        """Every few seconds: may this person still be here, and is there anything newer?"""
        if not self.door.sign_ins.open(self.key):
            self.main.objects = [parts.state("signed out", "Load the page again to sign in.")]
            self.menu.object, self.news.visible, self.newer.visible = "", False, False
            for widget in self.filters.values():
                widget.visible = False
            return
        runs = [run for reader in self.view.opened() if (run := _newer(reader))]
        if runs and not self.newer.visible:
            self.news.objects = [parts.state("new results", f"Run {', '.join(runs)} was published. This page still shows the results before.")]
        self.news.visible = self.newer.visible = bool(runs)

    def _show_newer(self, event: object) -> None:
        for reader in self.view.opened():
            reader.reopen(reader.cutoff)
        self.news.visible = self.newer.visible = False
        self.view.param.trigger("cutoff")

    def _touched(self, event: object) -> None:
        if getattr(event, "setter", None) is not None:  # the browser did it, not the server
            self.door.sign_ins.touch(self.key)


def built(module: ModuleType, view: View) -> pn.viewable.Viewable:
    """A page as this person may see it, or in words why not."""
    return parts.guarded(lambda: module.page(view))


def _unheard(page: pmui.Page) -> None:
    """Let a page go its own way when others are at work: it shows that its server is busy by hearing of every act of every session, and is held for ever by that."""
    with edit_readonly(page):
        page.busy = False
    for watcher in [w for w in pn.state.param.watchers["busy"]["value"] if getattr(getattr(w.fn, "__self__", None), "self_or_cls", None) is page]:
        pn.state.param.unwatch(watcher)


def _address() -> str:
    """The query of the page's address."""
    return pn.state.location.search if pn.state.location else ""


def _newer(reader: board.Reader) -> str:
    try:
        return reader.newer()
    except CdmError:
        return ""


def _choices(view: View) -> tuple[list[str], list[str], list[str], list[str]]:
    """Sites, subjects, owners and cut-off dates of the chosen study; nothing while none is chosen."""
    try:
        reader = view.reader
        there = reader.columns()
        column = {t: reader.rows(f"SELECT DISTINCT {c} AS x FROM {t} WHERE {c} IS NOT NULL ORDER BY x").x.tolist() for t, c in (("blockers", "owner"), ("queries", "action_owner")) if c in there.get(t, ())}
        subjects = reader.rows("SELECT siteid, subjid FROM subjects ORDER BY subjid") if "subjects" in there else None
        sites = sorted(set(subjects.siteid.dropna())) if subjects is not None else []
        return sites, subjects.subjid.dropna().tolist() if subjects is not None else [], sorted({o for owners in column.values() for o in owners}), reader.cutoffs()
    except CdmError:
        return [], [], [], []


def _studies(view: View) -> dict[str, str]:
    there = {study: study for study in _with(view.studies, view.study)}
    return there if len(view.studies) == 1 else {"all studies": ""} | there


def _with(options: Sequence[str], chosen: str) -> list[str]:
    """The options with the chosen value, which a link may hold although the study has none such."""
    return [*options, *([chosen] if chosen and chosen not in options else [])]


def _asked(search: str) -> dict[str, str]:
    """The shared filters in an address."""
    given = parse_qs(search.lstrip("?"))
    return {name: given[name][-1][:200] for name in FILTERS if name in given}


def _search(view: View, before: str) -> str:
    """The address's query with the filters of the view; what else stands in it belongs to the page and stays."""
    other = {name: values[-1] for name, values in parse_qs(before.lstrip("?")).items() if name not in FILTERS}
    shown = {name: getattr(view, name) for name in FILTERS if getattr(view, name)} | other
    return f"?{urlencode(shown)}" if shown else ""
