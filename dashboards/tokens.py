"""Identity tokens of an OpenID provider: who issued them, for whom, until when, and that they are signed by the issuer's key.

Panel's OAuth reads a token without checking it; a token that was made for another program, or that has run out, must not open the dashboard.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import jwt
from tornado.httpclient import AsyncHTTPClient, HTTPError

from cdmlib.errors import CdmError

ALGORITHMS = ["RS256", "ES256"]
LEEWAY = 60  # seconds that two clocks may differ
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Refused(CdmError):
    """A token that does not prove who somebody is, and why."""


@dataclass
class Issuer:
    """An OpenID provider by its address, with what it says of itself and its keys, both read when they are first needed."""

    address: str
    said: dict = field(default_factory=dict)
    keys: list[dict] = field(default_factory=list)

    async def read(self) -> dict:
        """What the provider says of itself. Raises Refused when it can't be reached or is another one."""
        if not self.said:
            said = await _json(self.address.rstrip("/") + "/.well-known/openid-configuration")
            if said.get("issuer") != self.address:
                raise Refused(f"The identity provider calls itself {said.get('issuer')!r}; CDM_OIDC_ISSUER says {self.address!r}. Both must be the same, letter by letter.")
            if missing := [name for name in NEEDED if not str(said.get(name, "")).startswith(("https://", "http://"))]:
                raise Refused(f"The identity provider does not say its {', '.join(missing)}.")
            self.said = said
        return self.said

    async def claims(self, token: object, audience: str) -> dict:
        """What a token says, when it is good: see `checked`. Keys that the provider has changed are read anew."""
        header = _header(token)
        if not any(key.get("kid") == header.get("kid") for key in self.keys):
            self.keys = (await _json((await self.read())["jwks_uri"])).get("keys", [])
        return checked(token, self.keys, self.address, audience)


def checked(token: object, keys: Iterable[dict], issuer: str, audience: str) -> dict:
    """What an identity token says.

    Raises Refused unless one of the issuer's keys signed it (RS256 or ES256), for this audience, and it holds now.
    """
    header = _header(token)
    key = next((key for key in keys if key.get("kid") == header.get("kid") and key.get("use", "sig") == "sig"), None)
    if key is None:
        raise Refused("its key is not one of the identity provider's")
    try:
        said = jwt.decode(
            token, jwt.PyJWK.from_dict(key), ALGORITHMS, {"require": ["exp", "iss", "aud"]}, audience=audience, issuer=issuer, leeway=LEEWAY
        )
    except jwt.PyJWTError as error:
        raise Refused(f"{error}") from None
    if isinstance(said["aud"], list) and len(said["aud"]) > 1 and said.get("azp") != audience:
        raise Refused("it was made for several programs, and first for another one")
    return said


def _header(token: object) -> dict:
    try:
        return jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise Refused(f"{error}") from None


async def _json(address: str) -> dict:
    if urlsplit(address).scheme not in ("https", "http"):
        raise Refused(f"The identity provider can't be asked at {address!r}.")
    try:
        answer = await AsyncHTTPClient().fetch(address, request_timeout=10)
        said = json.loads(answer.body)
    except (OSError, ValueError, HTTPError) as error:
        raise Refused(f"The identity provider can't be asked at {address}: {error}") from None
    return said if isinstance(said, dict) else {}
