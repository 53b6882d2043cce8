"""Keys that sign: one per person, opened by their password, and one of the installation that seals every run.

A signature stands beside what it signs, as a DSSE envelope around an in-toto statement (Ed25519). It supports 21 CFR
Part 11; that a person is who they say stays with the organisation.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from cdmlib import journal, people
from cdmlib.errors import CdmError
from cdmlib.journal import Act
from cdmlib.study import Study, data_folder

INSTALLATION = "installation"  # signs that a run was made here, not by whom
COLUMNS = ("signer", "public_key", "fingerprint")
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:cdmlib:signature:v1"


@dataclass(frozen=True)
class Signed:
    """What a signature file says: who, with what role and meaning, when (UTC), over which SHA-256, with which public key."""

    signer: str
    name: str
    role: str
    meaning: str
    signed_at: str
    subject: str
    digest: str
    public_key: str

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public_key)


def fingerprint(public_key: str) -> str:
    """A public key short enough to be read out: 16 characters of its SHA-256."""
    return hashlib.sha256(base64.b64decode(public_key)).hexdigest()[:16]


def create(study: Study, person_id: str, password: str, reason: str = "") -> str:
    """Make a person's key, opened by their password, and list its public half; returns the public key.

    reason: why, when they have one already (such as a password that was reset); the old public key stays in the journal.
    """
    who = people.person(study, person_id)
    people.check_password(study, who.id, password)
    path = _file(who.id)
    if path.exists() and len(reason.strip(" .-")) < 3:
        raise CdmError(f"{who.id} has a key already. To replace it, say why: --reason")
    key = Ed25519PrivateKey.generate()
    journal.append(study, who.id, who.role, [Act("archive.key", who.id, "ed25519", "", _public(key), reason)])
    _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())))
    _list(study)
    return _public(key)


def renew_password(person_id: str, old: str, new: str) -> bool:
    """Let a person's new password open their key; False when they have no key that the old one opens."""
    path = _file(person_id)
    if not path.exists():
        return False
    try:
        key = load_pem_private_key(path.read_bytes(), old.encode())
    except ValueError:
        return False
    _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(new.encode())))
    return True


def of_person(study: Study, person_id: str, password: str) -> Ed25519PrivateKey:
    """A person's key, by their password given again. Raises CdmError when there is none or the password does not open it."""
    who = people.person(study, person_id)
    people.check_password(study, who.id, password)
    path = _file(who.id)
    if not path.exists():
        raise CdmError(f"{who.id} has no key. Make one: cdm people {study.id} key")
    try:
        key = load_pem_private_key(path.read_bytes(), password.encode())
    except ValueError:
        raise CdmError(f"The key of {who.id} is of an earlier password. Make another: cdm people {study.id} key --reason ...") from None
    if _public(key) not in trusted(study).get(who.id, ()):
        journal.append(study, who.id, who.role, [Act("archive.key", who.id, "ed25519", "", _public(key), "key of this data folder")])
        _list(study)
    return key


def of_installation(study: Study) -> Ed25519PrivateKey:
    """The key of this data folder, made when first needed and listed in the study; it needs no password and is readable by its owner alone."""
    path = _file(INSTALLATION)
    if not path.exists():
        raw = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(path, raw)
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise CdmError(f"{path} can't be read as a key: {error}. Restore it, or remove it so that another is made.") from None
    if _public(key) not in trusted(study).get(INSTALLATION, ()):
        journal.append(study, "cdmlib", "system", [Act("archive.key", INSTALLATION, "ed25519", "", _public(key), "key of this data folder")])
        _list(study)
    return key


def trusted(study: Study) -> dict[str, tuple[str, ...]]:
    """The public keys of each signer that the study's journal knows, also those replaced since."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in journal.read(study, act="archive.key"):
        found[entry.subject] = (*found.get(entry.subject, ()), entry.new)
    return found


def read_list(path: Path) -> dict[str, tuple[str, ...]]:
    """The public keys in a keys.csv, as the study folder has one and as an auditor may bring one along."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
            found[row["signer"]] = (*found.get(row["signer"], ()), row["public_key"])
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise CdmError(f"{path} is not a list of keys ({', '.join(COLUMNS)}): {error!r}.") from None
    return found


def sign(key: Ed25519PrivateKey, subject: str, digest: str, signer: str, name: str, role: str, meaning: str) -> str:
    """The text of a signature file: that `signer` says `meaning` of what is called `subject` and has this SHA-256."""
    predicate = {"signer": signer, "name": name, "role": role, "meaning": meaning, "public_key": _public(key)}
    predicate["signed_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": subject, "digest": {"sha256": digest}}],
        "predicateType": PREDICATE,
        "predicate": predicate,
    }
    body = json.dumps(statement, sort_keys=True, ensure_ascii=False).encode("utf-8")
    signature = base64.b64encode(key.sign(_encoded(body))).decode("ascii")
    envelope = {
        "payloadType": PAYLOAD,
        "payload": base64.b64encode(body).decode("ascii"),
        "signatures": [{"keyid": fingerprint(_public(key)), "sig": signature}],
    }
    return json.dumps(envelope, indent=1) + "\n"


def read(text: str) -> Signed:
    """What a signature file says, when its signature is right for the key it names. Raises CdmError otherwise; whose key it is, is another question."""
    try:
        envelope = json.loads(text)
        body = base64.b64decode(envelope["payload"], validate=True)
        statement = json.loads(body)
        said = statement["predicate"]
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(said["public_key"], validate=True))
        public.verify(base64.b64decode(envelope["signatures"][0]["sig"], validate=True), _encoded(body))
        subject = statement["subject"][0]
        return Signed(**said, subject=subject["name"], digest=subject["digest"]["sha256"])
    except (ValueError, KeyError, TypeError, IndexError, InvalidSignature, AttributeError) as error:
        raise CdmError(f"the signature is not right ({type(error).__name__})") from None


def _encoded(body: bytes) -> bytes:
    """What DSSE signs: the type and the body, each with its length."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def _public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode("ascii")


def _file(signer: str) -> Path:
    return data_folder() / "keys" / f"{signer}.pem"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    working = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(working, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    working.replace(path)


def _list(study: Study) -> None:
    """Write the study's keys.csv: what the journal says of public keys, for those who take it away."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    lines.writerows((signer, key, fingerprint(key)) for signer, known in sorted(trusted(study).items()) for key in known)
    working = study.folder / f".keys.csv.{os.getpid()}"
    working.write_text(text.getvalue(), encoding="utf-8")
    working.replace(study.folder / "keys.csv")
