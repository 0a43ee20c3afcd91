"""Archives: what is written comes back, and nothing in a file is trusted."""

import json
import zipfile

import numpy as np
import pytest

from nmfamt.archive import read_archive, write_archive
from nmfamt.exceptions import NmfamtError

ARRAYS = {
    "numbers": np.arange(6, dtype=np.float32).reshape(2, 3),
    "texts": np.array(["attack", "é"]),
    "flags": np.array([True, False]),
}
META = {"format": 1, "info": {"name": "test", "list": [1, 2.5, None]}}
REFUSAL = "is not a test: make one."


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.npz"
    write_archive(path, ARRAYS, key="meta", meta=META)
    return path


def read(path):
    return read_archive(path, key="meta", newest=1, refusal=REFUSAL, largest=10_000_000)


def test_what_is_written_comes_back(path):
    arrays, meta = read(path)
    assert meta == META
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_the_same_content_gives_the_same_bytes(path, tmp_path):
    write_archive(tmp_path / "b.npz", ARRAYS, key="meta", meta=META)
    assert (tmp_path / "b.npz").read_bytes() == path.read_bytes()


def test_nothing_is_overwritten_unless_asked(path):
    with pytest.raises(NmfamtError, match="exists already"):
        write_archive(path, {}, key="meta", meta=META)
    write_archive(path, {}, key="meta", meta=META, overwrite=True)
    assert read(path) == ({}, META)


@pytest.mark.parametrize("value", [np.float32(1), float("nan"), {1, 2}])
def test_info_that_json_cannot_hold_leaves_no_file(tmp_path, value):
    with pytest.raises(NmfamtError, match="its info holds what JSON cannot"):
        write_archive(tmp_path / "a.npz", ARRAYS, key="meta", meta={**META, "value": value})
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file(tmp_path):
    with pytest.raises(NmfamtError, match=r"There is no file '.*none\.npz'"):
        read(tmp_path / "none.npz")
    with pytest.raises(NmfamtError, match="There is no file"):
        read(tmp_path)


def pickled(path):
    np.savez(path, meta=np.array(json.dumps(META)), evil=np.array([{}], dtype=object))


def pickled_meta(path):
    np.savez(path, meta=np.array({"format": 1}, dtype=object))


def plain_array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def without_meta(path):
    np.savez(path, numbers=np.zeros(3))


def meta_is_a_list(path):
    np.savez(path, meta=np.array("[1]"))


def meta_without_format(path):
    np.savez(path, meta=np.array("{}"))


def format_is_a_text(path):
    np.savez(path, meta=np.array('{"format": "1"}'))


def meta_is_nested_too_deeply(path):
    np.savez(path, meta=np.array("[" * 100_000))


def structured(path):
    np.savez(path, meta=np.array(json.dumps(META)), a=np.zeros(2, dtype=[("x", "f4")]))


def huge(path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000000), }"
    header += b" " * (64 - (len(header) + 11) % 64) + b"\n"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        file.writestr("meta.npy", b"")


def not_an_array(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "hello")


WRONG = [
    lambda path: path.write_bytes(b""),
    lambda path: path.write_text("no archive"),
    pickled,
    pickled_meta,
    plain_array,
    without_meta,
    meta_is_a_list,
    meta_without_format,
    format_is_a_text,
    meta_is_nested_too_deeply,
    structured,
    huge,
    not_an_array,
]


@pytest.mark.parametrize("make", WRONG, ids=lambda make: make.__name__)
def test_files_of_another_kind(tmp_path, make):
    path = tmp_path / "wrong.npz"
    make(path)
    with pytest.raises(NmfamtError, match=r"wrong\.npz' is not a test: make one\."):
        read(path)


def test_pickles_are_named(tmp_path):
    pickled(tmp_path / "evil.npz")
    with pytest.raises(NmfamtError, match="it holds pickled objects"):
        read(tmp_path / "evil.npz")


def test_a_newer_format(tmp_path):
    write_archive(tmp_path / "new.npz", ARRAYS, key="meta", meta={"format": 2})
    with pytest.raises(NmfamtError, match="has format 2, newer than 1, the last one known: upgrade nmfamt"):
        read(tmp_path / "new.npz")


def test_half_a_file(path):
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(NmfamtError, match="is not a test"):
            read(path)


def test_damaged_files_are_refused_or_read_but_never_crash(path):
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            read(path)
        except NmfamtError:
            refused += 1
    assert refused > 200


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    write_archive(path, {"W": np.zeros(1_000_000)}, key="meta", meta={"format": 1})
    assert path.stat().st_size < 100_000
    with pytest.raises(NmfamtError, match=r"is no such thing \(ValueError: it would unpack to 0\.0 GB\)"):
        read_archive(path, key="meta", newest=1, refusal="is no such thing", largest=1_000_000)
    assert len(read_archive(path, key="meta", newest=1, refusal="", largest=10_000_000)[0]["W"]) == 1_000_000
