"""`conveyor`: parts on a conveyor belt as an edge camera sees them, drawn, not photographed.

Six classes, among clutter that looks like them; deterministic by seed and frame number.

seed, scene ──► scene: belt, light, camera ──► strip: parts on an endless belt ──► camera ──► frame
                                                            └──► truth: boxes, masks, track ids
"""

from edgecv.data.conveyor.conveyor import Conveyor, ConveyorFrame
from edgecv.data.conveyor.items import CLASS_NAMES
from edgecv.data.conveyor.write import write_dataset

__all__ = ["CLASS_NAMES", "Conveyor", "ConveyorFrame", "write_dataset"]
