from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from small_videos import write_video

import edgecv.runtime.sources as sources_
from edgecv.errors import DataError, UsageError
from edgecv.runtime.sources import SCHEMES, STREAMS_MAX, find_sources
from edgecv.runtime.sources.pictures import PictureFiles
from edgecv.runtime.sources.rtsp import RtspCamera
from edgecv.runtime.sources.video import VideoFile


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_the_table_names_can_be_called(scheme: str) -> None:
    module, _, function = SCHEMES[scheme].partition(":")
    assert callable(getattr(import_module(module), function))


def test_every_file_of_the_folder_is_reached() -> None:
    folder = Path(sources_.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if not path.name.startswith("_")}
    named = {entry.partition(":")[0].rpartition(".")[2] for entry in SCHEMES.values()}
    assert files == named | {"video", "pictures"}


def test_files_folders_and_globs_are_told_apart(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.avi", "one.png", "two.JPG"):
        (tmp_path / name).touch()
    (tmp_path / "shots").mkdir()
    (tmp_path / "shots" / "1.png").touch()
    asked = [str(tmp_path / name) for name in ("b.mp4", "shots", "*.*", "one.png")]
    found = find_sources(asked)
    kinds = [(type(source), source.name) for source in found]
    assert kinds == [
        (VideoFile, "b"),
        (PictureFiles, "shots"),
        (VideoFile, "a"),
        (VideoFile, "b-2"),
        (PictureFiles, tmp_path.name.replace("[", "_").replace("]", "_")),
        (PictureFiles, "one"),
    ]
    assert not any(source.live or source.remote for source in found)


def test_a_file_with_a_colon_or_brackets_in_its_name_is_a_file(tmp_path: Path) -> None:
    write_video(tmp_path / "plain.mp4", 3).rename(tmp_path / "gst:[12].mp4")
    (source,) = find_sources([str(tmp_path / "gst:[12].mp4")])
    assert len(list(source.open())) == 3
    assert source.name == "gst_12_"


def test_cameras_of_one_path_get_names_of_their_own() -> None:
    found = find_sources(["rtsp://u:secret@camera.local/live", "rtsp://camera.local:554/live"])
    assert [source.name for source in found] == ["camera.local-live", "camera.local-live-2"]
    assert all(isinstance(source, RtspCamera) for source in found)
    assert all(source.live and source.remote for source in found)


def test_an_address_of_no_known_kind_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no source 'http:'; there are files and rtsp"):
        find_sources(["http://host/video"])


def test_no_source_and_too_many_are_refused() -> None:
    with pytest.raises(UsageError, match="0 sources; expected 1 to"):
        find_sources([])
    with pytest.raises(UsageError, match="17 sources"):
        find_sources(["rtsp://camera/"] * (STREAMS_MAX + 1))


def test_a_glob_without_a_match_and_a_folder_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file has such a name"):
        find_sources([str(tmp_path / "*.mp4")])
    with pytest.raises(DataError, match="no picture in this folder"):
        find_sources([str(tmp_path)])
