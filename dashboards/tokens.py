"""Identity tokens of an OpenID provider: who issued them, for whom, until when, and that they are signed by the issuer's key.

Panel's OAuth reads a token without checking it; a token that was made for another program, or that has run out, must not open the dashboard.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from tornado.httpclient import AsyncHTTPClient, HTTPError

from cdmlib.errors import CdmError

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
        return checked(str(token), self.keys, self.address, audience, time.time())


def checked(token: str, keys: Iterable[dict], issuer: str, audience: str, now: float) -> dict:
    """What an identity token says. now: seconds since 1970.

    Raises Refused unless one of the issuer's keys signed it (RS256 or ES256), for this audience, and it holds now.
    """
    header = _header(token)
    signed, _, signature = token.rpartition(".")
    key = next((key for key in keys if key.get("kid") == header.get("kid") and key.get("use", "sig") == "sig"), None)
    if key is None:
        raise Refused("its key is not one of the identity provider's")
    _verify(header.get("alg"), key, signed.encode(), _bytes(signature))
    said = _part(token, 1)
    heard = said.get("aud") if isinstance(said.get("aud"), list) else [said.get("aud")]
    if said.get("iss") != issuer:
        raise Refused("it comes from another identity provider")
    if audience not in heard or (len(heard) > 1 and said.get("azp") != audience):
        raise Refused("it was made for another program")
    if not isinstance(said.get("exp"), int | float) or now > said["exp"] + LEEWAY:
        raise Refused("it has run out")
    if any(isinstance(said.get(name), int | float) and said[name] > now + LEEWAY for name in ("iat", "nbf")):
        raise Refused("it does not hold yet")
    return said


def _verify(algorithm: object, key: dict, signed: bytes, signature: bytes) -> None:
    try:
        if algorithm == "RS256" and key.get("kty") == "RSA":
            public = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
            public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        elif algorithm == "ES256" and key.get("kty") == "EC" and key.get("crv") == "P-256" and len(signature) == 64:
            curve = ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), ec.SECP256R1()).public_key()
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            curve.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
        else:
            raise Refused(f"it is not signed as it must be (RS256 or ES256), but {algorithm!r}")
    except (InvalidSignature, ValueError, KeyError):
        raise Refused("its signature is wrong") from None


def _header(token: object) -> dict:
    if not isinstance(token, str) or token.count(".") != 2:
        raise Refused("there is none")
    return _part(token, 0)


def _part(token: str, place: int) -> dict:
    try:
        said = json.loads(_bytes(token.split(".")[place]))
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Refused("it can't be read")
    return said


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Refused("it can't be read") from None


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")


async def _json(address: str) -> dict:
    if urlsplit(address).scheme not in ("https", "http"):
        raise Refused(f"The identity provider can't be asked at {address!r}.")
    try:
        answer = await AsyncHTTPClient().fetch(address, request_timeout=10)
        said = json.loads(answer.body)
    except (OSError, ValueError, HTTPError) as error:
        raise Refused(f"The identity provider can't be asked at {address}: {error}") from None
    return said if isinstance(said, dict) else {}
