"""The commands that every noun has."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import APPLE, USDC, Run

SHARE = {"record": "stock", "mic": "XNAS", "isin": "US0378331005", "ticker": "TICK", "currency": "USD"}
COIN = {"record": "token", "blockchain": "eip155:1", "address": "0x" + "1" * 40, "symbol": "ONE"}
VENUE = {"record": "venue", "mic": "XNYS", "name": "New York Stock Exchange"}


@pytest.mark.parametrize(
    "noun", ["instrument", "security", "venue", "listing", "pool", "pair", "broker", "event", "synthetic"]
)
def test_what_show_prints_can_be_registered_and_imported(sample: Run, noun: str) -> None:
    before = sample("stats", "--json").json["last_sequence"]
    listed = sample(noun, "list", "--limit", "1000", "--json")
    for record in {r["record"]: r for r in listed.json}.values():
        key = str(record.get("id") or f"{record['instrument_id']}@{record['venue_id']}:{record['symbol']}")
        shown = sample(noun, "show", key, "--json")
        assert shown.json == record
        done = sample(noun, "register", "-", "--json", stdin=shown.out)
        assert (done.code, done.json) == (0, record), done.err
        report = sample("import", "jsonl", "-", "--json", stdin=shown.out).json
        assert report["seen"] == report["unchanged"] > 0
    report = sample(noun, "register", "-", "--json", stdin=listed.out).json
    assert report["seen"] == report["unchanged"] >= len(listed.json)
    assert sample("stats", "--json").json["last_sequence"] == before


def test_register_one(catalog: Run) -> None:
    done = catalog("venue", "register", "-", "--reason", "new", stdin=json.dumps(VENUE))
    assert done.code == 0
    id = done.out.strip()
    assert catalog("venue", "show", id, "--json").json["name"] == VENUE["name"]
    (change,) = catalog("venue", "history", id, "--json").json
    assert (change["action"], change["reason"]) == ("register", "new")


def test_register_many_reports_every_one(catalog: Run) -> None:
    lines = [
        json.dumps(VENUE),
        '{"record": "venue"}',
        "{",
        '{"record": "currency", "iso_code": "USD"}',
        '{"record": "x"}',
    ]
    done = catalog("venue", "register", "-", "--json", stdin="\n".join(lines))
    assert done.code == 1
    assert (done.json["seen"], done.json["registered"], done.json["rejected"]) == (5, 1, 4)
    assert [e["place"] for e in done.json["errors"]] == ["line 2", "line 3", "line 4", "line 5"]
    done = catalog("venue", "register", "-", stdin=json.dumps([VENUE, VENUE | {"mic": "XLON"}]))
    assert (done.code, done.err) == (0, "")
    assert catalog("venue", "register", "-", "--json", stdin="[]").json["seen"] == 0


@pytest.mark.parametrize(
    "record",
    [
        VENUE | {"mic": "toolong"},
        VENUE | {"slug": "nyse"},
        VENUE | {"name": "a\x00b"},
        VENUE | {"nope": 1},
        VENUE | {"id": "0" * 32},
        VENUE | {"name": "x" * 70_000},
        {"record": "currency", "iso_code": "USD"},
        7,
    ],
)
def test_a_bad_record_is_exit_1_and_one_line(catalog: Run, record: object) -> None:
    done = catalog("venue", "register", "-", stdin=json.dumps(record))
    assert (done.code, done.out) == (1, "")
    assert done.lines[0].startswith("error: ")
    assert len(done.lines) <= 2
    assert catalog("stats", "--json").json["last_sequence"] == 0


@pytest.mark.parametrize("path", [".", "missing"])
def test_no_file(catalog: Run, path: str) -> None:
    assert catalog("venue", "register", path).code == 2


def test_show_takes_short_ids_and_says_what_is_missing(sample: Run) -> None:
    assert sample("instrument", "show", APPLE[:16], "--json").json["id"] == APPLE
    assert sample("instrument", "show", "0" * 32).code == 1
    assert sample("security", "show", APPLE).code == 1
    done = sample("instrument", "show", "no\x1b[2Jid")
    assert done.code == 2
    assert "\x1b" not in done.err
    assert sample("listing", "show", "nonsense").code == 2
    assert "AAPL" in sample("instrument", "show", APPLE).out


def test_pages_follow_each_other(sample: Run) -> None:
    whole = [r["id"] for r in sample("instrument", "list", "--limit", "1000", "--json").json]
    pages: list[str] = []
    while True:
        after = ["--after", pages[-1]] if pages else []
        page = sample("instrument", "list", "--limit", "7", "--json", *after).json
        if not page:
            break
        pages += [r["id"] for r in page]
    assert pages == whole == sorted(whole)


def test_list_filters(sample: Run) -> None:
    tokens = sample("instrument", "list", "--record", "token", "--json").json
    assert {r["record"] for r in tokens} == {"token"}
    retired = sample("instrument", "list", "--status", "retired", "--json").json
    assert [r["is_adjusted"] for r in retired] == [True]
    assert sample("instrument", "list", "--record", "venue").code == 2
    assert sample("instrument", "list", "--status", "odd").code == 2
    assert "hint: --after" in sample("instrument", "list", "--limit", "2").err


def test_a_life(sample: Run) -> None:
    for action, status in (("suspend", "suspended"), ("resume", "active"), ("retire", "retired"), ("relist", "active")):
        if action == "retire":
            refused = sample("instrument", action, APPLE)
            assert refused.code == 1
            assert "needed by" in refused.err
        force = ["--force"] if action == "retire" else []
        done = sample("instrument", action, APPLE, "--reason", f"to {action}", "--json", *force)
        assert (done.code, done.json["status"]) == (0, status)
    history = sample("instrument", "history", APPLE, "--json").json
    assert [c["reason"] for c in history if c["reason"]] == ["to suspend", "to resume", "to retire", "to relist"]
    assert sample("instrument", "suspend", APPLE).out == f"{APPLE} is suspended\n"
    assert sample("instrument", "suspend", "0" * 32).code == 1


def test_update(sample: Run) -> None:
    done = sample("instrument", "update", USDC, "name=USD Coin 2", "--reason", "renamed", "--json")
    assert (done.code, done.json["name"]) == (0, "USD Coin 2")
    done = sample("instrument", "update", USDC, "decimals=18")
    assert done.code == 1
    assert "--confirm-breaking" in done.err
    done = sample("instrument", "update", USDC, "decimals=18", "--confirm-breaking", "--json")
    assert (done.code, done.json["decimals"]) == (0, 18)
    assert sample("instrument", "update", USDC, "symbol=").code == 2
    assert sample("instrument", "update", USDC, "nope=1").code == 2
    assert sample("instrument", "update", APPLE, "figi=US0378331005").code == 1
    assert sample("instrument", "update", APPLE, "isin=CA82509L1076").code == 1
    assert sample("instrument", "update", "0" * 32, "name=x").code == 1


@pytest.mark.parametrize(
    "noun", ["instrument", "security", "venue", "listing", "pool", "pair", "broker", "event", "synthetic"]
)
def test_every_record_can_be_suspended_resumed_and_retired(sample: Run, noun: str) -> None:
    for record in {r["record"]: r for r in sample(noun, "list", "--limit", "1000", "--json").json}.values():
        key = str(record.get("id") or f"{record['instrument_id']}@{record['venue_id']}:{record['symbol']}")
        for words, status in (
            (("suspend",), "suspended"), (("resume",), "active"), (("retire", "--force"), "retired"), (("relist",), "active"),
        ):  # fmt: skip
            done = sample(noun, words[0], key, *words[1:])
            assert (done.code, done.out) == (0, f"{key} is {status}\n"), done.err


def test_update_does_not_retire_what_others_need(sample: Run) -> None:
    (token,) = {t["instrument_id"] for t in sample("pool", "list", "--json").json[0]["tokens"][:1]}
    done = sample("instrument", "update", token, "status=retired")
    assert (done.code, "is needed by" in done.err) == (1, True)


def test_a_field_is_not_set_to_the_word_null(sample: Run) -> None:
    (pool, *_) = sample("pool", "list", "--json").json
    done = sample("pool", "update", pool["id"], "name=null")
    assert (done.code, "cannot be set to nothing" in done.err) == (2, True)


def test_a_listing_without_its_symbol(catalog: Run) -> None:
    lines = [{"record": "venue", "mic": "ARCX"}, SHARE]
    assert catalog("import", "jsonl", "-", stdin="\n".join(map(json.dumps, lines))).code == 0
    (apple,) = catalog("instrument", "list", "--json").json
    (arca,) = [v for v in catalog("venue", "list", "--json").json if v["mic"] == "ARCX"]
    place = f"{apple['id']}@{arca['id']}"
    one = {"record": "listing", "instrument_id": apple["id"], "venue_id": arca["id"], "symbol": "AAPL"}
    assert catalog("listing", "register", "-", stdin=json.dumps(one)).code == 0
    assert catalog("listing", "show", place, "--json").json["symbol"] == "AAPL"
    assert catalog("listing", "suspend", place).out == f"{place} is suspended\n"
    listed = [line.split()[1] for line in catalog("listing", "list").out.splitlines() if place in line]
    assert listed == [f"{place}:AAPL"]
    change = catalog("changes", "--json").json[-1]
    assert (change["record"], change["listing"]) == ("listing", f"{place}:AAPL")
    assert catalog("listing", "register", "-", stdin=json.dumps(one | {"symbol": "AAPL.P"})).code == 0
    done = catalog("listing", "show", place)
    assert (done.code, f"{place}:AAPL.P" in done.err) == (1, True)


def test_a_register_that_opens_a_dispute_says_so(catalog: Run) -> None:
    assert catalog("import", "jsonl", "-", stdin=json.dumps(SHARE)).code == 0
    other = {**SHARE, "isin": "US5949181045", "name": "Another"}
    other.pop("cusip", None)
    done = catalog("instrument", "register", "-", stdin=json.dumps(other))
    assert (done.code, "catalog disputes list" in done.err) == (1, True)


def test_what_a_dispute_holds_is_not_resumed(catalog: Run) -> None:
    for source, decimals in (("one", 6), ("two", 18)):
        record = {**COIN, "decimals": decimals}
        assert catalog("import", "jsonl", "-", "--feed", source, stdin=json.dumps(record)).code in (0, 1)
    (token,) = [r for r in catalog("instrument", "list", "--json").json if r["record"] == "token"]
    assert token["status"] == "suspended"
    done = catalog("instrument", "resume", token["id"])
    assert (done.code, "it stays suspended" in done.err) == (1, True)
