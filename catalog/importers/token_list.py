"""`token-list`: the Token Lists format and its common variant, a bare array of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

from catalog.domain import identifiers, text
from catalog.domain.instruments import Native, Token
from catalog.domain.vocabulary import SOLANA, Authority, native_aliases
from catalog.errors import CatalogError, InvalidIdentifier, InvalidRecord, PayloadError
from catalog.importers.base import Heading, Parsed, Reject, rejected
from catalog.importers.json_document import Row, read_array, read_head, read_rows
from catalog.importers.json_values import CODES as VALUE_CODES
from catalog.importers.json_values import optional_text, require_object, whole_number

#: The numbers under which token lists know Solana; every other chain id is an EVM chain's (EIP-155).
SOLANA_CHAIN_IDS = frozenset({101, -1, 501000101, 1151111081099710})
#: What people paste behind an address when they copy it from a block explorer's page.
PASTED_TAILS = ("#code", "/")
_ARRAYS = frozenset({"tokens"})


class TokenListImporter:
    """`{name, timestamp, tokens: […]}` or `[…]`, each token with chainId, address, symbol, name, decimals."""

    source = "token-list"
    authority: Authority = "community"
    codes: Mapping[str, str] = VALUE_CODES | {
        "not_an_object": "the row is not a JSON object",
        "missing_chain_id": "no chainId",
        "invalid_chain_id": "chainId is not a whole number above zero (or Solana's -1)",
        "missing_address": "no address, or a blank one",
        "invalid_address": "not an address of this chain, or its mixed case is not the EIP-55 checksum",
        "missing_decimals": "no decimals",
        "invalid_decimals": "decimals are not a whole number from 0 to 255",
        "invalid_symbol": "the symbol is no text, over 255 bytes, or has control characters or lone surrogates",
        "invalid_name": "the name is no text, over 65,535 bytes, or has control characters or lone surrogates",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether a `tokens` array, or the document itself, holds objects that have chainId and address."""
        rows = read_head(head, _ARRAYS)
        if any(r.is_element and _looks_like_token(r.value) for r in rows):
            return True
        # No whole token in the head: the list's own members then have to say it.
        return {"name", "timestamp", "version"} <= {r.member for r in rows if not r.is_element} and b'"tokens"' in head

    def heading(self, stream: BinaryIO) -> Heading:
        """The list's own name and timestamp; no name for a bare array."""
        known: dict[str, Any] = {}
        has_rows = False
        try:
            for row in read_rows(stream, _ARRAYS):
                if row.member is None:
                    break
                has_rows = has_rows or row.is_element
                if row.member in ("name", "timestamp"):
                    known[row.member] = row.value
                    if len(known) == 2:
                        break
        except PayloadError:
            if not has_rows:
                raise
        return Heading(_feed(known.get("name")), _moment(known.get("timestamp")))

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """A token or a native coin, or a reject, for every row."""
        for row in read_array(stream, "tokens", may_be_document=True):
            yield _parse_row(row)


def _looks_like_token(value: Any) -> bool:
    return isinstance(value, dict) and "chainId" in value and "address" in value


def _feed(name: Any) -> str:
    try:
        return text.key(name) if isinstance(name, str) else ""
    except InvalidIdentifier:
        return ""


def _moment(timestamp: Any) -> datetime | None:
    """An RFC 3339 time in UTC; None for what is no time or has no zone."""
    try:
        moment = datetime.fromisoformat(timestamp) if isinstance(timestamp, str) else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _parse_row(row: Row) -> Parsed | Reject:
    try:
        if row.problem:
            raise row.problem
        return Parsed(_record(require_object(row.value)), row.place)
    except CatalogError as error:
        return rejected(row.place, error, row.text, "token")


def _record(row: dict[str, Any]) -> Token | Native:
    blockchain = _blockchain(row.get("chainId"))
    address = _address(blockchain, row.get("address"))
    fields: dict[str, Any] = {"blockchain": blockchain, "decimals": _decimals(row.get("decimals"))}
    if symbol := optional_text(row, "symbol"):
        fields["symbol"] = text.key(symbol, "symbol")
    if name := optional_text(row, "name"):
        fields["name"] = text.free_text(name, "name")
    if address in native_aliases(blockchain):
        return Native(**fields)
    return Token(address=address, **fields)


def _blockchain(value: Any) -> str:
    if value is None:
        raise InvalidRecord("chainId", "nothing", "it is required", code="missing_chain_id")
    number = whole_number(value)
    if number in SOLANA_CHAIN_IDS:
        return SOLANA
    if number is None or not 0 < number < 1 << 64:
        raise InvalidRecord("chainId", value, "a whole number above zero is expected", code="invalid_chain_id")
    return f"eip155:{number}"


def _address(blockchain: str, value: Any) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise InvalidRecord("address", "nothing", "it is required", code="missing_address")
    if not isinstance(value, str):
        raise InvalidRecord("address", value, "text is expected", code="invalid_address")
    pasted = value.strip()
    for tail in PASTED_TAILS:
        pasted = pasted.removesuffix(tail)
    try:
        return identifiers.address(blockchain, pasted)
    except InvalidIdentifier as error:
        raise InvalidIdentifier("address", value, f"{error.reason} (on {blockchain})", error.hint) from None


def _decimals(value: Any) -> int:
    if value is None or value == "":
        raise InvalidRecord("decimals", "nothing", "amounts mean nothing without them", code="missing_decimals")
    number = whole_number(value)
    if number is None or not 0 <= number <= 255:
        raise InvalidRecord("decimals", value, "a whole number from 0 to 255 is expected", code="invalid_decimals")
    return number


IMPORTER = TokenListImporter()
