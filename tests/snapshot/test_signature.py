"""Signatures beside snapshot files, made and checked with keys as `openssl` makes them."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from catalog.errors import CatalogError, ChecksumMismatch, SignatureRefused
from catalog.snapshot import Snapshot, SnapshotError
from catalog.snapshot.extra import MissingExtra
from catalog.snapshot.signature import check, sign, signature_path, write_signature
from tests.snapshot import support


def key_pair(
    folder: Path, name: str = "key", kind: Callable[[], Any] = Ed25519PrivateKey.generate
) -> tuple[Path, Path]:
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    key = kind()
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def replace(path: Path, data: bytes) -> None:
    """Put other bytes where a read-only file is."""
    path.unlink()
    path.write_bytes(data)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return support.write(tmp_path / "a.snap", support.universe()).path


def test_a_signed_file_opens_with_its_key_alone(snapshot: Path, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    _, other = key_pair(tmp_path, "other")
    assert write_signature(snapshot, private) == signature_path(snapshot)
    assert signature_path(snapshot).stat().st_size == 64
    with Snapshot.open(snapshot, public_key=public) as opened:
        assert len(opened) == 14
    with pytest.raises(SignatureRefused, match=r"does not sign `a\.snap` with this key"):
        Snapshot.open(snapshot, public_key=other)


def test_the_signature_stands_where_a_link_leads(snapshot: Path, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    (tmp_path / "latest").symlink_to(snapshot.name)
    assert write_signature(tmp_path / "latest", private) == signature_path(snapshot)
    Snapshot.open(tmp_path / "latest", public_key=public).close()


def test_what_is_signed_is_the_text_and_the_digest(snapshot: Path, tmp_path: Path) -> None:
    """As docs/protocol.md §14 says it, without our own constant."""
    private, _ = key_pair(tmp_path)
    with Snapshot.open(snapshot) as opened:
        digest = opened.digest
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(private.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    key.public_key().verify(sign(digest, private), b"instrument-catalog snapshot v1\x00" + digest)


def test_without_a_signature(snapshot: Path, tmp_path: Path) -> None:
    _, public = key_pair(tmp_path)
    with pytest.raises(SignatureRefused, match="there is no signature"):
        Snapshot.open(snapshot, public_key=public)


@pytest.mark.parametrize("size", [0, 63, 65])
def test_half_a_signature(snapshot: Path, tmp_path: Path, size: int) -> None:
    private, public = key_pair(tmp_path)
    replace(write_signature(snapshot, private), bytes(size))
    with pytest.raises(SignatureRefused, match="a signature has 64 bytes"):
        Snapshot.open(snapshot, public_key=public)


def test_each_bit_of_a_signature_counts(snapshot: Path, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    good = write_signature(snapshot, private).read_bytes()
    for bit in range(0, 512, 7):
        spoilt = bytearray(good)
        spoilt[bit // 8] ^= 1 << bit % 8
        replace(signature_path(snapshot), bytes(spoilt))
        with pytest.raises(SignatureRefused):
            Snapshot.open(snapshot, public_key=public)


def test_a_signed_digest_over_other_bytes_is_refused(snapshot: Path, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    write_signature(snapshot, private)
    data = bytearray(snapshot.read_bytes())
    data[-600] ^= 1  # in an index: neither header nor end
    spoilt = tmp_path / "b.snap"
    spoilt.write_bytes(data)
    signature_path(spoilt).write_bytes(signature_path(snapshot).read_bytes())
    Snapshot.open(spoilt).close()
    with pytest.raises(ChecksumMismatch):
        Snapshot.open(spoilt, public_key=public)
    with pytest.raises(ChecksumMismatch):
        write_signature(spoilt, private)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key(snapshot: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no.pem"
    path.write_bytes(content)
    for use in (lambda: check(snapshot, bytes(32), path), lambda: sign(bytes(32), path)):
        with pytest.raises(SnapshotError, match="Ed25519 key in PEM form"):
            use()


def test_a_key_of_another_kind(snapshot: Path, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path, kind=lambda: ec.generate_private_key(ec.SECP256R1()))
    for use in (lambda: check(snapshot, bytes(32), public), lambda: sign(bytes(32), private)):
        with pytest.raises(SnapshotError, match="Ed25519 key"):
            use()


def test_a_key_that_is_not_there(snapshot: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="cannot read the key"):
        Snapshot.open(snapshot, public_key=tmp_path / "nowhere.pem")


def test_without_the_package(snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, _ = key_pair(tmp_path)
    real = builtins.__import__

    def without(name: str, *args: Any, **named: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name=name)
        return real(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra) as missing:
        sign(bytes(32), private)
    assert missing.value.hint == "run: pip install 'instrument-catalog[signatures]'"
