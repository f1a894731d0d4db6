"""`evm-logs`: event logs of EVM nodes and of the tools that copy them, with the blockchain told beside the payload."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple

from catalog.domain import identifiers
from catalog.domain.vocabulary import Authority
from catalog.errors import CatalogError, InvalidRecord, PayloadError, escape, quote
from catalog.importers import chain_pools
from catalog.importers.base import Heading, Importer, Parsed, Reject, rejected
from catalog.importers.evm_events import CODES as EVENT_CODES
from catalog.importers.evm_events import EVENTS, TRANSFER, Event, decode
from catalog.importers.json_document import Row, read_head, read_rows
from catalog.importers.json_lines import CODES as LINE_CODES
from catalog.importers.json_lines import read_json_lines
from catalog.importers.json_nested import read_nested, read_nested_head
from catalog.importers.json_values import CODES as VALUE_CODES
from catalog.importers.json_values import require_object
from catalog.importers.lines import BOM

SOURCE = "evm-logs"
#: The keys of a node's answer, or of our own wrapping of one; a log has none of them.
ANSWER_KEYS = frozenset({"jsonrpc", "id", "result", "error", "blockchain", "fromBlock", "toBlock"})
#: How many event signatures a payload's summary tells apart.
MAX_SIGNATURES = 10_000
#: How many of them it names.
SHOWN_SIGNATURES = 5
_HEAD = 64 << 10
_FIRST_KEY = re.compile(rb'[\s\[]*\{\s*"([^"]*)"')
_WORD = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
_BYTES = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)


class Log(NamedTuple):
    """A log as far as we read it: who emitted it, its topics (the first is the event's), its data."""

    address: str
    topics: list[str]
    data: bytes


class EvmLogsImporter:
    """Answers of `eth_getLogs`: one, a batch, an array of logs, JSON lines, or `{blockchain, …, result: […]}`."""

    source = SOURCE
    authority: Authority = "chain"
    codes: Mapping[str, str] = (
        VALUE_CODES
        | LINE_CODES
        | EVENT_CODES
        | {
            "not_an_object": "the row is not a JSON object",
            "not_a_log": "the row lacks the address, topics or data of a log",
            "invalid_address": "the emitter is not an address, or its mixed case is not the EIP-55 checksum",
            "invalid_removed": "`removed` is neither true nor false",
            "removed_log": "the node took the log back: its block is no longer in the chain",
            "pending_log": "the log has no block yet (its block number is null)",
            "node_error": "the node answered with an error instead of logs",
            "no_logs": "the answer holds neither logs nor a block",
            "nft_transfer": "Transfers with four topics move NFTs, which are no tokens here; one reject for all",
            "other_event": "events that describe nothing registered here; one reject for all, with their number",
        }
    )

    def __init__(self, blockchain: str | None = None) -> None:
        self._told = blockchain

    def told(self, argument: str) -> Importer:
        """The importer of logs of the blockchain `argument`, such as `eip155:1`."""
        return EvmLogsImporter(chain_pools.evm_blockchain(SOURCE, argument))

    def can_parse(self, head: bytes) -> bool:
        """Whether a log is in the head, in any of the shapes, or a node's answer that can hold nothing else."""
        head = head.removeprefix(BOM)
        shape = _shape(head)
        if shape == "lines":
            line, _, _ = head.lstrip().partition(b"\n")
            return _looks_like_log({row.member: row.value for row in read_head(line, frozenset())})
        if shape == "array":
            return any(_looks_like_log(row.value) for row in read_head(head, frozenset()) if row.is_element)
        rows = read_nested_head(head, "*/result" if shape == "batch" else "result")
        if any(_looks_like_log(row.value) for row in rows if row.is_element):
            return True
        if any(row.is_element for row in rows):
            return False
        members = {str(row.member).removeprefix("*/") for row in rows}
        empty = any(row.value == [] for row in rows if str(row.member).endswith("result"))
        return members <= ANSWER_KEYS and (empty or b'"logsBloom"' in head or b'"topics"' in head)

    def heading(self, stream: BinaryIO) -> Heading:
        """The blockchain, and the time of the latest block that the payload has one of."""
        blockchain = self._blockchain(stream)
        latest = 0
        has_rows = False
        try:
            for row in _rows(stream):
                if isinstance(row, Row):
                    has_rows = True
                    latest = max(latest, _seconds(row.value))
        except PayloadError:
            if not has_rows:
                raise
        moment = datetime.fromtimestamp(latest, UTC) if latest else None
        return Heading(blockchain, moment, is_listing=False)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """The tokens and the pool, or a reject, of every log; then one reject for all that describe nothing of ours."""
        reading = _Reading(self._blockchain(stream))
        failure: PayloadError | None = None
        try:
            for row in _rows(stream):
                yield from [row] if isinstance(row, Reject) else reading.row(row)
        except PayloadError as error:
            failure = error
        yield from reading.passed_over()
        if failure is not None:
            raise failure

    def _blockchain(self, stream: BinaryIO) -> str:
        """The one that was told, or that our own wrapping says before its logs; never a guess."""
        stated: Any = None
        stream.seek(0)
        if _shape(stream.read(_HEAD).removeprefix(BOM)) == "answer":
            for row in read_nested(stream, "result"):
                if row.member == "result":
                    break
                if row.member == "blockchain":
                    stated = row.value
        if stated is None:
            if self._told is None:
                raise chain_pools.unsaid_blockchain(SOURCE)
            return self._told
        if self._told not in (None, stated):
            raise PayloadError(f"the payload is of {quote(stated)}, not of `{self._told}`", "/blockchain")
        if not isinstance(stated, str):
            raise PayloadError(f"{quote(stated)} names no blockchain", "/blockchain")
        return chain_pools.evm_blockchain(SOURCE, stated)


class _Reading:
    """One reading of a payload: the logs of its blockchain, and what they leave to be summed up at its end."""

    def __init__(self, blockchain: str) -> None:
        self._blockchain = blockchain
        self._tokens = chain_pools.Once()
        self._nfts = _Sum("nft_transfer", "token")
        self._others = _Sum("other_event", "")

    def row(self, row: Row) -> Iterator[Parsed | Reject]:
        """What a row of the payload gives."""
        name = str(row.member).rpartition("/")[2]
        if not row.is_element:
            yield from _answer(row, name)
            return
        event: Event | None = None
        try:
            if row.problem:
                raise row.problem
            fields = require_object(row.value)
            topics = _topics(fields)
            event = EVENTS.get(topics[0]) if topics else None
            if event is None:
                self._others.add(row, topics[0] if topics else "no topic")
                return
            log = _log(fields, topics)
            if event.topic == TRANSFER and len(topics) == 4:
                self._nfts.add(row, log.address)
                return
            words = [bytes.fromhex(topic[2:]) for topic in topics[1:]]
            described = decode(event, self._blockchain, log.address, words, log.data)
        except CatalogError as error:
            yield rejected(row.place, error, row.text, event.record if event else "")
            return
        for token in described.tokens:
            if described.pool is None or self._tokens.new(token):
                yield Parsed(token, row.place)
        if described.pool is not None:
            yield Parsed(described.pool, row.place)

    def passed_over(self) -> Iterator[Reject]:
        """One reject for the NFTs and one for the events of others, so that neither drowns the rest."""
        nft, other = self._nfts, self._others
        if nft.first:
            moved = f"{_count(nft.count, 'Transfer')} with four topics"
            yield nft.reject(f"{moved}: NFTs of {_count(len(nft.kinds), 'contract')}")
        if other.first:
            events = ", ".join(f"{n} × {topic}" for topic, n in other.kinds.most_common(SHOWN_SIGNATURES))
            passed = f"{_count(other.count, 'log')} of {_count(len(other.kinds), 'other event')}"
            dots = ", …" if len(other.kinds) > SHOWN_SIGNATURES else ""
            yield other.reject(f"{passed}, nothing of which is registered here: {events}{dots}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


class _Sum:
    """Rows that are passed over for one reason: how many, of which kinds, and the first of them."""

    def __init__(self, code: str, record: str) -> None:
        self._code, self._record = code, record
        self.first: Row | None = None
        self.count = 0
        self.kinds: Counter[str] = Counter()

    def add(self, row: Row, kind: str) -> None:
        self.first = self.first or row._replace(value=None)
        self.count += 1
        if kind in self.kinds or len(self.kinds) < MAX_SIGNATURES:
            self.kinds[kind] += 1

    def reject(self, reason: str) -> Reject:
        assert self.first is not None
        return Reject(self.first.place, self._code, escape(reason), self.first.text, self._record)


def _shape(head: bytes) -> str:
    """`lines`, `array` (of logs), `answer` (one of a node, or our wrapping) or `batch` (of answers), by the first key."""
    start = head.lstrip()
    key = _FIRST_KEY.match(start)
    is_answer = key is not None and key[1].decode(errors="replace") in ANSWER_KEYS
    if start.startswith(b"["):
        return "batch" if is_answer else "array"
    return "answer" if is_answer else "lines"


def _rows(stream: BinaryIO) -> Iterator[Row | Reject]:
    """The payload's logs as elements, and what stands beside them. Raises PayloadError for an answer without logs."""
    stream.seek(0)
    shape = _shape(stream.read(_HEAD).removeprefix(BOM))
    if shape == "lines":
        yield from read_json_lines(stream)
    elif shape == "array":
        yield from read_rows(stream, frozenset())
    elif shape == "batch":
        yield from read_nested(stream, "*/result")
    else:
        yield from _single_answer(stream)


def _single_answer(stream: BinaryIO) -> Iterator[Row]:
    has_result = False
    for row in read_nested(stream, "result"):
        if row.member == "error" and row.value is not None:
            raise PayloadError(f"the node answered with an error: {quote(row.text)}", row.place)
        if row.member == "result":
            if not row.is_element and row.value != []:
                raise PayloadError("an array of logs is expected", row.place)
            has_result = True
        yield row
    if not has_result:
        raise PayloadError("there is no array `result`")


def _answer(row: Row, name: str) -> Iterator[Reject]:
    """What stands in an answer instead of logs: nothing to say of a block or an empty array, a reject for the rest."""
    value = row.value
    if name == "error" and value is not None:
        error = InvalidRecord("answer", row.text, "the node answered with an error", code="node_error")
    elif (
        name in ("result", "*")
        and value != []
        and not (isinstance(value, dict) and {"hash", "timestamp"} <= value.keys())
    ):
        error = InvalidRecord("result", row.text, "logs or a block are expected", code="no_logs")
    else:
        return
    yield rejected(row.place, error, row.text, "")


def _looks_like_log(value: Any) -> bool:
    return isinstance(value, dict) and {"address", "topics", "data"} <= value.keys()


def _topics(fields: dict[str, Any]) -> list[str]:
    """The topics in lower case. Nulls behind them, which some tools write for those that there are not, go."""
    if not _looks_like_log(fields):
        raise InvalidRecord("log", quote(sorted(fields)), "address, topics and data are expected", code="not_a_log")
    topics = fields["topics"]
    if isinstance(topics, list):
        while topics and topics[-1] is None:
            topics = topics[:-1]
        if len(topics) <= 4 and all(isinstance(topic, str) and _WORD.fullmatch(topic) for topic in topics):
            return [topic.lower() for topic in topics]
    raise InvalidRecord("topics", topics, "up to four words of 32 bytes are expected", code="invalid_topics")


def _log(fields: dict[str, Any], topics: list[str]) -> Log:
    """The log, unless the chain does not hold it (any longer, or yet)."""
    removed = fields.get("removed")
    if removed is True:
        raise InvalidRecord("removed", removed, "its block is no longer in the chain", code="removed_log")
    if removed not in (None, False):
        raise InvalidRecord("removed", removed, "true or false is expected", code="invalid_removed")
    for key in ("blockNumber", "block_number"):
        if key in fields and fields[key] is None:
            raise InvalidRecord(key, "null", "the log is not in a block yet", code="pending_log")
    address, data = fields["address"], fields["data"]
    if not isinstance(address, str):
        raise InvalidRecord("address", address, "text is expected", code="invalid_address")
    if not isinstance(data, str) or not _BYTES.fullmatch(data):
        raise InvalidRecord("data", data, "`0x` and bytes in hex are expected", code="invalid_data")
    return Log(identifiers.evm_address(address), topics, bytes.fromhex(data[2:]))


def _seconds(value: Any) -> int:
    """The time of a log's block, or of a block, in seconds since the epoch; 0 when it has none."""
    if not isinstance(value, dict):
        return 0
    for key in ("blockTimestamp", "block_timestamp", "timestamp"):
        stated = value.get(key)
        if isinstance(stated, str) and re.fullmatch(r"0x[0-9a-fA-F]{1,16}", stated, re.ASCII):
            stated = int(stated, 16)
        if isinstance(stated, int) and not isinstance(stated, bool) and 0 < stated < chain_pools.LAST_SECOND:
            return stated
    return 0


IMPORTER = EvmLogsImporter()
