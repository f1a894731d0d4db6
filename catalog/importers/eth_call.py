"""`eth-call`: what token contracts answered to decimals(), symbol() and name(), as the resolver writes it down.

The answers are kept as the bytes that came back, and read here: so a payload can be read again when the rules improve.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

from catalog.domain import text
from catalog.domain.vocabulary import Authority
from catalog.errors import CatalogError, InvalidIdentifier, InvalidRecord, PayloadError, quote
from catalog.importers import chain_pools
from catalog.importers.base import Heading, Parsed, Reject, rejected
from catalog.importers.json_document import Row, read_array, read_head, read_rows
from catalog.importers.json_values import CODES as VALUE_CODES
from catalog.importers.json_values import require_object

SOURCE = "eth-call"
WORD = 32
_ARRAYS = frozenset({"tokens"})
_BYTES = re.compile(r"0x(?:[0-9a-f]{2})*", re.ASCII)
_QUANTITY = re.compile(r"0x[0-9a-f]{1,16}", re.ASCII)


class EthCallImporter:
    """`{blockchain, blockNumber, blockTimestamp, tokens: [{address, decimals, symbol, name}]}`, answers in hex."""

    source = SOURCE
    authority: Authority = "chain"
    codes: Mapping[str, str] = VALUE_CODES | {
        "not_an_object": "the row is not a JSON object",
        "missing_address": "no address",
        "invalid_address": "not an address",
        "missing_decimals": "the contract does not say its decimals: the call failed or gave nothing; the token waits on",
        "invalid_decimals": "the contract's decimals are no number from 0 to 255; the token waits on",
        "invalid_symbol": "the symbol is no text that can be kept; the token is registered without it",
        "invalid_name": "the same of the name",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether the document is of a blockchain at a block, with an array of tokens."""
        return {"blockchain", "blockNumber", "blockTimestamp", "tokens"} <= {
            row.member for row in read_head(head, _ARRAYS)
        }

    def heading(self, stream: BinaryIO) -> Heading:
        """The blockchain, and the time of the block at which its contracts were asked."""
        known = _members(stream)
        timestamp = known.get("blockTimestamp")
        seconds = int(timestamp, 16) if isinstance(timestamp, str) and _QUANTITY.fullmatch(timestamp) else 0
        moment = datetime.fromtimestamp(seconds, UTC) if 0 < seconds < chain_pools.LAST_SECOND else None
        return Heading(_blockchain(known), moment, is_listing=False)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """The token of every row, or a reject; and a reject for a symbol or name that it had to do without."""
        blockchain = _blockchain(_members(stream))
        for row in read_array(stream, "tokens"):
            yield from _token(blockchain, row)


def _members(stream: BinaryIO) -> dict[str | None, Any]:
    """What stands before the tokens."""
    known: dict[str | None, Any] = {}
    for row in read_rows(stream, _ARRAYS):
        if row.member in (None, "tokens"):
            break
        known[row.member] = row.value
    return known


def _blockchain(known: dict[str | None, Any]) -> str:
    blockchain = known.get("blockchain")
    if not isinstance(blockchain, str):
        raise PayloadError("the payload does not say of which blockchain it speaks before its tokens")
    return chain_pools.evm_blockchain(SOURCE, blockchain)


def _token(blockchain: str, row: Row) -> Iterator[Parsed | Reject]:
    rejects: list[Reject] = []
    try:
        if row.problem:
            raise row.problem
        answers = require_object(row.value)
        address = chain_pools.address(answers, "address")
        fields: dict[str, Any] = {"decimals": _decimals(answers.get("decimals"))}
        for field, limit in (("symbol", text.key), ("name", text.free_text)):
            try:
                if said := _text(answers.get(field)):
                    fields[field] = limit(said, field)
            except CatalogError as error:
                problem = InvalidRecord(field, _shown(answers[field]), _reason(error), code=f"invalid_{field}")
                rejects.append(rejected(f"{row.place}/{field}", problem, row.text, "token"))
        yield Parsed(chain_pools.currency(blockchain, address, **fields), row.place)
    except CatalogError as error:
        yield rejected(row.place, error, row.text, "token")
        return
    yield from rejects


def _decimals(answer: Any) -> int:
    data = _returned(answer, "decimals")
    if not data:
        raise InvalidRecord("decimals", _shown(answer), "the contract does not say them", code="missing_decimals")
    number = int.from_bytes(data) if len(data) == WORD else None
    if number is None or number > 255:
        raise InvalidRecord("decimals", _shown(answer), "a number from 0 to 255 is expected", code="invalid_decimals")
    return number


def _text(answer: Any) -> str | None:
    """The text of an answer: a string, or the `bytes32` of old contracts; None when there is none.

    Zeros behind it are padding. Raises InvalidRecord or InvalidIdentifier for what is no text.
    """
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    data = _returned(answer, "text")
    if not data:
        return None
    try:
        if len(data) == WORD:
            said = data.decode()
        else:
            # not strict: what stands behind the bytes of a string, or does not, changes nothing in the text
            [said] = decode(["string"], data, strict=False)
    except UnicodeDecodeError:
        raise InvalidIdentifier("text", answer, "not UTF-8") from None
    except (DecodingError, ValueError, OverflowError):
        raise InvalidIdentifier("text", answer, "neither a string nor a bytes32") from None
    return str(said).rstrip("\0").strip() or None


def _returned(answer: Any, field: str) -> bytes:
    """The bytes that came back; none where the call failed."""
    if answer is None:
        return b""
    if isinstance(answer, str) and _BYTES.fullmatch(answer):
        return bytes.fromhex(answer[2:])
    reason = "bytes in hex, or null, are expected"
    if isinstance(answer, dict) and isinstance(answer.get("length"), int):
        reason = f"{answer['length']} bytes are more than is kept"
    raise InvalidRecord(field, _shown(answer), reason, code=f"invalid_{field}")


def _shown(answer: Any) -> str:
    return "nothing" if answer is None else quote(answer).strip("`")


def _reason(error: CatalogError) -> str:
    return str(getattr(error, "reason", error))


IMPORTER = EthCallImporter()
