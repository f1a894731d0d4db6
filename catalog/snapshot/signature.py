"""Ed25519 signatures beside snapshot files (RFC 8032; docs/protocol.md §14): who published what the digest names.

The `cryptography` package makes and checks them; it is the optional extra `signatures`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import SignatureRefused, quote
from catalog.snapshot.extra import needing
from catalog.snapshot.faults import SnapshotError
from catalog.snapshot.files import put_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: What is signed is this text, a zero byte, and the 32 bytes of the file's digest.
CONTEXT = b"instrument-catalog snapshot v1\0"
SIZE = 64
_MAX_KEY = 1 << 16


def signature_path(path: str | os.PathLike[str]) -> Path:
    """Where the signature of a snapshot file stands: beside it (where a link leads to), `.sig` behind its whole name."""
    place = Path(os.path.realpath(path))
    return place.with_name(f"{place.name}.sig")


def sign(digest: bytes, key: str | os.PathLike[str]) -> bytes:
    """The 64 bytes that sign a file's digest with the private key in a PEM file (PKCS 8, without a password).

    Raises SnapshotError when there is no such key, MissingExtra without `cryptography`.
    """
    return _private_key(Path(key)).sign(CONTEXT + digest)


def write_signature(path: str | os.PathLike[str], key: str | os.PathLike[str]) -> Path:
    """Put a signature beside a snapshot file whose bytes its digest proves. Raises what `Snapshot.open` and `sign` do."""
    from catalog.snapshot.reader import Snapshot

    place = os.path.realpath(path)  # what a link leads to now, whatever it leads to later
    with Snapshot.open(place) as snapshot:
        snapshot.prove()
        signature = sign(snapshot.digest, key)
    beside = signature_path(place)
    try:
        put_file(beside, signature, beside.with_name(f".{beside.name}.{os.getpid()}.tmp"))
    except OSError as error:
        raise SnapshotError(beside, "write", error.strerror or str(error)) from error
    return beside


def check(path: str | os.PathLike[str], digest: bytes, key: str | os.PathLike[str]) -> None:
    """Prove that the signature beside `path` is one of `digest` by the owner of the public key in a PEM file.

    Raises SignatureRefused when there is none or it is not, SnapshotError when a file cannot be read.
    """
    public = _public_key(Path(key))
    with needing("signatures"):
        from cryptography.exceptions import InvalidSignature
    beside = signature_path(path)
    try:
        signature = beside.read_bytes() if beside.stat().st_size == SIZE else b""
    except FileNotFoundError:
        raise SignatureRefused(beside, "there is no signature") from None
    except OSError as error:
        raise SnapshotError(beside, "read", error.strerror or str(error)) from error
    if len(signature) != SIZE:
        raise SignatureRefused(beside, f"a signature has {SIZE} bytes")
    try:
        public.verify(signature, CONTEXT + digest)
    except InvalidSignature:
        raise SignatureRefused(beside, f"it does not sign {quote(Path(path).name)} with this key") from None


def _private_key(path: Path) -> Ed25519PrivateKey:
    with needing("signatures"):
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    try:
        found = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(path, "private") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise _no_key(path, "private")
    return found


def _public_key(path: Path) -> Ed25519PublicKey:
    with needing("signatures"):
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    try:
        found = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path, "public") from error
    if not isinstance(found, Ed25519PublicKey):
        raise _no_key(path, "public")
    return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_KEY)
    except OSError as error:
        raise SnapshotError(path, "read the key", error.strerror or str(error)) from error


def _no_key(path: Path, what: str) -> SnapshotError:
    hint = "`openssl genpkey -algorithm ed25519` makes a private key, `openssl pkey -pubout` its public one"
    return SnapshotError(path, "use the key", f"it is no {what} Ed25519 key in PEM form without a password", hint)
