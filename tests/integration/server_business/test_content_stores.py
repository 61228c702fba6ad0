"""Every store keeps what it is given: one suite over the file tree, two real WebDAV servers and an S3 server."""

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from server_business.documents.content_store import PIECE, ContentStore, Missing, Parcel, StorageFull, StoreAway
from server_business.documents.file_tree import FileTree
from server_business.documents.s3 import S3
from server_business.documents.stores import Stores
from server_business.documents.webdav import WebDav
from tests.builders.processes import free_port
from tests.servers import apache, s3

KINDS = ["files", "svn", "webdav", "s3", "several"]


@dataclass
class Kept:
    """A store, and a way to change bytes behind its back; None where nobody can."""

    store: ContentStore
    overwrite: Callable[[str, bytes], object]
    versioned: bool = False
    erases: bool = True


class Renamed(FileTree):
    """A file tree beside another."""

    name = "old"


@pytest.fixture(scope="module")
def web() -> Iterator[apache.Apache]:
    if apache.missing():
        pytest.skip(apache.missing())
    with apache.running() as server:
        yield server


@pytest.fixture(scope="module")
def bucket_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Server]:
    with s3.running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=KINDS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    with ExitStack() as stack:
        made = _made(request, tmp_path)
        stack.callback(made.store.close)
        yield made


def _made(request: pytest.FixtureRequest, folder: Path) -> Kept:
    match request.param:
        case "files":
            return _files(folder)
        case "several":
            old = _files(folder / "old")
            several = Stores(FileTree(folder / "new"), Renamed(folder / "old"))
            return Kept(several, _files(folder / "new").overwrite,
                        erases=old.erases)  # fmt: skip
        case "svn" | "webdav":
            web: apache.Apache = request.getfixturevalue("web")
            url = web.svn if request.param == "svn" else web.plain

            def overwrite(digest: str, data: bytes) -> None:
                auth = (apache.USER, apache.PASSWORD)
                httpx.put(f"{url}/{digest[:2]}/{digest}", content=data, auth=auth).raise_for_status()

            store = WebDav(url, user=apache.USER, password=apache.PASSWORD)
            versioned = request.param == "svn"
            return Kept(store, overwrite, versioned=versioned, erases=not versioned)
        case _:
            server: s3.Server = request.getfixturevalue("bucket_server")
            bucket = server.bucket(f"dms-{uuid.uuid4().hex[:8]}")

            def put(digest: str, data: bytes) -> None:
                server.client.put_object(Bucket=bucket, Key=f"a/{digest[:2]}/{digest}", Body=data)

            store_ = S3(endpoint=server.endpoint, bucket=bucket, prefix="a/", access_key=s3.KEY, secret_key=s3.SECRET)
            return Kept(store_, put, versioned=True)


def _files(folder: Path) -> Kept:
    def overwrite(digest: str, data: bytes) -> None:
        (folder / "objects" / digest[:2] / digest).write_bytes(data)

    return Kept(FileTree(folder), overwrite)


def parcel(data: bytes, file: Path | None = None) -> Parcel:
    if file is not None:
        file.write_bytes(data)
        return Parcel(sha256=sha256(data).hexdigest(), size=len(data), file=file)
    return Parcel(sha256=sha256(data).hexdigest(), size=len(data), data=data)


def read(kept: Kept, one: Parcel, locator: str, offset: int = 0) -> bytes:
    return b"".join(kept.store.read(one.sha256, locator, offset))


@pytest.mark.parametrize("size", [0, 1, PIECE, 2 * PIECE + 7])
def test_bytes_come_back_from_any_offset(kept: Kept, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    one = parcel(data, tmp_path / "upload" if size > PIECE else None)
    (locator,) = kept.store.put([one])
    assert kept.store.has(one.sha256, locator)
    for offset in {0, size // 2, size}:
        assert read(kept, one, locator, offset) == data[offset:]


def test_many_come_back_and_twice_is_once(kept: Kept) -> None:
    parcels = [parcel(os.urandom(100)) for _ in range(8)]
    first = kept.store.put(parcels)
    second = kept.store.put(parcels)
    for one, before, after in zip(parcels, first, second, strict=True):
        assert read(kept, one, before) == read(kept, one, after) == one.data


def test_what_is_not_there_is_missing(kept: Kept) -> None:
    one = parcel(os.urandom(20))
    (locator,) = kept.store.put([one])
    kept.store.remove(one.sha256, locator)
    kept.store.remove(one.sha256, locator)
    assert kept.store.forgets(locator) is kept.erases
    assert kept.store.has(one.sha256, locator) is not kept.erases
    if kept.erases:
        with pytest.raises(Missing):
            read(kept, one, locator)
    else:
        assert read(kept, one, locator) == one.data
    assert kept.store.put([one])
    assert read(kept, one, kept.store.put([one])[0]) == one.data


def test_what_somebody_writes_over_it_changes_no_version(kept: Kept) -> None:
    one = parcel(os.urandom(50))
    (locator,) = kept.store.put([one])
    kept.overwrite(one.sha256, b"anders")
    assert read(kept, one, locator) == (one.data if kept.versioned else b"anders")
    (mended,) = kept.store.put([one])
    assert read(kept, one, mended) == one.data


def test_a_store_that_does_not_answer_says_so() -> None:
    port = free_port()
    dav = WebDav(f"http://127.0.0.1:{port}/svn")
    bucket = S3(endpoint=f"http://127.0.0.1:{port}", bucket="x", access_key="a", secret_key="b")
    one = parcel(b"x")
    for store in (dav, bucket):
        with pytest.raises(StoreAway):
            store.put([one])
        with pytest.raises(StoreAway):
            list(store.read(one.sha256, ""))
        store.close()


def test_wrong_words_and_places_are_told(web: apache.Apache) -> None:
    one = parcel(b"x")
    with closing(WebDav(web.svn, user=apache.USER, password="falsch")) as store, pytest.raises(StoreAway, match="401"):
        store.put([one])
    nowhere = WebDav(web.svn + "/nowhere", user=apache.USER, password=apache.PASSWORD)
    with closing(nowhere), pytest.raises(StoreAway, match="MKCOL"):
        nowhere.put([one])


def test_a_store_that_is_no_longer_named_is_missed(tmp_path: Path) -> None:
    one = parcel(b"x")
    stores = Stores(FileTree(tmp_path))
    assert stores.put([one]) == [f"files:{one.sha256}"]
    with pytest.raises(StoreAway, match="'s3' is not in the settings"):
        stores.read(one.sha256, "s3:7")


def test_removed_bytes_are_gone_from_every_store_and_from_what_a_crash_left(tmp_path: Path) -> None:
    one = parcel(b"eins")
    new, old = FileTree(tmp_path / "new"), Renamed(tmp_path / "old")
    stores = Stores(new, old)
    (locator,) = stores.put([one])
    new.remove(one.sha256, "")
    old.put([one])
    assert stores.has(one.sha256, locator)
    stores.remove(one.sha256, locator)
    assert not stores.has(one.sha256, locator)
    left = tmp_path / "new" / "objects" / one.sha256[:2] / f".{one.sha256}.00ff00ff"
    left.write_bytes(b"eins")
    assert stores.has(one.sha256, locator)
    stores.remove(one.sha256, locator)
    assert (left.exists(), stores.has(one.sha256, locator)) == (False, False)


def test_a_disk_that_is_full_keeps_what_it_has(tmp_path: Path, small_disk: Path) -> None:
    tree = FileTree(small_disk)
    one = parcel(os.urandom(1000))
    tree.put([one])
    with pytest.raises(StorageFull, match="no room"):
        tree.put([parcel(os.urandom(4 * PIECE))])
    with pytest.raises(StorageFull):
        tree.put([parcel(os.urandom(PIECE)) for _ in range(4)])
    assert b"".join(tree.read(one.sha256, "")) == one.data
    assert list(small_disk.glob("objects/*/.*")) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Two MiB of memory as a disk; only root may mount one."""

    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)
