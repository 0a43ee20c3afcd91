"""Output files appear whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from nmfamt.atomic import atomic_path
from nmfamt.exceptions import NmfamtError


def test_the_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "a.csv"
    with atomic_path(target) as temporary:
        assert temporary.suffix == ".csv"
        assert temporary.parent == tmp_path
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert os.listdir(tmp_path) == ["a.csv"]


def write_half_then_fail(path, error, **options):
    with atomic_path(path, **options) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_behind_by_an_error(tmp_path, error):
    with pytest.raises(error):
        write_half_then_fail(tmp_path / "a.csv", error)
    assert os.listdir(tmp_path) == []


def test_an_error_keeps_the_previous_contents(tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_half_then_fail(target, KeyboardInterrupt, overwrite=True)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_existing_output_is_refused_before_any_work(tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("old")
    with pytest.raises(NmfamtError, match=r"a\.csv' exists already.*--overwrite"), atomic_path(target):
        pytest.fail("the block must not run")
    assert target.read_text() == "old"


def test_a_file_made_meanwhile_is_kept(tmp_path):
    target = tmp_path / "a.csv"
    with pytest.raises(NmfamtError, match="exists already"), atomic_path(target):
        target.write_text("somebody else's")
    assert target.read_text() == "somebody else's"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_overwrite_replaces(tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("old")
    with atomic_path(target, overwrite=True) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_a_symbolic_link_is_followed(tmp_path):
    target, link = tmp_path / "a.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    with atomic_path(link, overwrite=True) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_folder_or_a_device_is_not_replaced(tmp_path):
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(NmfamtError, match="not a plain file"), atomic_path(path, overwrite=True):
            pytest.fail("the block must not run")


def test_missing_folder(tmp_path):
    with pytest.raises(NmfamtError, match=r"no folder.*missing"), atomic_path(tmp_path / "missing" / "a.csv"):
        pytest.fail("the block must not run")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(NmfamtError, match="may write to"), atomic_path(tmp_path / "a.csv"):
        pytest.fail("the block must not run")


def test_unwritable_folder_whoever_runs_the_test(tmp_path, monkeypatch):
    def refuse(self, *args):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with (
        pytest.raises(NmfamtError, match=r"Permission denied.*may write to"),
        atomic_path(tmp_path / "a.csv"),
    ):
        pytest.fail("the block must not run")


def test_full_disk(tmp_path):
    with pytest.raises(NmfamtError, match="disk is full"):
        write_half_then_fail(tmp_path / "a.csv", OSError(errno.ENOSPC, "No space left on device"))
    assert os.listdir(tmp_path) == []


def test_other_errors_of_the_block_pass_through(tmp_path):
    with pytest.raises(FileNotFoundError, match="input"), atomic_path(tmp_path / "a.csv"):
        (tmp_path / "input").read_text()
    assert os.listdir(tmp_path) == []


def test_permissions_follow_the_umask(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_path(tmp_path / "a.csv"):
        pass
    assert (tmp_path / "a.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode
