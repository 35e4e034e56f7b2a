from __future__ import annotations

from pathlib import Path

import pytest

from edgecv.machine import (
    Cpu,
    available_cores,
    cameras,
    has_nvidia_gpu,
    importable,
    int8_cpu,
    jetson_model,
    parse_cpuinfo,
    read_cpu,
)

# from real machines, with the flags that say nothing about arithmetic left out
BROADWELL = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz
flags\t\t: fpu vme sse sse2 ssse3 fma cx16 sse4_1 sse4_2 avx f16c bmi1 avx2 bmi2
bugs\t\t: spectre_v1

processor\t: 1
model name\t: another
flags\t\t: fpu avx512_vnni
"""
GENOA = """\
processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC
flags\t\t: fpu avx avx2 avx512f avx512_bf16 avx512vbmi avx512_vnni avx512_bitalg
"""
ALDER_LAKE = """\
processor\t: 0
model name\t: 12th Gen Intel(R) Core(TM) i7-1260P
flags\t\t: fpu avx avx2 fma avx_vnni gfni
"""
SAPPHIRE_RAPIDS = """\
processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8488C
flags\t\t: fpu avx avx2 avx512f avx512_vnni avx_vnni amx_bf16 avx512_bf16 amx_tile amx_int8
"""
RASPBERRY_PI_5 = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd0b
"""
ORIN = """\
processor\t: 0
model name\t: ARMv8 Processor rev 1 (v8l)
Features\t: fp asimd evtstrm aes atomics fphp asimdhp asimddp uscat ilrcpc flagm
CPU implementer\t: 0x41
CPU part\t: 0xd42
"""


@pytest.mark.parametrize(
    ("text", "architecture", "kind", "instructions"),
    [
        (BROADWELL, "x86_64", "x86", ("avx2",)),
        (GENOA, "x86_64", "x86-vnni", ("avx2", "avx512f", "avx512_vnni", "avx512_bf16")),
        (ALDER_LAKE, "x86_64", "x86-vnni", ("avx2", "avx_vnni")),
        (
            SAPPHIRE_RAPIDS,
            "x86_64",
            "x86-vnni",
            (
                "avx2",
                "avx512f",
                "avx512_vnni",
                "avx_vnni",
                "amx_int8",
                "avx512_bf16",
                "amx_bf16",
            ),
        ),
        (RASPBERRY_PI_5, "aarch64", "arm", ("asimd", "asimddp")),
        (ORIN, "aarch64", "arm", ("asimd", "asimddp")),
        ("", "x86_64", "x86", ()),
        ("", "arm64", "arm", ()),
    ],
    ids=["broadwell", "genoa", "alder-lake", "sapphire-rapids", "pi5", "orin", "empty", "mac"],
)
def test_int8_instructions_are_read_from_recorded_cpuinfo(
    text: str, architecture: str, kind: str, instructions: tuple[str, ...]
) -> None:
    cpu = parse_cpuinfo(text, architecture)
    assert int8_cpu(cpu) == kind
    assert cpu.instructions == instructions


def test_the_first_processor_speaks_for_all() -> None:
    assert parse_cpuinfo(BROADWELL, "x86_64").model.startswith("Intel(R) Xeon(R) CPU E5-2686")


@pytest.mark.parametrize(
    ("text", "model"),
    [
        (ORIN, "ARMv8 Processor rev 1 (v8l)"),
        (RASPBERRY_PI_5, "ARM implementer 0x41 part 0xd0b"),
        ("", "aarch64"),
    ],
    ids=["named", "part", "nothing"],
)
def test_an_arm_cpu_is_called_by_its_name_or_else_its_part(text: str, model: str) -> None:
    assert parse_cpuinfo(text, "aarch64").model == model


def test_unknown_flags_count_as_no_vnni() -> None:
    assert int8_cpu(Cpu("?", "AMD64", frozenset())) == "x86"


def test_a_machine_without_cpuinfo_has_a_cpu_without_flags(tmp_path: Path) -> None:
    assert read_cpu(tmp_path).flags == frozenset()


def test_this_machine_has_a_kind_and_cores() -> None:
    assert int8_cpu() in ("x86", "x86-vnni", "arm")
    assert available_cores() >= 1


@pytest.mark.parametrize("device", ["nvidia0", "nvhost-gpu", "dxg"])
def test_a_gpu_is_seen_by_its_device_file(tmp_path: Path, device: str) -> None:
    assert not has_nvidia_gpu(tmp_path)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / device).touch()
    assert has_nvidia_gpu(tmp_path)


@pytest.mark.parametrize(
    ("content", "model"),
    [
        (b"NVIDIA Jetson Orin Nano Developer Kit\0", "NVIDIA Jetson Orin Nano Developer Kit"),
        (b"Raspberry Pi 5 Model B Rev 1.0\0", None),
        (b"\xff\xfe", None),
        (None, None),
    ],
    ids=["jetson", "pi", "garbage", "absent"],
)
def test_a_jetson_is_known_by_its_device_tree(
    tmp_path: Path, content: bytes | None, model: str | None
) -> None:
    folder = tmp_path / "proc" / "device-tree"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "model").write_bytes(content)
    assert jetson_model(tmp_path) == model


@pytest.mark.parametrize(
    ("kernel", "model"),
    [("5.15.148-tegra\n", "NVIDIA Jetson"), ("6.8.0-31-generic\n", None)],
)
def test_a_container_on_a_jetson_is_known_by_its_kernel(
    tmp_path: Path, kernel: str, model: str | None
) -> None:
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/osrelease").write_text(kernel)
    assert jetson_model(tmp_path) == model


def test_a_namespace_alone_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spacious/others").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)
    assert importable("spacious.others")
    assert not importable("spacious.bindings.runtime")
    assert not importable("nowhere.bindings")


def test_cameras_are_listed_in_order(tmp_path: Path) -> None:
    assert cameras(tmp_path) == ()
    (tmp_path / "dev").mkdir()
    for name in ("video1", "video0", "videofoo", "null"):
        (tmp_path / "dev" / name).touch()
    assert cameras(tmp_path) == ("/dev/video0", "/dev/video1")
