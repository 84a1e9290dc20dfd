"""Folders of steps: nobody else's, empty at the start, gone at the end, also after a worker that was killed."""

from __future__ import annotations

import pytest

from media_jobs.workplace import Taken, Workplace


def test_two_workers_of_one_name_are_one_too_many(tmp_path):
    first = Workplace(tmp_path, "media-1")
    with pytest.raises(Taken, match="JULIU_WORKER_ID"):
        Workplace(tmp_path, "media-1")
    first.close()
    Workplace(tmp_path, "media-1")


def test_what_a_killed_worker_left_is_gone_at_its_next_start(tmp_path):
    dead = Workplace(tmp_path, "media-1")
    (dead.path / "3-ladder-1" / "hls").mkdir(parents=True)
    dead._lock.close()  # as the kernel does when a process dies
    assert list(Workplace(tmp_path, "media-1").path.iterdir()) == []


def test_what_dead_workers_of_other_names_left_is_swept_and_the_living_are_left_alone(tmp_path):
    dead, living = Workplace(tmp_path, "media-1"), Workplace(tmp_path, "media-2")
    (living.path / "7-ladder-1").mkdir()
    dead._lock.close()
    Workplace(tmp_path, "media-3")
    assert not dead.path.exists()
    assert (living.path / "7-ladder-1").exists()


def test_a_folder_is_empty_also_where_one_of_that_name_was_left(tmp_path):
    place = Workplace(tmp_path, "media-1")
    (place.path / "3-ladder-1" / "old").mkdir(parents=True)
    with place.folder("3-ladder-1") as work:
        assert list(work.iterdir()) == []
    assert not work.exists()


def test_a_folder_is_gone_also_after_trouble(tmp_path):
    place = Workplace(tmp_path, "media-1")

    def fails() -> None:
        with place.folder("3-ladder-1") as work:
            (work / "half").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert list(place.path.iterdir()) == []


def test_what_was_written_is_counted(tmp_path):
    place = Workplace(tmp_path, "media-1")
    with place.folder("3-ladder-1") as work:
        (work / "hls").mkdir()
        (work / "hls" / "00000.ts").write_bytes(b"x" * 700)
        (work / "a.mp4").write_bytes(b"x" * 300)
        assert place.used_bytes() == 1_000
    assert place.used_bytes() == 0
    assert place.free_bytes() > 0


def test_what_is_no_workers_is_left_alone(tmp_path):
    """JULIU_MEDIA_WORK may be set to where others keep theirs: the videos, say."""
    (tmp_path / "hls" / "7").mkdir(parents=True)
    (tmp_path / "hls" / "7" / "00000.ts").write_bytes(b"all there is")
    Workplace(tmp_path, "media-1").close()
    assert (tmp_path / "hls" / "7" / "00000.ts").read_bytes() == b"all there is"


def test_nobody_else_reads_what_is_not_encrypted_yet(tmp_path):
    place = Workplace(tmp_path / "work", "media-1")
    assert place.path.stat().st_mode & 0o077 == 0
    place.close()


def test_a_link_is_no_place_to_work_in(tmp_path):
    (tmp_path / "another").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "media-1").symlink_to(tmp_path / "another")
    with pytest.raises(ValueError, match="link"):
        Workplace(tmp_path / "work", "media-1")
    assert (tmp_path / "another").is_dir()
