"""Sign-in to the dashboard over real HTTP and web sockets: who gets in, for how long, from where, and what every answer says to the browser."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time

import pytest
from argon2 import PasswordHasher
from bokeh.util.token import get_token_payload
from identity_provider import CLIENT, SECRET, Provider
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
        ({"way": "oidc"}, "CDM_OIDC_ISSUER"),
        ({}, "Who looks"),
        ({"way": "magic"}, "must be one of"),
    ],
)
def test_a_door_that_would_let_somebody_in_unseen_is_refused(given, said):
    with pytest.raises(CdmError, match=said):
        Door(**given)


@pytest.fixture
def at_a_provider(monkeypatch):
    """What an administrator sets in the environment for sign-in with an OpenID provider."""
    for name in ("PANEL_OAUTH_PROVIDER", "PANEL_OAUTH_OPTIONAL", "PANEL_OAUTH_GUEST_ENDPOINTS", "PANEL_OAUTH_JWT_USER", "PANEL_OAUTH_REDIRECT_URI"):
        monkeypatch.delenv(name, raising=False)

    def set_(issuer="https://id.example.org", **more):
        for name, text in ({"CDM_OIDC_ISSUER": issuer, "PANEL_OAUTH_KEY": CLIENT, "PANEL_OAUTH_SECRET": SECRET} | more).items():
            monkeypatch.setenv(name, text)

    return set_


@pytest.mark.parametrize(
    "given, said",
    [
        ({"PANEL_OAUTH_OPTIONAL": "1"}, "optional"),
        ({"PANEL_OAUTH_GUEST_ENDPOINTS": "/overview"}, "optional"),
        ({"PANEL_OAUTH_PROVIDER": "github"}, "must be `generic`"),
        ({"issuer": "http://id.example.org"}, "https address"),
        ({"issuer": "id.example.org"}, "https address"),
    ],
)
def test_sign_in_at_an_identity_provider_that_can_be_passed_by_is_refused(at_a_provider, given, said):
    at_a_provider()
    assert Door(way="oidc").way == "oidc"
    at_a_provider(**given)
    with pytest.raises(CdmError, match=said):
        Door(way="oidc")


@pytest.fixture
def abc(data, monkeypatch):
    monkeypatch.setattr(people, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    publish(folder(data, "abc", {"dora": "data manager", "lena": "lead"}))
    people.set_password(studies.load("abc"), "dora", PASSWORD)
    people.set_password(studies.load("abc"), "lena", "four words of another")
    return studies.load("abc")


def answered(request):
    """What a server answers, whatever it is."""

    async def one():
        return await AsyncHTTPClient(force_instance=True).fetch(request, raise_error=False)

    return asyncio.run(one())


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
        return answered(HTTPRequest(self.home + path, method, {k.replace("_", "-"): v for k, v in headers.items()}, body=body, follow_redirects=False, request_timeout=60))

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
    """What a session token holds, as text; it is signed, and compressed."""
    return json.dumps(get_token_payload(token))


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


# With an OpenID provider


@pytest.fixture(scope="module")
def provider():
    one = Provider()
    yield one
    one.stop()


def chosen(there, person):
    """The address to which the provider sends a browser back when this person has been chosen."""
    return answered(HTTPRequest(f"{there}&person={person}", follow_redirects=False)).headers["Location"]


class Browser:
    """What a browser does on the way to the provider and back: it follows, and keeps the dashboard's cookies."""

    def __init__(self, door):
        self.door, self.cookies = door, {}

    def ask(self, address):
        answer = self.door.ask(address.removeprefix(self.door.home), Cookie="; ".join(f"{name}={text}" for name, text in self.cookies.items()))
        for said in answer.headers.get_list("Set-Cookie"):
            name, _, text = said.partition(";")[0].partition("=")
            self.cookies[name] = text
            if not text or text == '""':
                del self.cookies[name]
        return answer

    def sign_in(self, person, where="/overview"):
        there = self.ask(f"/login?next={where}").headers["Location"]
        back = chosen(there, person)
        return self.ask(back)


def test_sign_in_with_an_openid_provider_end_to_end(served, provider, at_a_provider):
    provider.right()
    at_a_provider(provider.address)
    door = served("oidc")
    assert door.ask("/overview").code == 302 and door.ask("/overview", Cookie="user=dora").code == 302
    dora = Browser(door)
    answer = dora.sign_in("dora", "/readiness")
    assert answer.code == 302 and answer.headers["Location"] == "/readiness"
    assert provider.asked[-1]["redirect_uri"] == f"{door.home}/login" and provider.asked[-1]["response_type"] == "code" and "openid" in provider.asked[-1]["scope"]
    set_ = next(said for said in answer.headers.get_list("Set-Cookie") if said.startswith("user="))
    assert {"httponly", "samesite=lax"} <= set(set_.lower().replace(" ", "").split(";"))
    assert not {"access_token", "id_token", "refresh_token"} & dora.cookies.keys(), "tokens stay on the server"
    page = dora.ask("/readiness")
    assert page.code == 200 and '"Cdm-Visitor": "dora ' in payload(token(page)) and "user=" not in payload(token(page))
    mine = {"Cookie": f"user={dora.cookies['user']}"}
    assert json.loads(door.connect(token(page), **mine))["msgtype"] == "ACK"
    assert not isinstance(door.connect(token(page)), str)
    lena = Browser(door)
    lena.sign_in("lena")
    assert not isinstance(door.connect(token(page), Cookie=f"user={lena.cookies['user']}"), str), "another person's token"
    # Signing out ends it here, also for a kept cookie.
    assert dora.ask("/logout").code == 200 and "user" not in dora.cookies
    assert door.ask("/readiness", **mine).code == 302


@pytest.mark.parametrize(
    "wrong",
    [
        {"wrong": {"aud": "another-program"}}, {"wrong": {"aud": [CLIENT, "another-program"]}}, {"wrong": {"aud": None}}, {"wrong": {"exp": 1_700_000_000}}, {"wrong": {"exp": None}},
        {"wrong": {"iss": "https://evil.example.org"}}, {"wrong": {"nbf": 4_000_000_000}}, {"wrong": {"preferred_username": None}}, {"wrong": {"preferred_username": "lena x"}},
        {"wrong": {"preferred_username": ["lena"]}}, {"header": {"alg": "none"}}, {"header": {"alg": "HS256"}}, {"header": {"kid": "two"}}, {"key": "other"}, {"without_token": True},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_that_does_not_prove_who_somebody_is_lets_nobody_in(served, provider, at_a_provider, wrong):
    at_a_provider(provider.address)
    door = served("oidc")
    provider.right()
    for name, value in wrong.items():
        setattr(provider, name, provider.other if name == "key" else value)
    who = Browser(door)
    answer = who.sign_in("dora")
    assert answer.code == 401 and "Not signed in" in answer.body.decode() and "Location" not in answer.headers
    assert "user" not in who.cookies and who.ask("/overview").code == 302
    provider.right()
    assert who.sign_in("dora").code == 302 and who.ask("/overview").code == 200, "a good token does, at the same door"


def test_an_answer_to_a_question_that_this_browser_did_not_ask_lets_nobody_in(served, provider, at_a_provider):
    provider.right()
    at_a_provider(provider.address)
    door = served("oidc")
    first, second = Browser(door), Browser(door)
    there = first.ask("/login").headers["Location"]
    back = chosen(there, "dora")
    assert second.ask(back).code == 401 and "user" not in second.cookies  # somebody else's code and state
    assert first.ask("/login?code=made-up&state=made-up").code == 401
    for away in ("https://evil.example.org", "//evil.example.org"):
        assert first.ask(f"/login?next={away}").code == 400


def test_a_person_whom_no_study_lists_signs_in_and_sees_nothing(served, provider, at_a_provider):
    provider.right()
    at_a_provider(provider.address)
    door = served("oidc")
    stranger = Browser(door)
    assert stranger.sign_in("stranger").code == 302
    assert '"Cdm-Visitor": "stranger ' in payload(token(stranger.ask("/overview")))
    assert board.visible(board.Visitor("stranger", True)) == []


def test_a_provider_that_is_another_one_or_does_not_answer_lets_nobody_in(served, provider, at_a_provider):
    at_a_provider(provider.address.replace("localhost", "127.0.0.1"))  # reached, but it calls itself otherwise
    answer = served("oidc").ask("/login")
    assert answer.code == 502 and "calls itself" in answer.body.decode()
    at_a_provider("http://localhost:9")
    assert served("oidc").ask("/login").code == 502


def test_a_proxys_secret_is_compared_whole_and_two_names_are_nobodys(served):
    door = served("proxy", secret=SHARED)
    for secret in ("", "S" * 32, SHARED + "s", "s", "\u00e9" * 32):
        assert door.ask("/runs", X_Forwarded_User="dora", Cdm_Proxy_Secret=secret).code == 302, secret
    assert door.ask("/runs", X_Forwarded_User="dora,lena", Cdm_Proxy_Secret=SHARED).code == 302
    page = door.ask("/runs", X_Forwarded_User="dora", Cdm_Proxy_Secret=SHARED)
    proved = {"X-Forwarded-User": "dora", "Cdm-Proxy-Secret": SHARED}
    assert json.loads(door.connect(token(page), **proved))["msgtype"] == "ACK"
    for headers in ({}, {"X-Forwarded-User": "dora"}, proved | {"X-Forwarded-User": "lena"}, proved | {"Cdm-Proxy-Secret": "x" * 32}):
        assert not isinstance(door.connect(token(page), **headers), str), headers
