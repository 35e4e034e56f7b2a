from __future__ import annotations

import base64
import json
import threading

import cv2
import numpy as np
import pytest
from found import NAMES, found, frame

from edgecv.bundle import InputSpec
from edgecv.runtime.counts import BorderCounts, Counted
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.live import hub as hub_module
from edgecv.runtime.live.hub import Hub, Shown, picture_of


def seen(index: int = 0, stream: str = "door") -> StreamFrame:
    """A frame that the network has seen, at half its size with a border below."""
    taken = frame(index, stream)
    taken.small, taken.letterbox = taken.picture.letterbox(InputSpec(width=32, height=32))
    return taken


def test_nothing_is_kept_or_made_while_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "Shown", None)  # making one would fail
    Hub(NAMES).write(seen(), found())


def test_a_message_is_a_line_of_jsonl_with_its_picture() -> None:
    taken = seen(3)
    border = BorderCounts("step", ((0, 9), (64, 9)), {"nut": 2}, {}, None)
    taken.counted = Counted((border,))
    told = json.loads(Shown(taken, found(1), NAMES).message())
    assert (told["frame"], told["source"], told["size"]) == (3, "door", [64, 48])
    assert told["tracks"] == [{"id": 7, "class": "nut", "score": 0.9, "box": [8, 8, 24, 40]}]
    assert told["borders"] == [
        {"name": "step", "points": [[0, 9], [64, 9]], "label": "step  in 2  out 0"}
    ]
    jpeg = np.frombuffer(base64.b64decode(told["jpeg"]), np.uint8)
    picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    # without the border of the letterbox
    assert picture.shape == (24, 32, 3)
    assert abs(picture.astype(int) - 90).max() <= 2


def test_a_picture_that_the_network_has_not_seen_is_refused() -> None:
    with pytest.raises(ValueError, match="has not seen"):
        picture_of(frame())


def test_one_who_looks_gets_the_newest_of_each_stream_once() -> None:
    hub = Hub(NAMES)
    mine: dict[str, Shown] = {}
    with hub.look():
        assert hub.newer(mine, 0) == []
        for index, stream in enumerate(("door", "door", "yard")):
            hub.write(seen(index, stream), found())
        assert [(one.stream, one.index) for one in hub.newer(mine, 0)] == [("door", 1), ("yard", 2)]
        assert hub.newer(mine, 0) == []
        hub.write(seen(5), found())
        assert [one.index for one in hub.newer(mine, 0)] == [5]
        assert [one.index for one in hub.newer({}, 0)] == [5, 2]
    assert (hub.looking, hub.newer({}, 0)) == (0, [])


def test_a_message_is_made_once_however_many_look(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    encode = cv2.imencode

    def counted(*arguments: object) -> object:
        calls.append(arguments)
        return encode(*arguments)

    monkeypatch.setattr(cv2, "imencode", counted)
    shown = Shown(seen(), found(), NAMES)
    threads = [threading.Thread(target=shown.message) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_the_end_wakes_those_who_wait() -> None:
    hub, woken = Hub(NAMES), threading.Event()

    def wait() -> None:
        with hub.look():
            hub.newer({}, 30)
            woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    hub.close()
    assert woken.wait(5)
    assert hub.ended.is_set()
    thread.join()
