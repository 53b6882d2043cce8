"""Sign-in to the dashboard over real HTTP and web sockets: who gets in, for how long, from where, and what every answer says to the browser."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
import threading
import time

import pytest
from argon2 import PasswordHasher
from test_board import folder, publish
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.ioloop import IOLoop
from tornado.websocket import websocket_connect

from cdmlib import board, journal, people
from cdmlib import study as studies
from cdmlib.errors import CdmError

app = board.program()
Door = app.Door
PASSWORD = "four words of hers"
SHARED = "s" * 32


@pytest.mark.parametrize(
    "given, said",
    [
        ({"address": "0.0.0.0", "person": "dora"}, "without sign-in"),
        ({"address": "192.0.2.7", "person": "dora"}, "without sign-in"),
        ({"address": "cdm.example.org", "person": "dora"}, "without sign-in"),
        ({"address": "::", "person": "dora"}, "without sign-in"),
        ({"person": "dora", "origins": ("https://cdm.example.org",)}, "without sign-in"),
        ({"address": "0.0.0.0", "way": "password"}, "https"),
        ({"address": "0.0.0.0", "way": "password", "origins": ("http://cdm.example.org",)}, "https"),
        ({"way": "password", "origins": ("https://*.example.org",)}, "exact"),
        ({"way": "password", "origins": ("*",)}, "exact"),
        ({"way": "password", "origins": ("cdm.example.org",)}, "exact"),
        ({"way": "proxy"}, "CDM_PROXY_SECRET"),
        ({"way": "proxy", "secret": "short"}, "32 characters"),
        ({"way": "oidc"}, "PANEL_OAUTH_PROVIDER"),
        ({}, "Who looks"),
        ({"way": "magic"}, "must be one of"),
    ],
)
def test_a_door_that_would_let_somebody_in_unseen_is_refused(given, said):
    with pytest.raises(CdmError, match=said):
        Door(**given)


def test_optional_sign_in_at_an_identity_provider_is_refused(monkeypatch):
    for name in ("PROVIDER", "KEY", "SECRET", "ENCRYPTION"):
        monkeypatch.setenv(f"PANEL_OAUTH_{name}", "x")
    assert Door(way="oidc").way == "oidc"
    monkeypatch.setenv("PANEL_OAUTH_OPTIONAL", "1")
    with pytest.raises(CdmError, match="optional"):
        Door(way="oidc")


@pytest.fixture
def abc(data, monkeypatch):
    monkeypatch.setattr(people, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    publish(folder(data, "abc", {"dora": "data manager", "lena": "lead"}))
    people.set_password(studies.load("abc"), "dora", PASSWORD)
    people.set_password(studies.load("abc"), "lena", "four words of another")
    return studies.load("abc")


class Served:
    """A dashboard in a thread of its own, and the requests that a browser would send it."""

    def __init__(self, way, idle=900.0, **more):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.door = Door(port=self.port, way=way, sign_ins=app.signin.SignIns(idle), **more)
        self.home = f"http://localhost:{self.port}"
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        assert ready.wait(60)

    def _run(self, ready):
        asyncio.set_event_loop(asyncio.new_event_loop())
        self.loop = IOLoop.current()
        self.server = app.serve(self.door, start=False)
        self.server.start()
        self.loop.add_callback(ready.set)
        self.loop.start()

    def stop(self):
        self.loop.add_callback(self.server.stop)
        self.loop.add_callback(self.loop.stop)
        self.thread.join(10)

    def ask(self, path, method="GET", body=None, **headers):
        async def one():
            request = HTTPRequest(self.home + path, method, {k.replace("_", "-"): v for k, v in headers.items()}, body=body, follow_redirects=False, request_timeout=60)
            try:
                return await AsyncHTTPClient(force_instance=True).fetch(request)
            except HTTPClientError as error:
                return error.response

        return asyncio.run(one())

    def sign_in(self, person, password, origin=None, path="/login"):
        from urllib.parse import urlencode

        return self.ask(path, "POST", urlencode({"person": person, "password": password}), Origin=origin or self.home)

    def connect(self, token, origin=None, **headers):
        async def one():
            request = HTTPRequest(f"ws://localhost:{self.port}/overview/ws", headers={"Origin": origin or self.home} | headers)
            try:
                socket_ = await websocket_connect(request, subprotocols=["bokeh", token])
            except HTTPClientError as error:
                return error.code
            first = await asyncio.wait_for(socket_.read_message(), 60)
            socket_.close()
            return first

        return asyncio.run(one())


@pytest.fixture
def served(abc):
    made = []

    def make(*args, **more):
        made.append(Served(*args, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def cookie(answer):
    return answer.headers["Set-Cookie"].partition(";")[0]


def token(answer):
    return re.search(r'"token":\s*"([^"]+)"', answer.body.decode())[1]


def payload(token):
    part = token.partition(".")[0]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "replace")


def test_sign_in_with_a_password_page_by_page(served, abc):
    door = served("password")
    for path in ("/", *(f"/{page}" for page in app.pages())):
        answer = door.ask(path)
        assert answer.code == 302 and "/login" in answer.headers["Location"], path
    wrong = door.sign_in("dora", "not this one")
    unknown = door.sign_in("nobody", "not this one")
    assert wrong.code == unknown.code == 401 and wrong.body == unknown.body and "Set-Cookie" not in wrong.headers
    assert [e.subject for e in journal.read(abc, act="password.failed")] == ["dora"]
    right = door.sign_in("dora", PASSWORD, path="/login?next=%2Foverview")
    assert right.code == 302 and right.headers["Location"] == "/overview"
    assert {"httponly", "samesite=lax"} <= set(right.headers["Set-Cookie"].lower().replace(" ", "").split(";"))
    mine = {"Cookie": cookie(right)}
    page = door.ask("/overview", **mine)
    assert page.code == 200
    # The session token of the page names the person and holds neither cookie nor header of the request.
    assert "cdm=" not in page.body.decode() and cookie(right).partition("=")[2].strip('"') not in payload(token(page))
    # A web socket: with the token and the cookie of the same person, from the exact origin alone.
    assert json.loads(door.connect(token(page), **mine))["msgtype"] == "ACK"
    assert door.connect(token(page), origin="http://evil.example.org", **mine) == 403
    assert door.connect(token(page), origin=f"http://localhost.evil.org:{door.port}", **mine) == 403
    assert door.connect(token(page)) != 101 and not isinstance(door.connect(token(page)), str)
    other = {"Cookie": cookie(door.sign_in("lena", "four words of another"))}
    assert not isinstance(door.connect(token(page), **other), str)  # another person's token
    forged = token(page)[:-4] + ("AAAA" if token(page)[-4:] != "AAAA" else "BBBB")
    assert door.connect(forged, **mine) is None  # closed without an answer
    # Signing out ends it in every window.
    assert door.ask("/logout", **mine).code == 200
    assert door.ask("/overview", **mine).code == 302 and not isinstance(door.connect(token(page), **mine), str)


def test_five_wrong_passwords_make_a_person_wait_even_with_the_right_one(served, abc):
    door = served("password")
    for _ in range(5):
        assert door.sign_in("dora", "not this one").code == 401
    assert door.sign_in("dora", PASSWORD).code == 401
    assert door.sign_in("lena", "four words of another").code == 302


def test_a_forged_cookie_and_our_own_header_from_outside_name_nobody(served):
    door = served("password")
    for headers in ({"Cookie": "cdm=dora"}, {"Cdm_Visitor": "dora x"}, {"X_Forwarded_User": "dora"}, {"Cookie": "user=dora; id_token=dora"}):
        assert door.ask("/overview", **headers).code == 302


def test_a_sign_in_form_of_another_page_is_refused_and_leads_nowhere_else(served):
    door = served("password")
    assert door.sign_in("dora", PASSWORD, origin="http://evil.example.org").code == 403
    for away in ("https://evil.example.org", "//evil.example.org", "/\\evil.example.org"):
        assert door.sign_in("dora", PASSWORD, path=f"/login?next={away}").headers["Location"] == "/"


def test_somebody_who_is_idle_is_signed_out(served):
    door = served("password", idle=0.8)
    mine = {"Cookie": cookie(door.sign_in("dora", PASSWORD))}
    assert door.ask("/runs", **mine).code == 200
    time.sleep(1.0)
    assert door.ask("/runs", **mine).code == 302
    assert door.ask("/runs", **mine).code == 302


def test_a_proxy_must_prove_itself_and_names_the_person_in_one_header(served):
    door = served("proxy", secret=SHARED)
    assert door.ask("/runs", X_Forwarded_User="dora").code == 302
    assert door.ask("/runs", X_Forwarded_User="dora", Cdm_Proxy_Secret="s" * 31).code == 302
    assert door.ask("/runs", Cdm_Proxy_Secret=SHARED).code == 302
    assert door.ask("/runs", X_Forwarded_User="dora <x>", Cdm_Proxy_Secret=SHARED).code == 302
    page = door.ask("/runs", X_Forwarded_User="dora", Cdm_Proxy_Secret=SHARED)
    assert page.code == 200 and SHARED not in page.body.decode() and SHARED not in payload(token(page))


def test_every_answer_keeps_the_page_to_its_server_and_no_other_page_can_embed_it(served):
    door = served("none", person="dora")
    for path in ("/overview", "/login", "/nothing", "/static/js/bokeh.min.js"):
        headers = door.ask(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'self'" and policy["frame-ancestors"] == "'none'" and "http" not in policy["connect-src"].replace("ws://localhost", ""), path
        assert headers["X-Frame-Options"] == "DENY" and headers["X-Content-Type-Options"] == "nosniff"
    assert door.ask("/overview").headers["Cache-Control"] == "no-store"
    for path in ("/static/js/bokeh.min.js", "/static/extensions/panel-material-ui/panel-material-ui.bundle.js"):
        assert int(door.ask(path).headers["Cache-Control"].removeprefix("max-age=")) >= 7 * 24 * 3600, path
    for page in ("/overview", ""):
        assert door.ask(f"{page}/autoload.js?bokeh-autoload-element=1").code == 404
