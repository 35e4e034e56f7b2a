from __future__ import annotations

from pathlib import Path

from recorded_devices import laptop, orin_nano, orin_nx

from edgecv.device.memory import Memory, read_memory


def test_compressed_memory_is_no_swap_on_storage(tmp_path: Path) -> None:
    # 6 x 650 000 KiB
    found = read_memory(orin_nano(tmp_path))
    assert (found.total_gb, found.available_gb) == (8.0, 4.0)
    assert (found.zram_gb, found.swap_gb, found.swap_on) == (4.0, 0, ())


def test_swap_is_told_with_what_it_is_on(tmp_path: Path) -> None:
    nx = read_memory(orin_nx(tmp_path / "nx"))
    assert (nx.swap_gb, nx.swap_on) == (4.3, ("/dev/mmcblk1p2",))
    assert read_memory(laptop(tmp_path / "laptop")).swap_on == ("/swapfile",)


def test_a_system_without_proc_tells_nothing(tmp_path: Path) -> None:
    assert read_memory(tmp_path) == Memory(None, None, 0, 0, ())


def test_lines_that_the_kernel_does_not_write_so_tell_nothing(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(
        "MemTotal: much kB\nMemAvailable: nan kB\nMemFree:\nno colon\n\nMemTotal 5\n"
    )
    (tmp_path / "proc/swaps").write_text(
        "Filename Type Size Used Priority\n/dev/a partition big 0 -2\n/dev/b partition\n\n"
        "/dev/c partition inf 0 -2\n/dev/d partition 1953125 0 -2\n"
    )
    assert read_memory(tmp_path) == Memory(None, None, 0, 2.0, ("/dev/d",))
