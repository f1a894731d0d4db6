"""The document alone is enough to apply deltas: what is written from it makes the bytes that the catalog exports.

The golden files were laid out from docs/protocol.md alone, the full ones record by record and not by applying deltas:
v2-64-delta leads from the older v2-64 to v2-64-later, v2-64-delta-2 from there to v2-64-later-2, and so with 128 bits.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.snapshot.apply import apply as apply_files
from catalog.snapshot.verify import verify
from tests.fuzz.histories import HORIZON, History
from tests.snapshot.independent_apply import apply, assemble, things_of
from tests.snapshot.independent_decoder import Refused, Values, decode, id_of
from tests.snapshot.test_independent_decoder import resealed

GOLDEN = Path(__file__).parent / "golden"
SPY, LUNA = "09ed704b23c5d7010ee5d6b2bf290c01", "4cfdcad2c50b845959b6f65ebcc21aec"
SEEDS = {2: 64, 7: 64, 1: 128, 5: 128}
OLD_APPLE, NEW_APPLE = (
    id_of("instrument", ["equity", "XNAS", isin, "USD", ""]).hex() for isin in ("US0378331005", "US5949181045")
)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_histories(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr("catalog.services.export.HORIZON", HORIZON)
    history = History(catalog, seed, tmp_path)
    history.bits = SEEDS[seed]
    history.run(stretches=3)
    base = (tmp_path / "base").read_bytes()
    deltas = [(tmp_path / f"delta-{n}").read_bytes() for n in range(3)]
    fulls = [(tmp_path / f"full-{n}").read_bytes() for n in range(3)]
    for before, delta, after in zip([base, *fulls], deltas, fulls, strict=False):
        assert apply(before, [delta]) == after
    assert apply(base, deltas[:2]) == fulls[1]
    assert apply(base, deltas) == fulls[2]


def golden(bits: int, name: str = "") -> bytes:
    text = (GOLDEN / f"v2-{bits}{name}.hex").read_text(encoding="utf-8")
    return bytes.fromhex("".join(line.partition("#")[0] for line in text.splitlines()))


STEPS = [  # from, deltas, to
    ("", ["-delta"], "-later"),
    ("-later", ["-delta-2"], "-later-2"),
    ("", ["-delta", "-delta-2"], "-later-2"),
]


@pytest.mark.parametrize("bits", [64, 128])
@pytest.mark.parametrize(("before", "deltas", "after"), STEPS)
def test_the_golden_deltas(bits: int, before: str, deltas: list[str], after: str) -> None:
    assert apply(golden(bits, before), [golden(bits, name) for name in deltas]) == golden(bits, after)


@pytest.mark.parametrize("bits", [64, 128])
@pytest.mark.parametrize(("before", "deltas", "after"), STEPS)
def test_the_package_makes_the_golden_files(
    tmp_path: Path, bits: int, before: str, deltas: list[str], after: str
) -> None:
    paths = [tmp_path / f"file{n}" for n in range(len(deltas) + 1)]
    for path, name in zip(paths, [before, *deltas], strict=True):
        path.write_bytes(golden(bits, name))
    apply_files(paths[0], paths[1:], tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == golden(bits, after)


@pytest.mark.parametrize("bits", [64, 128])
@pytest.mark.parametrize("name", ["-delta", "-later", "-delta-2", "-later-2"])
def test_the_golden_file_is_good(tmp_path: Path, bits: int, name: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(golden(bits, name))
    assert verify(path).problems == []


def gone(bits: int, name: str) -> set[str]:
    return {str(values["gone"]) for values in decode(golden(bits, name)).of("tombstone")}


def found(bits: int, name: str, id: str) -> Values | None:
    return decode(golden(bits, name)).get(1, id)


@pytest.mark.parametrize("bits", [64, 128])
def test_the_golden_deltas_hold_every_rule(bits: int) -> None:
    assert gone(bits, "-delta") == {"alias", "currency", "event_type", "listing"}
    assert gone(bits, "") == {"stock", "pair"}  # behind the horizon of the delta
    assert gone(bits, "-later") == {"currency", "event_type"}
    # The event type was retired at the horizon and the future before it; the currency is back.
    assert gone(bits, "-delta-2") == {"listing", "option", "broker_contract", "synthetic"}
    assert gone(bits, "-later-2") == {"stock", "venue", "option", "broker_contract", "synthetic"}
    for id in (SPY, LUNA):
        records = [(found(bits, name, id) or {})["record"] for name in ("", "-later")]
        assert records[0] in ("etf", "asset")
        assert records[1] == "alias"
    successions = {
        name: [(v["successor"][:8], v["is_in_effect"]) for v in decode(golden(bits, name)).of("succession")]
        for name in ("", "-later")
    }
    # A retired security that in the end only a succession names.
    securities = {
        name: [v["status"] for v in decode(golden(bits, name)).of("security")] for name in ("", "-later", "-later-2")
    }
    assert securities == {"": ["active", "active"]} | {name: ["retired", "active"] for name in ("-later", "-later-2")}
    assert successions == {"": [("f0d0eebc", True), ("be419f50", False)], "-later": [("be419f50", True)]}
    apple = [found(bits, name, OLD_APPLE) for name in ("", "-later", "-later-2")]
    assert [values and values["status"] for values in apple] == ["active", "retired", None]
    aliases = {
        name: {v["identity"][2]: v["target"] for v in decode(golden(bits, name)).of("alias")}
        for name in ("", "-later", "-later-2")
    }
    assert [of.get("AAPL") for of in aliases.values()] == [OLD_APPLE, NEW_APPLE, NEW_APPLE]
    assert [of.get("AAPLW") for of in aliases.values()] == [None, OLD_APPLE, None]
    assert ["APC" in of for of in aliases.values()] == [True, False, False]
    codes = [decode(golden(bits, name)).vocabularies["blockchain"] for name in ("", "-later")]
    assert codes[1].items() - codes[0].items() == {(2, "eip155:137")}


@pytest.mark.parametrize("bits", [64, 128])
def test_what_does_not_apply_is_refused(bits: int) -> None:
    base, delta, later, second = (golden(bits, name) for name in ("", "-delta", "-later", "-delta-2"))
    for start, deltas in [
        (base, []),
        (base, [second]),
        (base, [later]),
        (base, [second, delta]),
        (base, [delta, delta]),
        (delta, [second]),
        (later, [delta]),
        (base, [golden(192 - bits, "-delta")]),
        (base, [delta[:-1]]),
    ]:
        with pytest.raises(Refused):
            apply(start, deltas)
    broken = bytearray(delta)
    broken[-1] ^= 1
    with pytest.raises(Refused):
        apply(base, [bytes(broken)])


def test_another_catalog_is_refused() -> None:
    base, delta = golden(64), decode(golden(64, "-delta"))
    delta.head["catalog_id"] = bytes(16)
    with pytest.raises(Refused, match="catalog_id"):
        apply(
            base,
            [
                assemble(
                    delta,
                    list(things_of(delta, delta)),
                    contents=2,
                    base_sequence=35,
                    base_as_of=delta.head["base_as_of"],
                )
            ],
        )


def alias_to_record(bits: int) -> bytes:
    """A delta from v2-later: the alias of the first one is a record again, with the succession that was dropped."""
    base, delta = decode(golden(bits)), decode(golden(bits, "-delta-2"))
    more = []
    for thing in things_of(base, delta):
        values = thing.values
        if LUNA in (values.get("id"), values.get("predecessor")):
            more.append(thing._replace(sequence=58, timestamp=delta.head["as_of"]))
        elif values.get("symbol") == "LUNC":
            more.append(thing)  # it is named
    base_as_of = delta.head["base_as_of"]
    return assemble(delta, [*things_of(delta, delta), *more], contents=2, base_sequence=52, base_as_of=base_as_of)


@pytest.mark.parametrize("bits", [64, 128])
def test_an_alias_that_is_a_record_again(bits: int) -> None:
    deltas = [golden(bits, "-delta"), alias_to_record(bits)]
    after = apply(golden(bits, "-later"), deltas[1:])
    assert apply(golden(bits), deltas) == after
    assert [v["predecessor"] for v in decode(after).successions_of(LUNA)] == [LUNA]


@pytest.mark.parametrize("bits", [64, 128])
def test_the_package_at_an_alias_that_is_a_record_again(tmp_path: Path, bits: int) -> None:
    """Several deltas at once make what one after the other makes."""
    files = [golden(bits), golden(bits, "-delta"), alias_to_record(bits), golden(bits, "-later")]
    base, first, second, later = paths = [tmp_path / f"file{n}" for n in range(4)]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    apply_files(later, [second], tmp_path / "one-after-the-other")
    apply_files(base, [first, second], tmp_path / "at-once")
    expected = apply(golden(bits, "-later"), [alias_to_record(bits)])
    assert (tmp_path / "one-after-the-other").read_bytes() == expected
    assert (tmp_path / "at-once").read_bytes() == expected


@pytest.mark.parametrize("bits", [64, 128])
def test_codes_that_belong_to_a_file_are_written_as_the_last_delta_has_them(bits: int) -> None:
    base = with_venue_types(golden(bits), {0x80: "kiosk"})
    at = base.index(b"Alpaca\x01\x06") + 7
    base = resealed(base[:at] + b"\x80" + base[at + 1 :])
    delta = with_venue_types(golden(bits, "-delta"), {0x80: "stall", 0x81: "kiosk"})
    expected = with_venue_types(golden(bits, "-later"), {0x80: "stall", 0x81: "kiosk"})
    at = expected.index(b"Alpaca\x01\x06") + 7
    assert apply(base, [delta]) == resealed(expected[:at] + b"\x81" + expected[at + 1 :])
    with pytest.raises(Refused, match="venue_type lacks kiosk"):
        apply(base, [golden(bits, "-delta")])


def with_venue_types(data: bytes, more: dict[int, str]) -> bytes:
    """The same file with more codes of its own."""
    file = decode(data)
    for place, message in enumerate(file.messages):
        if message.type == 0x0D and message.payload[1:11] == b"venue_type":
            (count,) = struct.unpack_from("<H", message.payload, 11)
            rows = b"".join(struct.pack("<HB", code, len(name)) + name.encode() for code, name in more.items())
            payload = message.payload[:11] + struct.pack("<H", count + len(more)) + message.payload[13:] + rows
            file.messages[place] = message._replace(payload=payload)
    start = file.head["base_sequence"], file.head.get("base_as_of")
    return assemble(file, list(things_of(file, file)), file.head["contents"], *start)
