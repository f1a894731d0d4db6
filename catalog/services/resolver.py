"""Decimals, symbols and names of tokens, asked of their contracts through a node.

The answers are not read here. They are written down as they came, in a payload for the importer `eth-call`, so that
what a token is said to be goes the way of everything that sources say, and can be read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from catalog.domain import identifiers
from catalog.domain.vocabulary import native_aliases
from catalog.errors import InvalidRecord, quote
from catalog.services.node import CallFailed, Node, NodeError

#: The same on every chain on which it is: calls many contracts at once and lets each of them fail by itself.
MULTICALL3 = "0xca11bde05977b3631167028862be2a173976ca11"
_AGGREGATE3 = "82ad56cb"
#: What is asked of each token: field of ours → selector of the function.
QUESTIONS = {"decimals": "0x313ce567", "symbol": "0x95d89b41", "name": "0x06fdde03"}
#: Tokens in one call, and in one batch where there is no Multicall3.
TOKENS_AT_ONCE = 100
BATCH_AT_ONCE = 20
#: The longest return that is kept, in bytes. Of a longer one its length is.
MAX_RETURN = 8 << 10

Answers = dict[str, Any]


@dataclass
class Resolution:
    """What the contracts of a blockchain answered at one block, by address. `None` is a call that failed.

    `failure` is why not all of those that were `wanted` have been asked.
    """

    blockchain: str
    block_number: str
    block_timestamp: str
    wanted: int
    failure: NodeError | None = None
    answers: dict[str, Answers] = field(default_factory=dict)

    def payload(self) -> bytes:
        """The payload for the importer `eth-call`, one token on each line."""
        known = {
            "blockchain": self.blockchain,
            "blockNumber": self.block_number,
            "blockTimestamp": self.block_timestamp,
        }
        tokens = ",\n".join(json.dumps({"address": address} | said) for address, said in self.answers.items())
        return f'{json.dumps(known)[:-1]}, "tokens": [\n{tokens}\n]}}\n'.encode()


def blockchain_of(node: Node, expected: str | None = None) -> str:
    """The blockchain that the node is of, which is `expected` if that is said. Raises NodeError."""
    found = f"eip155:{node.quantity(node.call('eth_chainId', []))}"
    if expected is not None and found != expected:
        raise NodeError(f"the node is of `{found}`, not of `{expected}`", "name a node of that blockchain")
    return found


def resolve(node: Node, tokens: Iterable[tuple[str, str]], blockchain: str, limit: int | None = None) -> Resolution:
    """What the contracts of `tokens` (blockchain, address) on `blockchain` answer at the node's latest block.

    Tokens of other blockchains are passed over, and so are the addresses of the native coin, which is no contract.
    At most `limit` are asked. Raises NodeError when the node says nothing; one that stops later is the `failure`.
    """
    wanted = {identifiers.address(blockchain, address): None for chain, address in tokens if chain == blockchain}
    addresses = [address for address in wanted if address not in native_aliases(blockchain)][:limit]
    block = node.call("eth_getBlockByNumber", ["latest", False])
    if not isinstance(block, dict):
        raise NodeError(f"the node has no latest block: {quote(block)}")
    number, timestamp = (hex(node.quantity(block.get(key))) for key in ("number", "timestamp"))
    resolution = Resolution(blockchain, number, timestamp, len(addresses))
    asking = _Asking(node, number)
    try:
        for some in _pieces(addresses, TOKENS_AT_ONCE):
            resolution.answers |= asking.ask(some)
    except NodeError as error:
        if not resolution.answers:
            raise
        resolution.failure = error
    return resolution


def explicit(blockchain: str, addresses: Iterable[str]) -> list[tuple[str, str]]:
    """Tokens named by their addresses alone. Raises InvalidIdentifier, or InvalidRecord for the native coin's."""
    tokens: list[tuple[str, str]] = []
    for named in addresses:
        address = identifiers.address(blockchain, named)
        if address in native_aliases(blockchain):
            raise InvalidRecord("address", named, f"it means the native coin of {blockchain}, which is no contract")
        tokens.append((blockchain, address))
    return tokens


class _Asking:
    """One round of questions at one block. Learns whether the chain has Multicall3."""

    def __init__(self, node: Node, block: str) -> None:
        self._node, self._block = node, block
        self._has_multicall = True

    def ask(self, addresses: Sequence[str]) -> dict[str, Answers]:
        """The answers of each token. One that spoils a common call is told from the others by halving."""
        if self._has_multicall:
            try:
                results = self._aggregate([(address, data) for address in addresses for data in QUESTIONS.values()])
            except CallFailed:
                if len(addresses) > 1:
                    half = len(addresses) // 2
                    return self.ask(addresses[:half]) | self.ask(addresses[half:])
                results = None
            if results is not None:
                return _sorted(addresses, results)
        answers: dict[str, Answers] = {}
        for some in _pieces(addresses, BATCH_AT_ONCE):
            calls = [(address, data) for address in some for data in QUESTIONS.values()]
            answers |= _sorted(some, self._batch(calls))
        return answers

    def _aggregate(self, calls: Sequence[tuple[str, str]]) -> list[bytes | None] | None:
        """The returns of calls made by Multicall3; None when it is not there, or not what answers. Raises CallFailed."""
        from eth_abi.abi import decode, encode
        from eth_abi.exceptions import DecodingError

        arguments = encode(["(address,bool,bytes)[]"], [[(to, True, bytes.fromhex(data[2:])) for to, data in calls]])
        returned = _bytes(self._node.call("eth_call", self._params(MULTICALL3, f"0x{_AGGREGATE3}{arguments.hex()}")))
        if not returned:
            self._has_multicall = False
            return None
        try:
            [results] = decode(["(bool,bytes)[]"], returned)
        except (DecodingError, ValueError, OverflowError):
            results = ()
        if len(results) != len(calls):
            self._has_multicall = False
            return None
        return [data if is_done else None for is_done, data in results]

    def _batch(self, calls: Sequence[tuple[str, str]]) -> list[bytes | None]:
        """The returns of calls made one by one, sent together."""
        try:
            results = self._node.call_many("eth_call", [self._params(to, data) for to, data in calls])
        except CallFailed:
            if len(calls) == 1:
                return [None]
            half = len(calls) // 2
            return self._batch(calls[:half]) + self._batch(calls[half:])
        return [None if isinstance(result, CallFailed) else _bytes(result) for result in results]

    def _params(self, to: str, data: str) -> list[Any]:
        return [{"to": to, "data": data}, self._block]


def _sorted(addresses: Sequence[str], returns: Sequence[bytes | None]) -> dict[str, Answers]:
    """The returns, which are in the order of the questions, by token and field."""
    each = iter(returns)
    return {address: {name: _kept(next(each)) for name in QUESTIONS} for address in addresses}


def _kept(returned: bytes | None) -> Any:
    if returned is None:
        return None
    return f"0x{returned.hex()}" if len(returned) <= MAX_RETURN else {"length": len(returned)}


def _bytes(result: Any) -> bytes:
    """The bytes of a call's result. Raises NodeError for what is none."""
    try:
        if isinstance(result, str) and result.startswith("0x"):
            return bytes.fromhex(result[2:])
    except ValueError:
        pass
    raise NodeError(f"the node answers {quote(result)} where bytes are expected")


def _pieces(addresses: Sequence[str], size: int) -> Iterator[list[str]]:
    each = iter(addresses)
    while some := list(islice(each, size)):
        yield some
