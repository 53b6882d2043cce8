"""A small OpenID provider on this machine for the tests: discovery, keys, a page to choose who one is, and tokens; each token may be made wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import threading
import time
from html import escape
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler

CLIENT, SECRET = "the-dashboard", "a secret of the dashboard"


def encoded(given: bytes | dict) -> str:
    return base64.urlsafe_b64encode(given if isinstance(given, bytes) else json.dumps(given).encode()).decode().rstrip("=")


def number(n: int) -> str:
    return encoded(n.to_bytes((n.bit_length() + 7) // 8, "big"))


class Provider:
    """The provider. wrong: what is changed in the claims of the next tokens; key: with which key they are signed; header: what is changed there."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://localhost:{self.port}"
        self.key = self.own = rsa.generate_private_key(65537, 2048)
        self.other = rsa.generate_private_key(65537, 2048)
        self.wrong, self.header, self.codes, self.asked = {}, {}, {}, []
        self.without_token = False
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        assert ready.wait(20)

    def right(self) -> None:
        """Tokens are good from now on."""
        self.wrong, self.header, self.key, self.without_token = {}, {}, self.own, False

    def token(self, person: str) -> str:
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "sub": f"id of {person}", "preferred_username": person, "iat": now, "exp": now + 300} | self.wrong
        head = {"alg": "RS256", "typ": "JWT", "kid": "one"} | self.header
        signed = f"{encoded(head)}.{encoded({k: v for k, v in claims.items() if v is not None})}"
        return f"{signed}.{encoded(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())) if head['alg'] != 'none' else ''}"

    def keys(self) -> list[dict]:
        public = self.own.public_key().public_numbers()
        return [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "n": number(public.n), "e": number(public.e)}]

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        self.loop = IOLoop.current()
        handlers = {"/.well-known/openid-configuration": Discovery, "/keys": Keys, "/authorize": Authorize, "/token": Token, "/favicon.ico": Icon}
        self.server = HTTPServer(Application([(path, handler, {"provider": self}) for path, handler in handlers.items()]))
        self.server.listen(self.port, "127.0.0.1")
        self.server.listen(self.port, "::1") if socket.has_ipv6 else None
        self.loop.add_callback(ready.set)
        self.loop.start()

    def stop(self) -> None:
        self.loop.add_callback(self.server.stop)
        self.loop.add_callback(self.loop.stop)
        self.thread.join(10)


class _Handler(RequestHandler):
    def initialize(self, provider: Provider) -> None:
        self.provider = provider


class Discovery(_Handler):
    def get(self) -> None:
        here = self.provider.address
        self.write({"issuer": here, "authorization_endpoint": f"{here}/authorize", "token_endpoint": f"{here}/token", "jwks_uri": f"{here}/keys"})


class Icon(_Handler):
    def get(self) -> None:
        self.set_status(204)


class Keys(_Handler):
    def get(self) -> None:
        self.write({"keys": self.provider.keys()})


class Authorize(_Handler):
    def get(self) -> None:
        asked = {name: self.get_argument(name) for name in ("client_id", "redirect_uri", "response_type", "scope", "state")}
        self.provider.asked.append(asked)
        if person := self.get_argument("person", ""):
            code = secrets.token_urlsafe()
            self.provider.codes[code] = (person, asked["redirect_uri"])
            self.redirect(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")
            return
        people = "".join(f'<p><a href="?{escape(urlencode(asked | {"person": p}))}">{p}</a></p>' for p in ("dora", "lena", "lead.one", "stranger"))
        self.write(f"<!doctype html><title>Who are you?</title><h1>Who are you?</h1>{people}")


class Token(_Handler):
    def post(self) -> None:
        person, redirect = self.provider.codes.pop(self.get_argument("code"), ("", ""))
        known = (self.get_argument("client_id"), self.get_argument("client_secret"), self.get_argument("redirect_uri")) == (CLIENT, SECRET, redirect)
        if not person or not known:
            self.set_status(400)
            self.write({"error": "invalid_grant"})
            return
        given = {} if self.provider.without_token else {"id_token": self.provider.token(person)}
        self.write({"access_token": self.provider.token(person), "token_type": "Bearer", "expires_in": 300} | given)
