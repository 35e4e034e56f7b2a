"""What a check says of its findings: what training refuses, and what is worth a look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edgecv.data.check.parts import Part
from edgecv.data.check.twins import Twins

TRAIN = "train"
# boxes of a class in train. Fewer than this are learnt by heart rather than as a class
FEW_BOXES = 20
NAMED = 5


def class_problems(parts: Sequence[Part]) -> list[str]:
    """Parts without a picture or a box, and classes to score that train does not have."""
    found = [f"{part.name}: no picture is listed; add some" for part in parts if not part.pictures]
    found += [
        f"{part.name}: no box in {part.pictures} pictures; annotate them"
        for part in parts
        if part.pictures and not part.boxes
    ]
    train = _train(parts)
    if train is None or not train.boxes:
        return found
    for part in parts:
        only = [n for n, count in part.class_boxes.items() if count and not _boxes(train, n)]
        if only:
            found.append(
                f"{part.name}: boxes of {_list(only)}, of which {train.name} has none, so they "
                f"cannot be learnt. Put pictures of them into {train.name}, or remove them here"
            )
    return found


def warnings(parts: Sequence[Part], twins: Sequence[Twins], unlisted: int) -> tuple[str, ...]:
    """What training accepts and a person should know, a line each."""
    found = [_twins_line(one, parts) for one in twins]
    first = _train(parts) or (parts[0] if parts else None)
    if first is not None:
        unused = [n for n in first.class_boxes if not any(_boxes(p, n) for p in parts)]
        few = [f"{n} ({c})" for n, c in first.class_boxes.items() if 0 < c < FEW_BOXES]
        if unused:
            found.append(f"no box of {_list(unused)} in any part; it will not be found")
        if few:
            found.append(f"{first.name}: fewer than {FEW_BOXES} boxes of {_list(few)}")
    kinds: Counter[str] = Counter()
    for part in parts:
        kinds.update(part.kinds)
    if kinds:
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        found.append(f"{told} pictures; they become 8-bit colour when read")
    if unlisted:
        found.append(f"{unlisted} picture files in the folder that no part lists")
    return tuple(found)


def _twins_line(twins: Twins, parts: Sequence[Part]) -> str:
    total = next(part.pictures for part in parts if part.name == twins.part)
    where = "an earlier one" if twins.part == twins.other else f"one of {twins.other}"
    told = []
    if twins.exact:
        told.append(f"{twins.exact} of {total} pictures are the same file as {where}")
    if twins.near:
        told.append(f"{twins.near} of {total} look like {where}")
    first = twins.examples[0]
    return f"{twins.part}: {', '.join(told)}; e.g. {first[0]} and {first[1]}"


def _train(parts: Sequence[Part]) -> Part | None:
    return next((part for part in parts if part.name.startswith(TRAIN)), None)


def _boxes(part: Part, name: str) -> int:
    return part.class_boxes.get(name, 0)


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
