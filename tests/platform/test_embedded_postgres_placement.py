"""Where the embedded server keeps its files, and which account owns them."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree

import pytest

from zumodra.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, binaries
from zumodra.embedded_postgres.accounts import Account
from zumodra.embedded_postgres.launcher import CHECKOUT
from zumodra.embedded_postgres.placement import MAX_SOCKET_PATH, place, prepare_shelter

MakeServer = Callable[..., EmbeddedPostgres]
Query = Callable[..., list[tuple[object, ...]]]

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
SYSTEM_PYTHON = Path("/usr/bin/python3")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def long_folder(open_folder: Path) -> Path:
    """A folder whose path is too long for a socket."""
    return open_folder / ("deep" * 20) / ("deeper" * 10) / "pg"


@pytest.fixture
def socket_dir(long_folder: Path) -> Iterator[Path]:
    """Where the socket of `long_folder` goes, cleared afterwards."""
    path = place(long_folder).socket_dir
    yield path
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        rmtree(path)


def test_all_files_are_private(server: EmbeddedPostgres) -> None:
    server.start()
    place = server.placement
    assert mode(place.root) == 0o700
    assert mode(place.data) == 0o700
    assert mode(place.log) == 0o600
    assert mode(place.socket_dir / ".s.PGSQL.5432") == 0o700
    assert {path.stat().st_uid for path in place.root.iterdir()} == {place.account.uid}
    assert place.account.uid != 0


@pytest.mark.parametrize("name", ["my 'own' \"$(id)\" ünï", "a,b"])
def test_odd_folder_names(
    name: str, open_folder: Path, make_server: MakeServer, query: Query
) -> None:
    server = make_server(open_folder / name)
    server.start()
    assert query(server, "SELECT 1") == [(1,)]


def test_long_path_has_its_socket_in_a_short_private_folder(
    long_folder: Path, make_server: MakeServer, query: Query
) -> None:
    server = make_server(long_folder)
    server.start()
    assert query(server, "SELECT 1") == [(1,)]
    assert len(str(server.socket_dir)) < MAX_SOCKET_PATH < len(str(long_folder))
    assert mode(server.socket_dir) == 0o700
    assert EmbeddedPostgres(long_folder).status().running
    server.remove()
    assert not server.socket_dir.exists()


def test_socket_folder_that_is_a_symlink_is_refused(
    long_folder: Path, socket_dir: Path, open_folder: Path
) -> None:
    target = open_folder / "target"
    target.mkdir()
    socket_dir.symlink_to(target)
    with pytest.raises(EmbeddedPostgresError, match="is not a folder"):
        EmbeddedPostgres(long_folder).start()


@only_root
def test_socket_folder_of_somebody_else_is_refused(long_folder: Path, socket_dir: Path) -> None:
    socket_dir.mkdir(mode=0o700)
    os.chown(socket_dir, 12345, 12345)
    with pytest.raises(EmbeddedPostgresError, match="belongs to uid 12345"):
        EmbeddedPostgres(long_folder).start()


def test_folder_with_other_files_is_left_alone(open_folder: Path) -> None:
    precious = open_folder / "precious"
    precious.write_text("mine")
    with pytest.raises(EmbeddedPostgresError, match="not empty"):
        EmbeddedPostgres(open_folder).start()
    assert mode(open_folder) == 0o755
    assert list(open_folder.iterdir()) == [precious]


@pytest.fixture
def closed_checkout(open_folder: Path) -> Path:
    """A checkout below a folder that only its owner may enter."""
    (open_folder / "closed").mkdir(mode=0o700)
    (open_folder / "closed" / "checkout").mkdir()
    return open_folder / "closed" / "checkout"


@only_root
def test_root_keeps_data_where_the_account_can_reach_them(
    closed_checkout: Path, open_folder: Path, make_server: MakeServer, query: Query
) -> None:
    data_root = closed_checkout / "var" / "postgres"
    fallback_roots = [open_folder / "absent", open_folder]
    server = make_server(data_root, fallback_roots=fallback_roots)
    before = server.placement
    server.start()
    assert query(server, "SELECT 1") == [(1,)]
    assert server.placement.root.is_relative_to(open_folder / "zumodra-embedded-postgres")
    assert (data_root / "location").read_text() == f"{server.placement.root}\n"
    assert place(data_root, fallback_roots) == before
    assert mode(closed_checkout.parent) == 0o700
    server.remove()
    assert not server.placement.root.exists()
    assert not data_root.exists()


@only_root
def test_moved_checkout_finds_its_data_by_the_pointer(
    closed_checkout: Path, open_folder: Path, make_server: MakeServer, query: Query
) -> None:
    old = make_server(closed_checkout / "var" / "postgres", fallback_roots=[open_folder])
    old.start()
    query(old, "CREATE TABLE kept (n int)")
    moved = closed_checkout.rename(closed_checkout.with_name("moved"))
    server = make_server(moved / "var" / "postgres", fallback_roots=[open_folder])
    assert server.placement.root == old.placement.root
    assert query(server, "SELECT count(*) FROM kept") == [(0,)]


@only_root
def test_pointer_that_others_may_write_is_refused(closed_checkout: Path, open_folder: Path) -> None:
    pointer = closed_checkout / "location"
    pointer.write_text("/etc\n")
    pointer.chmod(0o666)
    with pytest.raises(EmbeddedPostgresError, match="not a file of root's alone"):
        EmbeddedPostgres(closed_checkout, fallback_roots=[open_folder]).status()


@only_root
def test_root_runs_the_server_as_the_owner_of_the_checkout(
    open_folder: Path, make_server: MakeServer
) -> None:
    owner = Account.of_uid(65534, 65534)
    os.chown(open_folder, owner.uid, owner.gid)
    server = make_server(open_folder / "var" / "postgres")
    server.start()
    assert server.placement.account == Account.of_uid(owner.uid, owner.gid)
    assert server.placement.root.stat().st_uid == owner.uid


@only_root
def test_programs_are_copied_for_an_account_that_cannot_reach_them(open_folder: Path) -> None:
    shelter = open_folder / "shelter"
    prepare_shelter(shelter)
    copied = binaries.copied_bin(binaries.wheel_bin(), shelter)
    assert binaries.copied_bin(binaries.wheel_bin(), shelter) == copied
    account = Account.of_uid(65534, 65534)
    assert binaries.usable_by(copied, account)
    command = [str(copied / "initdb"), "--version"]
    version = subprocess.check_output(command, text=True, **account.process_options())
    assert "PostgreSQL" in version
    open_folder.chmod(0o700)
    assert not binaries.usable_by(copied, account)


@only_root
def test_shelter_that_others_may_write_is_refused(open_folder: Path) -> None:
    shelter = open_folder / "shelter"
    shelter.mkdir()
    shelter.chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match="only root can write to"):
        prepare_shelter(shelter)


AS_NORMAL_USER = """
import sys
from pathlib import Path
from zumodra.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
server = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off", "shared_buffers": "16MB"})
try:
    server.start()
    print(server.status().state, server.status().account)
    server.remove()
except EmbeddedPostgresError as error:
    print(error)
"""


def run_as_nobody(data_root: Path) -> str:
    """Start and remove a server as a normal user, from root's tests."""
    site_packages = binaries.wheel_bin().parents[2]
    nobody = Account.of_uid(65534, 65534)
    if not nobody.reads(CHECKOUT / "zumodra") or not binaries.usable_by(
        binaries.wheel_bin(), nobody
    ):
        pytest.skip("a normal user cannot enter this checkout")
    output: str = subprocess.check_output(
        [SYSTEM_PYTHON, "-B", "-c", AS_NORMAL_USER, data_root],
        env={"PYTHONPATH": f"{CHECKOUT}:{site_packages}"},
        text=True,
        **nobody.process_options(),
    )
    return output


@only_root
@pytest.mark.skipif(not SYSTEM_PYTHON.exists(), reason="needs a Python all users can run")
def test_normal_user_runs_the_server_as_itself(open_folder: Path) -> None:
    os.chown(open_folder, 65534, 65534)
    assert run_as_nobody(open_folder / "pg").split() == ["running", "nobody"]


@only_root
@pytest.mark.skipif(not SYSTEM_PYTHON.exists(), reason="needs a Python all users can run")
def test_folder_of_another_user_is_refused_in_one_line(server: EmbeddedPostgres) -> None:
    server.start()
    message = run_as_nobody(server.data_root)
    assert "may belong to another user" in message
    assert message.count("\n") == 1
