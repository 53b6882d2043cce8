"""Sign-in to the dashboard: who a request comes from, for how long, and the headers that keep a page to its own server.

Three ways, and none on one's own machine: `password` (the password file of the data folder), `oidc` (Panel's OAuth with an OpenID provider,
set up by CDM_OIDC_ISSUER, PANEL_OAUTH_KEY and PANEL_OAUTH_SECRET; see tokens.py for what a token must prove) and `proxy` (an authenticating
proxy that passes the user name with a shared secret).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from ipaddress import ip_address
from urllib.parse import urlsplit

import panel as pn
from bokeh.server.auth_provider import AuthProvider
from bokeh.util.token import get_token_payload
from panel.auth import GenericLoginHandler, OAuthProvider
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.web import HTTPError, OutputTransform, RequestHandler
from tornado.websocket import WebSocketHandler

from cdmlib import board, people
from cdmlib import study as studies
from cdmlib.board import Visitor
from cdmlib.errors import CdmError

from . import tokens

WAYS = ("none", "password", "oidc", "proxy")
IDLE = 15 * 60  # seconds without a request or an entry, after which a person is signed out
LONGEST = 0.5  # days after which a person must sign in again
SHORTEST_SECRET = 32  # characters of the secret that a proxy proves itself with
IDENTITY = "Cdm-Visitor"  # our own header: set here for each request, never taken from outside; it goes into the signed session token
ISSUER = "CDM_OIDC_ISSUER"  # the address of the OpenID provider, in the environment
NOT_KEPT = ("access_token", "id_token", "refresh_token", "oauth_expiry")  # cookies of Panel that nothing here reads: tokens stay on the server
WRONG = "User name or password is not right; after five wrong ones in a row you must wait for 15 minutes."
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' blob: {sockets}; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


@dataclass
class SignIns:
    """Who is signed in now and when they last did something; kept in memory, so a restart signs everybody out."""

    idle: float = IDLE
    seen: dict[str, float] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def touch(self, key: str) -> None:
        """The person of this sign-in did something."""
        if key and self.open(key):
            self.seen[key] = time.monotonic()

    def open(self, key: str) -> bool:
        """Whether a sign-in still holds; one that was idle for too long ends here."""
        if key in self.ended:
            return False
        if time.monotonic() - self.seen.setdefault(key, time.monotonic()) > self.idle:
            self.end(key)
        return key not in self.ended

    def end(self, key: str) -> None:
        """Sign out, in every window."""
        self.ended.add(key)
        self.seen.pop(key, None)


@dataclass(frozen=True)
class Door:
    """How the dashboard is reached: address and port, the origins that browsers may come from, and how people sign in.

    Raises CdmError for anything that would let somebody in unseen.
    """

    address: str = "127.0.0.1"
    port: int = 5006
    origins: tuple[str, ...] = ()  # as a browser shows them: https://cdm.example.org
    way: str = "none"
    person: str = ""  # who looks, when nobody signs in
    secret: str = ""  # that the proxy proves itself with, in the header Cdm-Proxy-Secret
    user_header: str = "X-Forwarded-User"
    sign_ins: SignIns = field(default_factory=SignIns)

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise CdmError(f"Sign-in must be one of {', '.join(WAYS)}; given {self.way!r}.")
        for origin in self.origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.hostname or "*" in origin or parts.path.strip("/") or parts.query:
                raise CdmError(f"An origin must be written whole and exact, such as https://cdm.example.org; given {origin!r}.")
        if not loopback(self.address):
            if self.way == "none":
                raise CdmError(f"The dashboard does not listen on {self.address} without sign-in. Add --sign-in password, oidc or proxy.")
            if not self.origins or not all(origin.startswith("https://") for origin in self.origins):
                raise CdmError("Beyond this machine the dashboard is served over https: name the address that people open, --origin https://…")
        if self.way == "none" and any(not loopback(urlsplit(origin).hostname or "") for origin in self.origins):
            raise CdmError("The dashboard is not served to other machines without sign-in. Add --sign-in password, oidc or proxy.")
        if self.way == "none" and not self.person:
            raise CdmError("Who looks must be known: sign in (--sign-in password), or say --as.")
        if self.way == "proxy" and len(self.secret) < SHORTEST_SECRET:
            raise CdmError(f"The proxy must prove itself: set CDM_PROXY_SECRET to {SHORTEST_SECRET} characters at least, and have it send them as Cdm-Proxy-Secret.")
        if self.way == "oidc":
            missing = [name for name in (ISSUER, "PANEL_OAUTH_KEY", "PANEL_OAUTH_SECRET") if not os.environ.get(name)]
            if missing:
                raise CdmError(f"Sign-in with an identity provider needs {', '.join(missing)} in the environment: the provider's address, and the client id and secret that it gave to this dashboard.")
            issuer = urlsplit(os.environ[ISSUER])
            if not (issuer.scheme == "https" or (issuer.scheme == "http" and loopback(issuer.hostname or ""))) or issuer.query:
                raise CdmError(f"{ISSUER} must be the https address of the identity provider, such as https://id.example.org; given {os.environ[ISSUER]!r}.")
            if os.environ.get("PANEL_OAUTH_PROVIDER", "generic") != "generic":
                raise CdmError("PANEL_OAUTH_PROVIDER must be `generic`, or not be set: every OpenID provider says by itself where it is asked.")
            if os.environ.get("PANEL_OAUTH_OPTIONAL") or os.environ.get("PANEL_OAUTH_GUEST_ENDPOINTS"):
                raise CdmError("Sign-in can't be optional: unset PANEL_OAUTH_OPTIONAL and PANEL_OAUTH_GUEST_ENDPOINTS.")

    @cached_property
    def served_to(self) -> tuple[str, ...]:
        """The origins, exactly; of this machine when none are named."""
        return self.origins or (f"http://localhost:{self.port}", f"http://127.0.0.1:{self.port}")

    @property
    def hosts(self) -> list[str]:
        """The host and port of each origin, as the web socket check wants them."""
        return [urlsplit(origin).netloc.lower() for origin in self.served_to]

    @property
    def secure(self) -> bool:
        """Whether browsers reach it over https alone."""
        return all(origin.startswith("https://") for origin in self.served_to)

    def provider(self) -> AuthProvider:
        """The part that the server asks who a request comes from."""
        return {"none": _Nobody, "password": _Password, "oidc": _Oidc, "proxy": _Proxy}[self.way](self)


def loopback(address: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return address == "localhost" or ip_address(address).is_loopback
    except ValueError:
        return False


def visitor(door: Door) -> tuple[Visitor, str]:
    """Who this session belongs to, and the key of their sign-in; from the signed token that the server made."""
    said = pn.state.curdoc.session_context.request.headers.get(IDENTITY, "")
    person, _, key = str(said).partition(" ")
    return Visitor(person, door.way != "none"), key


def check(person: str, password: str) -> bool:
    """Whether a password is the person's. A wrong one is kept in the journal of a study that lists the person."""
    study = next((s for s in map(_loaded, board.visible(Visitor(person, True))) if s), None)
    if not study:
        people.HASHER.hash(password)  # as long as a wrong password takes, so that nobody learns who there is
        return False
    try:
        people.check_password(study, person, password)
    except CdmError:
        return False
    return True


def _loaded(study_id: str) -> studies.Study | None:
    try:
        return studies.load(study_id)
    except CdmError:
        return None


def _identified(handler: RequestHandler, person: str, key: str, door: Door) -> str | None:
    """Write who it is into our own header; None when nobody, when signed out, or when the session token is somebody else's."""
    if IDENTITY in handler.request.headers:
        del handler.request.headers[IDENTITY]
    if not person or any(c.isspace() for c in person) or not door.sign_ins.open(key):
        return None
    said = f"{person} {key}"
    if isinstance(handler, WebSocketHandler):
        if _token_says(handler) != said:
            return None
    else:
        door.sign_ins.touch(key)
    handler.request.headers[IDENTITY] = said
    return person


def _token_says(handler: WebSocketHandler) -> str:
    """Whom the session token names; its signature is checked by the server before a session is opened."""
    offered = handler.request.headers.get("Sec-Websocket-Protocol", "").split(",")
    try:
        return get_token_payload(offered[-1].strip()).get("headers", {}).get(IDENTITY, "")
    except Exception:  # a token that can't be read names nobody
        return ""


class _Provider(AuthProvider):
    def __init__(self, door: Door) -> None:
        self.door = door
        super().__init__()

    @property
    def login_url(self) -> str:
        return "/login"

    @property
    def logout_url(self) -> str:
        return "/logout"

    @property
    def logout_handler(self) -> type[RequestHandler]:
        return type("Logout", (_Logout,), {"door": self.door})

    @property
    def login_handler(self) -> type[RequestHandler]:
        return type("Login", (_Login,), {"door": self.door})


class _Nobody(_Provider):
    """No sign-in: on one's own machine the named person looks, and may enter nothing."""

    @property
    def get_user(self):
        return lambda handler: _identified(handler, self.door.person, "", self.door)


class _Password(_Provider):
    @property
    def get_user(self):
        return self._user

    def _user(self, handler: RequestHandler) -> str | None:
        cookie = handler.get_cookie("cdm") or ""
        person = handler.get_signed_cookie("cdm", max_age_days=LONGEST)
        return _identified(handler, person.decode() if person else "", _key(cookie), self.door)


class _Proxy(_Provider):
    @property
    def get_user(self):
        return self._user

    def _user(self, handler: RequestHandler) -> str | None:
        headers = handler.request.headers
        proved = hmac.compare_digest(headers.get("Cdm-Proxy-Secret", "").encode(), self.door.secret.encode())
        # Read once and removed, so that neither goes into a session token.
        person = headers.get(self.door.user_header, "") if proved and len(headers.get_list(self.door.user_header)) == 1 else ""
        return _identified(handler, person if _plain(person) else "", "", self.door)


class _Oidc(OAuthProvider):
    """Panel's own OAuth with an OpenID provider; whom a good token names is a person of a study by id."""

    def __init__(self, door: Door) -> None:
        self.door, self.issuer = door, tokens.Issuer(os.environ[ISSUER])
        pn.config.oauth_expiry = LONGEST
        super().__init__(login_endpoint="/login", logout_endpoint="/logout")

    @property
    def get_user_async(self):
        ask = super().get_user_async

        async def user(handler: RequestHandler) -> str | None:
            person = await ask(handler)
            return _identified(handler, person or "", _key(handler.get_cookie("user") or ""), self.door)

        return user

    @property
    def login_handler(self):
        return type("Login", (_OidcLogin,), {"door": self.door, "issuer": self.issuer})

    @property
    def logout_handler(self):
        return type("Logout", (_Logout,), {"door": self.door})


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()[:32]


def _plain(person: str) -> bool:
    return bool(person) and len(person) <= 64 and all(c.isalnum() or c in "._-" for c in person)


class _Cookies:
    """Cookies that scripts can't read and that other sites can't send."""

    door: Door

    def set_cookie(self, name: str, value: str | bytes, *args: object, **kwargs: object) -> None:
        if name in NOT_KEPT and value:
            return
        kwargs |= {"secure": self.door.secure, "httponly": True, "samesite": "Lax"}
        super().set_cookie(name, value, *args, **kwargs)  # type: ignore[misc]


class _OidcLogin(_Cookies, GenericLoginHandler):
    """Sends people to the OpenID provider and lets them in with a good token alone."""

    issuer: tokens.Issuer
    said: dict = {}  # noqa: RUF012  replaced as a whole

    async def get(self) -> None:
        try:
            self.said = await self.issuer.read()
        except tokens.Refused as error:
            raise HTTPError(502, log_message=str(error)) from None
        await super().get()

    def get_auth_http_client(self) -> _Checking:
        return _Checking(super().get_auth_http_client(), self._check)

    async def _check(self, request: object, body: bytes) -> None:
        """Refuse what the token endpoint answered unless it names a person with a good token."""
        if getattr(request, "url", request) != self._OAUTH_ACCESS_TOKEN_URL:
            return
        try:
            said = json.loads(body)
            claims = await self.issuer.claims(said.get("id_token") if isinstance(said, dict) else None, pn.config.oauth_key)
        except (ValueError, tokens.Refused) as error:
            raise HTTPError(401, log_message=f"The identity provider's token was refused: {error}.") from None
        person = claims.get(pn.config.oauth_jwt_user or self._USER_KEY)
        if not isinstance(person, str) or not _plain(person):
            raise HTTPError(401, log_message="The identity provider's token names no person of a study: set PANEL_OAUTH_JWT_USER to the claim that holds the user name.")

    def write_error(self, status_code: int, **kwargs: object) -> None:
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        self.clear_all_cookies()
        said = error.log_message if isinstance(error, HTTPError) and error.log_message else "The sign-in did not succeed."
        self.finish(_page("Not signed in", f'<p role="alert">{escape(str(said))}</p><p><a href="./">Sign in again</a></p>'))

    @property
    def _redirect_uri(self) -> str:
        here = self.request.host.lower()
        origin = next((origin for origin in self.door.served_to if urlsplit(origin).netloc.lower() == here), self.door.served_to[0])
        return pn.config.oauth_redirect_uri or f"{origin.rstrip('/')}/login"

    @property
    def _USER_KEY(self) -> str:
        return "preferred_username"  # people's ids are user names, and no addresses

    @property
    def _SCOPE(self) -> list[str]:
        return os.environ.get("PANEL_OAUTH_SCOPE", "openid,email,profile").split(",")

    @property
    def _OAUTH_ACCESS_TOKEN_URL(self) -> str:
        return self.said["token_endpoint"]

    @property
    def _OAUTH_AUTHORIZE_URL(self) -> str:
        return self.said["authorization_endpoint"]

    @property
    def _OAUTH_USER_URL(self) -> None:
        return None

    @property
    def _OAUTH_LOGOUT_URL(self) -> str:
        return "./logout"


@dataclass(frozen=True)
class _Checking:
    """The client that asks the provider, with a check of each answer before anything is made of it."""

    client: AsyncHTTPClient
    check: Callable[[object, bytes], Awaitable[None]]

    async def fetch(self, request: object, **how: object) -> HTTPResponse:
        response = await self.client.fetch(request, **how)
        await self.check(request, response.body)
        return response


class _Login(_Cookies, RequestHandler):
    def get(self) -> None:
        self.write(_page("Sign in", _form("")) if self.door.way == "password" else _page("Not signed in", NOT_SIGNED_IN))

    async def post(self) -> None:
        if self.door.way != "password" or self.request.headers.get("Origin", "").lower() not in self.door.served_to:
            self.send_error(403)
            return
        person, password = self.get_body_argument("person", "").strip(), self.get_body_argument("password", "", strip=False)
        if _plain(person) and await asyncio.to_thread(check, person, password):
            self.set_signed_cookie("cdm", person, expires_days=None, path="/")
            self.redirect(_own(self.get_argument("next", "/")))
            return
        self.set_status(401)
        self.write(_page("Sign in", _form(WRONG)))


class _Logout(_Cookies, RequestHandler):
    def get(self) -> None:
        for name in ("cdm", "user"):
            if cookie := self.get_cookie(name):
                self.door.sign_ins.end(_key(cookie))
        for name in ("cdm", "user", "id_token", "access_token", "refresh_token", "oauth_expiry"):
            self.clear_cookie(name)
        self.write(_page("Signed out", '<p>You are signed out.</p><p><a href="./">Sign in again</a></p>'))


def _own(address: str) -> str:
    """An address on this server alone."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/"


NOT_SIGNED_IN = "<p>The proxy in front of this dashboard did not say who you are. Sign in there, or ask whoever runs it.</p>"
STYLE = """
:root { color-scheme: light dark; --line: #75808c; --ink: #14202b; --paper: #ffffff; --act: #0b5cad }
@media (prefers-color-scheme: dark) { :root { --line: #8b97a3; --ink: #e8edf2; --paper: #16202a; --act: #7db8f5 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); display: grid; place-items: center; min-height: 90vh }
main { width: 22rem } label { display: block; margin-top: 1rem } input { font: inherit; width: 100%; padding: .5rem; box-sizing: border-box; border: 1px solid var(--line); border-radius: 4px }
button { font: inherit; margin-top: 1.5rem; padding: .5rem 1.5rem; border: 0; border-radius: 4px; background: var(--act); color: var(--paper); cursor: pointer }
a { color: var(--act) } [role=alert] { border-left: 4px solid #c62828; padding-left: .75rem } :focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
"""


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def _form(said: str) -> str:
    return (
        (f'<p role="alert">{escape(said)}</p>' if said else "<p>Clinical data management workbench</p>")
        + '<form method="post"><label for="person">User name</label><input id="person" name="person" autocomplete="username" autofocus required>'
        '<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>'
        "<button>Sign in</button></form><p><small>No password yet? Set it where the studies are: <code>cdm people STUDY password</code></small></p>"
    )


def headers(door: Door) -> type[OutputTransform]:
    """What every answer says to the browser: nothing from elsewhere, in no frame, nothing kept in a shared cache."""
    sockets = " ".join(("wss://" if origin.startswith("https") else "ws://") + urlsplit(origin).netloc for origin in door.served_to)
    said = {
        "Content-Security-Policy": POLICY.format(sockets=sockets),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
    } | ({"Strict-Transport-Security": "max-age=31536000"} if door.secure else {})

    class Headers(OutputTransform):
        def transform_first_chunk(self, status_code, headers, chunk, finishing):
            for name, text in said.items():
                headers[name] = text
            return status_code, headers, chunk

    return Headers


def close_embedding(server: object) -> None:
    """Take away the routes that would let another page embed this one."""
    routers = [server._tornado.wildcard_router, server._tornado.default_router]
    for router in routers:
        router.rules[:] = [rule for rule in router.rules if not _embeds(rule.matcher)]


def _embeds(matcher: object) -> bool:
    return "autoload" in getattr(getattr(matcher, "regex", None), "pattern", "")
