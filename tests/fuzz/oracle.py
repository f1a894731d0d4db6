"""What has to hold for an importer over any payload, judged against a good one and an independent reading of both.

- A payload is read to its end, or ends in a PayloadError: no other exception, no hang, no memory without end.
- Every row gives something: a record or a reject.
- Rows that are as they were give the records that they gave. What other rows speak of too may have changed.
- A record is canonical, and every number in it stands in its row: as it is, or by a rule that the good payload shows (a
  fee times a power of ten, a tick of so many places, a constant).
- Every text of a record stands in its row, if it did for every record of the good payload.
"""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any

from catalog.domain.base import Record
from catalog.domain.records import parse_record
from catalog.errors import PayloadError
from catalog.importers.base import MAX_ROW, Importer, Parsed, Reject
from tests.fuzz.payloads import Apart, Row, take_apart

HANGS = 5.0
SLOW = 2.0
_NUMBER = re.compile(r"[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?")
_HEX = re.compile("0x([0-9a-fA-F]+)")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[bfnrt])")
#: Lines that hold no row: blank ones, also of separators alone, comments, the trailer of a directory.
_NO_ROW = re.compile(rb"[\s,;|\xef\xbb\xbf]*$|#|File Creation Time")
_WORD = 64  # hex digits of a word of the EVM
_IDS = re.compile("[0-9a-f]{32}")
_SHORT = 3  # letters: codes of countries and currencies, which tables translate
#: What importers say of every contract of a kind.
_DEFAULTS = {"contract_multiplier": {Decimal(1)}}
#: What may be the product of two numbers of a row.
_MULTIPLIED = (".contract_multiplier", ".tick_value")
#: Fees come as fractions, per cent and basis points.
_FEES = (0, 2, 4)
_SCALES = range(-12, 13)

Result = Parsed | Reject


class Hangs(BaseException):
    """Raised by the clock into a call that does not end."""


def ring(*_: object) -> None:
    """The handler of SIGVTALRM."""
    raise Hangs


@contextmanager
def clock(findings: list[str], name: str) -> Iterator[None]:
    """Turn whatever a call should not do into a finding."""
    start = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, HANGS)
    try:
        yield
    except PayloadError as error:
        if not str(error).isprintable() or len(str(error)) > 2000:
            findings.append(f"{name}: an error that cannot be shown: {str(error)[:100]!r}")
    except Hangs:
        findings.append(f"{name}: hangs")
    except Exception as error:  # noqa: BLE001 - anything else is what is looked for
        findings.append(f"{name}: {type(error).__name__}: {str(error)[:200]} ({_origin(error)})")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if (spent := time.process_time() - start) > SLOW:
        findings.append(f"{name}: took {spent:.1f} s")


def _origin(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"


@dataclass
class Rules:
    """What the good payload shows of how numbers and texts come to be, by record type and field."""

    scales: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    powers: set[str] = field(default_factory=set)
    quotients: set[str] = field(default_factory=set)
    constants: dict[str, set[Decimal]] = field(default_factory=lambda: defaultdict(set))
    not_in_row: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    def learn(self, record: Record, row: str) -> None:
        """Take a good record and its row for an example."""
        said = numbers_in(row)
        for name, number in numbers_of(record):
            if number in said:
                continue
            scales = {k for k in _SCALES if any(n and _scaled(n, k) == number for n in said)}
            self.scales[name] |= scales
            if _is_power(number, said):
                self.powers.add(name)
            elif not scales:
                self.constants[name].add(number)
        plain = plainly(row)
        for name, text in texts_of(record):
            self.seen.add(name)
            if plainly(text) not in plain:
                self.not_in_row.add(name)

    def wrong(self, record: Record, row: str) -> Iterator[str]:
        """The numbers and texts of a record that its row cannot have given."""
        said = numbers_in(row)
        for name, number in numbers_of(record):
            if not (
                number in said
                or any(_scaled(n, k) == number for k in self.scales.get(name, ()) for n in said)
                or (name in self.powers and _is_power(number, said))
                or number in self.constants.get(name, ())
                or (name.endswith("_fee_bps") and any(_scaled(n, k) == number for k in _FEES for n in said))
                or (name.endswith(_MULTIPLIED) and _is_product(number, said))
                or (name in self.quotients and _is_quotient(number, said))
                or number in _DEFAULTS.get(name.partition(".")[2], ())
            ):
                yield f"{name} is {number}, which is not in its row"
        plain = plainly(row)
        for name, text in texts_of(record):
            is_from_row = name in self.seen and name not in self.not_in_row and len(text) > _SHORT
            if is_from_row and plainly(text) not in plain:
                yield f"{name} is {text[:80]!r}, which is not in its row"


def _scaled(number: Decimal, places: int) -> Decimal | None:
    return number.scaleb(places) if abs(number.adjusted()) < 1000 else None


def _is_product(number: Decimal, said: set[Decimal]) -> bool:
    small = [n for n in said if abs(n.adjusted()) < 1000]
    return len(small) < 300 and any(a * b == number for a in small for b in small)


def _is_quotient(number: Decimal, said: set[Decimal]) -> bool:
    return number in said or any(number * n in said for n in said if abs(n.adjusted()) < 100 > abs(number.adjusted()))


def _is_power(number: Decimal, said: set[Decimal]) -> bool:
    return number.as_tuple().digits[:1] == (1,) and Decimal(-number.adjusted()) in said


def numbers_in(row: str) -> set[Decimal]:
    """Every number that a row's text has, those of hexadecimal words included."""
    found: set[Decimal] = set()
    for text in _NUMBER.findall(row):
        if len(text) <= 1000:
            try:
                number = Decimal(text)
            except InvalidOperation:
                continue
            found |= {number, number.copy_negate()}
    for digits in _HEX.findall(row):
        words = [digits[n : n + _WORD] for n in range(0, len(digits), _WORD)]
        found |= {Decimal(int(word, 16)) for word in [*words[:64], digits[:_WORD]]}
    return found


def numbers_of(record: Record) -> Iterator[tuple[str, Decimal]]:
    """(field, value) of every number that a record states."""
    yield from _numbers(record.record, {n: getattr(record, n) for n in record.model_fields_set})


def _numbers(name: str, value: Any) -> Iterator[tuple[str, Decimal]]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | Decimal | float):
        yield name, Decimal(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(f"{name}.{key}", inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _numbers(name, inner)
    elif hasattr(value, "model_fields_set"):
        yield from _numbers(name, {n: getattr(value, n) for n in value.model_fields_set})


def texts_of(record: Record) -> Iterator[tuple[str, str]]:
    """(field, value) of every text that a record states, but for ids and statuses."""
    for name in record.model_fields_set:
        value = getattr(record, name)
        if isinstance(value, str) and name not in ("record", "status") and not _IDS.fullmatch(value):
            yield f"{record.record}.{name}", value


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else " "


def plainly(text: str) -> str:
    """Nothing but letters and digits, without case and compatibility forms."""
    folded = unicodedata.normalize("NFKD", _ESCAPE.sub(_unescaped, text)).casefold()
    return "".join(c for c in folded if c.isalnum())


class Judge:
    """One importer with one good payload, from which it learns `rules`. `judge` gives the findings about a mutant of it.

    `relation` is how rows depend on others: `joined` with what stands around them; `linked`, each with its neighbours, so
    that one that changes may change the others; `summed`, where one reject may speak of several.
    """

    def __init__(
        self, importer: Importer, good: Apart, observed_at: datetime | None, rules: Rules, *, relation: str = ""
    ) -> None:
        self.importer, self.good, self.observed_at, self.relation = importer, good, observed_at, relation
        findings, self.results, broken = self._run(good.data)
        assert not findings, findings
        if broken is not None:
            raise broken
        self.by_row = group(self.results, good.rows)
        records = [r.record for r in self.results if isinstance(r, Parsed)]
        self.has_records = bool(records)
        self.canonical = {r.canonical_json() for r in records}
        self.common = _common(records)
        self.rules = rules
        for row, results in zip(good.rows, self.by_row, strict=True):
            for result in results:
                if isinstance(result, Parsed):
                    self.rules.learn(result.record, row.text)
        self.first = next((n for n, results in enumerate(self.by_row) if results), 0)
        #: Whether every row behind the first that gives something gives something.
        self.is_complete = all(self.by_row[self.first :])
        #: What stands around the rows, of lines also those before the rows.
        self.around = self._around(good)

    def _around(self, apart: Apart) -> str:
        if apart.form == "json":
            return apart.around
        return "\n".join(row.text for row in apart.rows[: self.first])

    def judge(self, data: bytes) -> list[str]:
        """What is wrong with what the importer makes of these bytes."""
        findings: list[str] = []
        with clock(findings, "can_parse"):
            self.importer.can_parse(data[:65536])
        with clock(findings, "heading"):
            self.importer.heading(io.BytesIO(data))
        problems, results, broken = self._run(data)
        findings += problems
        for result in results:
            findings += self._check(result)
        if problems:
            return findings
        apart = take_apart(data, self.good)
        if apart is None:
            # a payload of lines may tell of what is no JSON line by line
            if broken is None and self.relation not in ("linked", "summed"):
                findings.append("broken JSON was read to its end")
            return [*findings, *self._before(data, results)]
        return [*findings, *self._compare(apart, results, broken)]

    def _run(self, data: bytes) -> tuple[list[str], list[Result], PayloadError | None]:
        findings: list[str] = []
        results: list[Result] = []
        broken: list[PayloadError] = []
        with clock(findings, "parse"):
            try:
                for result in self.importer.parse(io.BytesIO(data), self.observed_at):
                    results.append(result)  # noqa: PERF402 - what came before an error is kept
            except PayloadError as error:
                broken.append(error)
                raise
        return findings, results, broken[0] if broken else None

    def _check(self, result: Result) -> Iterator[str]:
        """What is wrong with a result by itself."""
        if isinstance(result, Reject):
            if result.code not in self.importer.codes:
                yield f"{result.place}: the code {result.code} is not declared"
            if not result.reason.isprintable() or len(result.reason) > 2000:
                yield f"{result.place}: a reason that cannot be shown: {result.reason[:100]!r}"
            if len(result.row) > MAX_ROW:
                yield f"{result.place}: {len(result.row)} characters of a row"
            return
        record = result.record
        text = record.canonical_json()
        try:
            text.encode()
            again = parse_record(json.loads(text, parse_float=Decimal))
        except Exception as error:  # noqa: BLE001 - whatever it is
            yield f"{result.place}: {text[:200]} cannot be read again: {type(error).__name__}: {error}"
            return
        if again != record or again.canonical_json() != text:
            yield f"{result.place}: {text[:200]} is read again as {again.canonical_json()[:200]}"
        for name, number in numbers_of(record):
            if not number.is_finite():
                yield f"{result.place}: {name} is {number}"

    def _before(self, data: bytes, results: list[Result]) -> Iterator[str]:
        """What is missing of the rows before the first byte that is another one."""
        if not results or self.relation:
            return  # it broke before any row could be told
        same = _common_prefix(data, self.good.data)
        whole = [n for n, row in enumerate(self.good.rows) if row.end < same]
        found = group(results, self.good.rows)
        touched = [row.text for n, row in enumerate(self.good.rows) if n not in whole]
        touched.append(data[same:].decode(errors="replace"))
        for n in whole:
            yield from self._difference(n, self.good.rows[n], found[n], touched, results)

    def _compare(self, apart: Apart, results: list[Result], broken: PayloadError | None) -> Iterator[str]:
        by_row = group(results, apart.rows)
        wanted = {row.text: n for n, row in reversed(list(enumerate(self.good.rows))) if n >= self.first}
        is_same = [row.text in wanted for row in apart.rows]
        if self._around(apart) == self.around and self.relation != "linked":
            given = Counter(row.text for row in apart.rows)
            often = Counter(row.text for row in self.good.rows)
            touched = [row.text for row, same in zip(apart.rows, is_same, strict=True) if not same]
            touched += [text for text, count in given.items() if count > 1]
            touched += [text for text in often if often[text] != given[text]]
            places = Counter(row.place for row in apart.rows)
            for row, same, found in zip(apart.rows, is_same, by_row, strict=True):
                if same and places[row.place] == 1 and not (broken and not found):
                    yield from self._difference(wanted[row.text], row, found, touched, results)
        if broken is None:
            yield from self._lost(apart, by_row, results)
        for row, found in zip(apart.rows, by_row, strict=True):
            for result in found:
                if isinstance(result, Parsed) and (result.record.canonical_json() not in self.canonical):
                    mentioned = [r.text for r in apart.rows if r is row or self._speaks(r.text, result.record)]
                    if self.relation == "joined":
                        mentioned.append(apart.around)
                    yield from (f"{result.place}: {w}" for w in self.rules.wrong(result.record, "\n".join(mentioned)))

    def _difference(
        self, n: int, row: Row, found: list[Result], touched: list[str], results: list[Result]
    ) -> Iterator[str]:
        """What differs from what the same row gave in the good payload, and has no reason to."""
        if self.relation == "summed":  # a reject that speaks of several rows stands at the first of them
            found = [r for r in found if isinstance(r, Parsed)]
        now, before = set(map(_said, found)), set(map(_said, self.by_row[n]))
        if now == before:
            return
        everywhere = set(map(_said, results))
        for result in self.by_row[n]:
            if _said(result) not in everywhere and not self._is_excused(result, touched):
                yield f"{row.place}: untouched, and {_said(result)[:200]} became {[s[:200] for s in now - before]}"
        for result in found:
            if _said(result) not in before | self.canonical and not (
                self._is_excused(result, touched) or any(self._is_excused(r, touched) for r in self.by_row[n])
            ):
                yield f"{row.place}: untouched, and gives {_said(result)[:200]}"

    def _is_excused(self, result: Result, touched: list[str]) -> bool:
        """Whether a changed row speaks of the same thing."""
        return isinstance(result, Parsed) and any(self._speaks(text, result.record) for text in touched)

    def _speaks(self, text: str, record: Record) -> bool:
        plain = plainly(text[:200_000])
        words = [plainly(word) for word in record.identity if word and word not in self.common]
        return any(word in plain for word in words)

    def _lost(self, apart: Apart, by_row: list[list[Result]], results: list[Result]) -> Iterator[str]:
        """Rows that neither a record nor a reject tells of."""
        if not self.is_complete or self.relation == "summed":
            return
        if apart.form == "json":
            told_of = {row.place for row, found in zip(apart.rows, by_row, strict=True) if found}
            yield from (f"{row.place}: the row is lost" for row in apart.rows if row.place not in told_of)
            return
        if self._around(apart) != self.around:
            return  # there may be another header, behind what was none before
        lines = re.findall(rb"[^\n]*\n|[^\n]+$", apart.data)
        told = sorted({_line_of(r.place) for r in results} | {len(lines) + 1})
        for start, end in pairwise([self.first + 1, *told]):
            rest = [n for n in range(start + 1, end) if not _NO_ROW.match(lines[n - 1])]
            if rest and rest[-1] > self.first + 1 and not self._is_one_row(lines[start - 1 : rest[-1]]):
                yield f"line {rest[-1]}: the row is lost"

    def _is_one_row(self, lines: list[bytes]) -> bool:
        """Whether quotes make one row of all these lines of CSV."""
        if self.good.data.startswith(b"{"):
            return False
        header = self.good.rows[0].text
        reader = csv.reader(
            (line.decode(errors="replace").replace("\0", "") for line in lines),
            delimiter=max(",;|\t", key=header.count),
        )
        try:
            next(reader)
        except csv.Error:
            return False
        return reader.line_num == len(lines)


def group(results: list[Result], rows: list[Row]) -> list[list[Result]]:
    """The results of each row, by their places."""
    numbers = {row.place: n for n, row in enumerate(rows)}
    found: list[list[Result]] = [[] for _ in rows]
    for result in results:
        place = re.split(", column", result.place)[0]
        while place and place not in numbers:
            place = place.rpartition("/")[0]
        if place in numbers:
            found[numbers[place]].append(result)
    return found


def _said(result: Result) -> str:
    return f"reject {result.code}" if isinstance(result, Reject) else result.record.canonical_json()


def _line_of(place: str) -> int:
    found = re.match(r"line (\d+)", place)
    return int(found[1]) if found else 0


def _common(records: list[Record]) -> set[str]:
    """The words that the identities of all records of a type share."""
    found: set[str] = set()
    by_type: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for record in records:
        by_type[record.record].append(record.identity)
    for identities in by_type.values():
        found.add(identities[0][0])
        if len(set(identities)) > 1:
            found |= set.intersection(*map(set, identities))
    return found


def _common_prefix(one: bytes, other: bytes) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low
