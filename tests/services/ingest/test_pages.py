"""HTTP sources: what is new is imported, what is the same is not, and no misbehaviour loses or doubles anything."""

from __future__ import annotations

import gzip
import json
import ssl
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from catalog import Catalog
from catalog.errors import CatalogError
from catalog.services.ingest import transport
from tests.services.ingest import servers
from tests.services.ingest.conftest import Follow, chain, held, http, runs, stop, token, tokens
from tests.services.ingest.servers import Answer, Endless, Server, Visit, redirect, send, status

Serve = Callable[..., Server]
LIST = json.dumps(tokens(1, 2, 3)).encode()
GOOD = send(LIST)


def test_what_is_new_is_imported_and_what_is_the_same_makes_no_run(
    follow: Follow, serve: Serve, catalog: Catalog
) -> None:
    server = serve(GOOD, GOOD, send(tokens(1, 2, 3, 4)))
    first, second, third = (follow(http(server.url)) for _ in range(3))
    assert first.only("imported")["registered"] == 3
    assert second.words == ["unchanged"]
    assert (third.only("imported")["registered"], third.only("imported")["unchanged"]) == (1, 3)
    assert runs(catalog) == ["done", "done"]
    assert held(catalog) == {1, 2, 3, 4}
    for done in (first, second, third):
        assert (done.outcome.is_readable, done.outcome.is_clean, done.outcome.is_stopped) == (True, True, False)


def test_not_modified_is_asked_for_and_makes_no_run(follow: Follow, serve: Serve, catalog: Catalog) -> None:
    def answer(visit: Visit) -> None:
        if visit.headers.get("If-None-Match") == '"one"':
            visit.head(304, None)
            return
        send(LIST, ETag='"one"', Last_Modified="Sun, 01 Nov 2026 00:00:00 GMT")(visit)

    server = serve(answer)
    assert follow(http(server.url)).words == ["imported"]
    for _ in range(2):  # what was not sent again with a 304 is not forgotten
        assert follow(http(server.url)).words == ["unchanged"]
        assert server.visits[-1].headers["If-None-Match"] == '"one"'
        assert server.visits[-1].headers["If-Modified-Since"] == "Sun, 01 Nov 2026 00:00:00 GMT"
    assert runs(catalog) == ["done"]
    # another request is another answer: neither its ETag nor its hash holds
    assert follow(http(server.url + "?all=1")).words == ["imported"]
    assert "If-None-Match" not in server.visits[-1].headers


def test_a_run_is_called_by_its_source_and_speaks_for_one_feed(follow: Follow, serve: Serve, catalog: Catalog) -> None:
    nameless = b"[" + LIST.partition(b"[")[2].rpartition(b"]")[0] + b"]"
    server = serve(send(nameless), send(nameless + b" "))
    for _ in range(2):
        assert follow(http(server.url)).words == ["imported"]
    assert [(run["file_name"], run["feed"]) for run in catalog.imports()] == [("list", "list")] * 2


def test_not_modified_since_what(follow: Follow, serve: Serve) -> None:
    done = follow(http(serve(send(b"", 304)).url))
    assert done.only("failed")["reason"] == "it answers with status 304"


@pytest.mark.parametrize(
    "trouble",
    [
        status(500), status(503), status(429), status(408), servers.hang_up, servers.stall, servers.drip,
        servers.cut_body(LIST[:100], len(LIST)), servers.cut_chunks(LIST[:100]),
        send(gzip.compress(LIST)[:-20], Content_Encoding="gzip"), send(LIST, Content_Encoding="gzip"),
    ],
    ids=[
        "500", "503", "429", "408", "no answer", "stalled", "dripping", "cut", "cut between chunks", "cut gzip", "no gzip",
    ],
)  # fmt: skip
def test_trouble_passes(follow: Follow, serve: Serve, catalog: Catalog, trouble: Answer) -> None:
    server = serve(trouble, trouble, GOOD)
    done = follow(http(server.url))
    assert done.words == ["trouble", "trouble", "imported"]
    assert done.outcome.is_readable
    assert len(server.visits) == 3
    assert held(catalog) == {1, 2, 3}
    assert runs(catalog) == ["done"]


def test_trouble_that_stays_is_given_up_by_a_single_poll(follow: Follow, serve: Serve, catalog: Catalog) -> None:
    server = serve(status(500))
    done = follow(http(server.url))
    assert done.words == ["trouble"] * 4 + ["failed"]
    assert done.only("failed")["reason"] == "it answers with status 500"
    assert not done.outcome.is_readable
    waits = [event["wait"] for event in done.named("trouble")]
    assert all(0.2 <= wait <= bound for wait, bound in zip(waits, (2, 4, 8, 16), strict=True))
    assert runs(catalog) == []


def test_backoff_is_random_and_bounded(follow: Follow, serve: Serve) -> None:
    server = serve(*[status(502)] * 12, GOOD)

    def hear(event: dict[str, Any]) -> None:
        if event["event"] == "imported":
            stop()

    done = follow(http(server.url), ingest='[ingest]\nmax_backoff = "20s"\n', once=False, hear=hear)
    waits = [event["wait"] for event in done.named("trouble")]
    assert len(waits) == 12
    assert max(waits) <= 20
    assert len(set(waits[5:])) > 1
    assert done.outcome.is_stopped


def test_the_server_says_when_to_come_back(follow: Follow, serve: Serve) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    server = serve(status(429, Retry_After="37"), status(503, Retry_After=later), status(429, Retry_After="soon"), GOOD)
    done = follow(http(server.url))
    first, second, third = (event["wait"] for event in done.named("trouble"))
    assert first == 37
    assert 40 <= second <= 50
    assert third <= 8
    assert done.words[-1] == "imported"


def test_who_says_tomorrow_is_not_waited_for_by_a_single_poll(follow: Follow, serve: Serve) -> None:
    done = follow(http(serve(status(429, Retry_After="86400")).url))
    assert done.words == ["failed"]
    assert done.clock.slept == []


@pytest.mark.parametrize("code", [401, 403, 404, 410, 204])
def test_a_refusal_is_not_repeated_at_once(follow: Follow, serve: Serve, code: int) -> None:
    server = serve(status(code) if code != 204 else send(b"", 204))
    done = follow(http(server.url))
    assert done.words == ["failed"]
    assert f"status {code}" in done.only("failed")["reason"]
    assert len(server.visits) == 1


@pytest.mark.parametrize(
    "body", ["<html><body>Just a moment…</body></html>", "", "null", '{"code": -1003}', '{"tokens": [}']
)
def test_what_is_no_payload_changes_nothing_and_is_asked_for_again(
    follow: Follow, serve: Serve, catalog: Catalog, body: str
) -> None:
    server = serve(send(body, ETag='"bad"'), GOOD)
    done = follow(http(server.url))
    assert done.words == ["failed"]
    assert not done.outcome.is_readable
    assert follow(http(server.url)).words == ["imported"]
    assert "If-None-Match" not in server.visits[-1].headers
    assert held(catalog) == {1, 2, 3}


def test_of_a_broken_payload_the_good_rows_stay_and_it_is_asked_for_again(
    follow: Follow, serve: Serve, catalog: Catalog
) -> None:
    server = serve(send(LIST[:-60], ETag='"bad"'), GOOD)
    done = follow(http(server.url))
    assert done.words == ["broken", "failed"]
    assert not done.outcome.is_readable
    assert held(catalog) == {1, 2}
    assert follow(http(server.url)).only("imported")["registered"] == 1
    assert runs(catalog) == ["failed", "done"]


def test_rejects_are_no_failure_and_move_on(follow: Follow, serve: Serve) -> None:
    server = serve(send({**tokens(1), "tokens": [token(1), token(2) | {"decimals": "many"}]}))
    done = follow(http(server.url))
    assert (done.only("imported")["registered"], done.only("imported")["rejected"]) == (1, 1)
    assert (done.outcome.is_readable, done.outcome.is_clean) == (True, False)
    again = follow(http(server.url))
    assert again.words == ["unchanged"]
    assert again.outcome.is_clean


def test_a_listing_that_shrinks_is_held_until_somebody_believes_it(
    follow: Follow, serve: Serve, catalog: Catalog
) -> None:
    later = tokens(1, 2) | {"timestamp": "2026-11-02T00:00:00Z"}
    server = serve(send(tokens(*range(1, 11))), send(later))
    assert follow(http(server.url)).outcome.is_clean
    for _ in range(2):
        done = follow(http(server.url))
        assert done.words == ["held"]
        assert (done.outcome.is_readable, done.outcome.is_clean) == (True, False)
    assert follow(http(server.url, "accept_shrink = true")).only("imported")["unchanged"] == 2
    assert follow(http(server.url)).words == ["unchanged"]
    assert runs(catalog) == ["done", "stopped", "stopped", "done"]


@pytest.mark.parametrize("suspends", [False, True])
def test_what_vanished_from_a_listing(follow: Follow, serve: Serve, catalog: Catalog, suspends: bool) -> None:
    later = tokens(*range(1, 10)) | {"timestamp": "2026-11-02T00:00:00Z"}
    server = serve(send(tokens(*range(1, 11))), send(later))
    more = f"suspend_missing = {str(suspends).lower()}"
    follow(http(server.url, more))
    report = follow(http(server.url, more)).only("imported")
    assert (report["missing"], report.get("suspended")) == (1, 1 if suspends else None)


# Redirects


def test_a_chain_of_redirects_is_followed(follow: Follow, serve: Serve) -> None:
    hops = [redirect("/list", code) for code in (301, 302, 303, 307, 308)]
    server = serve(*hops, GOOD)
    assert follow(http(server.url)).words == ["imported"]
    assert len(server.visits) == 6


def test_a_redirect_that_does_not_end_is_left(follow: Follow, serve: Serve) -> None:
    server = serve(redirect("/list"))
    assert "more than 5 times" in follow(http(server.url)).only("failed")["reason"]
    assert len(server.visits) == 6


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("ftp://127.0.0.1/list", "the scheme `ftp`"),
        ("file:///etc/passwd", "the scheme `file`"),
        ("data:application/json,{}", "no URL"),
        ("http://[::bad/", "Invalid URL"),
    ],
)
def test_a_redirect_elsewhere_is_not_followed(follow: Follow, serve: Serve, to: str, reason: str) -> None:
    done = follow(http(serve(redirect(to)).url))
    assert done.words[-1] == "failed"
    assert reason in done.only("failed")["reason"]


def test_a_redirect_without_a_place(follow: Follow, serve: Serve) -> None:
    assert "without saying where" in follow(http(serve(send(b"", 302)).url)).only("failed")["reason"]


def test_https_is_never_left(follow: Follow, serve: Serve, secure: ssl.SSLContext) -> None:
    plain = serve(GOOD)
    server = serve(redirect("/there"), redirect(plain.url))
    server.wrap(secure)
    done = follow(http(server.url))
    assert done.only("failed")["reason"] == "it redirects from https to http, which is not followed"
    assert (len(server.visits), plain.visits) == (2, [])
    server.answers = [GOOD]
    assert follow(http(serve(redirect(server.url)).url)).words == ["imported"]  # the other way is as good


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What makes a server speak TLS, with a certificate that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_headers_are_for_one_server_alone(follow: Follow, serve: Serve) -> None:
    other = serve(GOOD)
    server = serve(redirect("/there"), redirect(f"http://localhost:{other.port}/list"))
    more = 'headers = {X-Key = {env = "KEY"}}'
    assert follow(http(server.url, more), environ={"KEY": "do-not-tell"}).words == ["imported"]
    assert [visit.headers.get("X-Key") for visit in (*server.visits, *other.visits)] == ["do-not-tell"] * 2 + [None]


@pytest.mark.parametrize(
    ("url", "target", "same"),
    [
        ("http://a/x", "http://a/y", True), ("http://a/x", "https://a/x", True), ("http://a:8080/", "https://a/", False),
        ("https://a/x", "https://a:444/x", False), ("https://a/x", "https://b/x", False),
    ],
)  # fmt: skip
def test_one_server(url: str, target: str, same: bool) -> None:
    assert transport._is_same_host(httpx.URL(url), httpx.URL(target)) is same


# Size


def test_an_endless_body_is_cut(follow: Follow, serve: Serve, catalog: Catalog) -> None:
    endless = Endless()
    done = follow(http(serve(endless).url), ingest="[ingest]\nmax_body_mib = 1\n")
    assert done.only("failed")["reason"] == "the answer is larger than 1 MiB"
    assert endless.sent < 64 << 20
    assert runs(catalog) == []


def test_a_bomb_is_bounded_in_size_and_memory(follow: Follow, serve: Serve) -> None:
    server = serve(send(gzip.compress(bytes(128 << 20)), Content_Encoding="gzip"))
    tracemalloc.start()
    done = follow(http(server.url), ingest="[ingest]\nmax_body_mib = 100\n")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done.only("failed")["reason"] == "the answer is larger than 100 MiB"
    assert peak < 24 << 20


def test_gzip_is_asked_for_and_hashed_as_what_it_holds(follow: Follow, serve: Serve) -> None:
    server = serve(send(gzip.compress(LIST), Content_Encoding="gzip"), GOOD, send(LIST, Content_Encoding="br"))
    assert follow(http(server.url)).words == ["imported"]
    assert server.visits[0].headers["Accept-Encoding"] == "gzip"
    assert follow(http(server.url)).words == ["unchanged"]
    assert "compressed as `br`" in follow(http(server.url)).only("failed")["reason"]


# Hosts


def test_a_host_is_spared(follow: Follow, serve: Serve, catalog: Catalog) -> None:
    def slowly(visit: Visit) -> None:
        time.sleep(0.05)
        GOOD(visit)

    server, other = serve(slowly), serve(slowly)
    sources = [http(server.url, name=f"source {n}") for n in range(6)]
    limits = '[ingest]\nconnections = 3\nrequests_per_second = 4\n[host."localhost"]\nconnections = 1\n'
    elsewhere = [http(f"http://localhost:{other.port}/", name=f"other {n}") for n in range(3)]
    done = follow(*sources, *elsewhere, ingest=limits)
    assert len(done.named("imported")) == 9
    assert server.most_open <= 3
    assert other.most_open == 1
    assert done.clock.time - 1000 >= 5 / 4  # six requests, a quarter of a second between any two


def test_one_source_in_trouble_holds_no_other(follow: Follow, serve: Serve) -> None:
    done = follow(http(serve(status(404)).url, name="bad"), http(serve(GOOD).url, name="good"))
    assert done.only("failed")["name"] == "bad"
    assert done.only("imported")["name"] == "good"
    assert not done.outcome.is_readable


# Pages


def paged(visit: Visit) -> None:
    """Three pages, each naming the next one."""
    at = httpx.URL(visit.path).params.get("cursor", "")
    number = {"": 1, "b c": 2, "7": 3}[at]
    following = {1: "b c", 2: 7, 3: ""}[number]
    send(tokens(number) | {"result": {"next": following}})(visit)


PAGES = 'pages = {parameter = "cursor", from = "/result/next"}'


def test_page_after_page(follow: Follow, serve: Serve, catalog: Catalog) -> None:
    server = serve(paged)
    done = follow(http(server.url + "?limit=1", PAGES))
    assert done.words == ["imported"] * 3
    assert [httpx.URL(visit.path).params["limit"] for visit in server.visits] == ["1"] * 3
    assert held(catalog) == {1, 2, 3}
    assert follow(http(server.url + "?limit=1", PAGES)).words == ["unchanged"] * 3
    server.answers = [send(tokens(1, 4) | {"result": {"next": None}})]
    assert follow(http(server.url + "?limit=1", PAGES)).words == ["imported"]
    with catalog.transaction() as cursor:
        cursor.execute("SELECT name, page, run_id FROM ingest_pages")
        assert cursor.fetchall() == [("list", 0, 4)]


def test_a_page_is_no_listing(follow: Follow, serve: Serve, catalog: Catalog) -> None:
    def two(visit: Visit) -> None:
        is_last = "cursor" in visit.path
        page = tokens(*((11,) if is_last else range(1, 11))) | {"timestamp": None}  # then it counts when it came
        send(page | {"result": {"next": None if is_last else "2"}})(visit)

    follow(http(serve(send(tokens(*range(1, 12)))).url))
    done = follow(http(serve(two).url, PAGES))
    assert done.words == ["imported", "imported"]  # though the second one is far shorter than the listing
    assert all("missing" not in report for report in done.named("imported"))
    again = catalog.replay(3)
    assert (again.stopped, again.missing) == (None, None)


def test_pages_that_lead_back_are_left(follow: Follow, serve: Serve) -> None:
    done = follow(http(serve(send(tokens(1) | {"result": {"next": "x"}})).url, PAGES))
    assert "its pages do not end" in done.only("failed")["reason"]
    assert done.words == ["imported", "imported", "failed"]


@pytest.mark.parametrize("result", [None, [], {"next": ["x"]}, {"next": True}])
def test_a_page_that_cannot_name_the_next_one(follow: Follow, serve: Serve, result: Any) -> None:
    done = follow(http(serve(send(tokens(1) | {"result": result})).url, PAGES))
    assert "`/result/next`" in done.only("failed")["reason"]


def test_a_page_in_trouble_is_asked_for_again_alone(follow: Follow, serve: Serve, catalog: Catalog) -> None:
    server = serve(paged, status(500), paged)
    assert follow(http(server.url, PAGES)).words == ["imported", "trouble", "imported", "imported"]
    assert held(catalog) == {1, 2, 3}


# Secrets


def test_no_secret_is_told(follow: Follow, serve: Serve) -> None:
    server = serve(status(500))
    url = server.url.replace("http://", "http://user:passw0rd@") + "?api_key=hush-hush"
    more = 'headers = {X-Key = {env = "KEY"}}'
    done = follow(http(url, more), environ={"KEY": "do-not-tell"})
    said = json.dumps(done.events)
    assert "failed" in said
    for secret in ("passw0rd", "hush-hush", "do-not-tell", "user"):
        assert secret not in said


def test_what_may_be_a_key_in_a_url_is_a_secret(follow: Follow, serve: Serve) -> None:
    key = "0123456789abcdef0123"
    server = serve(
        send({"jsonrpc": "2.0", "id": 1, "error": {"code": -32600, "message": f"the project {key} is over"}})
    )
    done = follow(chain(server.url + f"/v2/{key}"))
    assert done.only("failed")["reason"] == "the node refuses eth_chainId: `the project *** is over` (-32600)"


def test_a_secret_in_an_error_is_masked(follow: Follow, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(*_: object) -> None:
        raise CatalogError(f"cannot reach {server.url} with do-not-tell")

    server = serve(GOOD)
    monkeypatch.setattr(transport.Transport, "ask", ask)
    done = follow(http(server.url, 'headers = {X-Key = {env = "KEY"}}'), environ={"KEY": "do-not-tell"})
    assert done.only("failed")["reason"] == "cannot reach *** with ***"


def test_files_are_gone_behind_a_poll(
    follow: Follow, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    follow(http(serve(GOOD).url), http(serve(Endless()).url, name="endless"), ingest="[ingest]\nmax_body_mib = 1\n")
    assert [path.name for path in tmp_path.iterdir()] == ["ingest.toml"]
