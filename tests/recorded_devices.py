"""The files of /proc, /sys and /etc by which machines are told apart, as they are on real ones.

Values are those of NVIDIA's documents and of logs of such boards; what nobody reads is left out.
"""

from __future__ import annotations

from pathlib import Path

ORIN_CPU = "model name\t: ARMv8 Processor rev 1 (v8l)\nFeatures\t: fp asimd asimddp\n"
TOOL = "usr/bin/gst-inspect-1.0"


def write(root: Path, files: dict[str, str]) -> Path:
    """Write texts into a file system; gives its root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def rails(folder: str, labels: dict[int, tuple[str, int, int]], chip: str = "ina3221") -> dict:
    """Number to label, millivolts and milliamperes of a sensor's channels."""
    files = {f"{folder}/name": f"{chip}\n"}
    for number, (label, millivolts, milliamperes) in labels.items():
        files[f"{folder}/in{number}_label"] = f"{label}\n"
        files[f"{folder}/in{number}_input"] = f"{millivolts}\n"
        files[f"{folder}/curr{number}_input"] = f"{milliamperes}\n"
    return files


def zones(temperatures: dict[str, str]) -> dict[str, str]:
    """Thermal zones by name, with the text of their `temp`."""
    files = {}
    for index, (name, text) in enumerate(temperatures.items()):
        files[f"sys/class/thermal/thermal_zone{index}/type"] = f"{name}\n"
        files[f"sys/class/thermal/thermal_zone{index}/temp"] = text
    return files


def cooling(states: dict[str, int]) -> dict[str, str]:
    """Cooling devices by type, with their state."""
    files = {}
    for index, (name, state) in enumerate(states.items()):
        files[f"sys/class/thermal/cooling_device{index}/type"] = f"{name}\n"
        files[f"sys/class/thermal/cooling_device{index}/cur_state"] = f"{state}\n"
    return files


def mode(number: int, name: str, cores: int, cpu_khz: int, gpu_hz: int) -> str:
    """A mode as /etc/nvpmodel.conf has it; -1 is no ceiling."""
    online = "".join(f"CPU_ONLINE CORE_{core} {int(core < cores)}\n" for core in range(12))
    return (
        f"< POWER_MODEL ID={number} NAME={name} >\n{online}CPU_A78_0 MIN_FREQ 729600\n"
        f"CPU_A78_0 MAX_FREQ {cpu_khz}\nGPU MIN_FREQ 0\nGPU MAX_FREQ {gpu_hz}\n"
        "EMC MAX_FREQ 2133000000\n\n"
    )


def packages(versions: dict[str, str]) -> str:
    """dpkg's status file."""
    return "\n".join(
        f"Package: {name}\nStatus: install ok installed\nVersion: {version}\n"
        f"Description: {name}\n goes on: here\n"
        for name, version in versions.items()
    )


def board(model: str, compatible: str, release: str, memory_kb: int) -> dict[str, str]:
    return {
        "proc/device-tree/model": f"{model}\0",
        "proc/device-tree/compatible": compatible + "\0",
        "etc/nv_tegra_release": f"# {release}, GCID: 1, BOARD: generic, EABI: aarch64, DATE: x\n",
        "proc/cpuinfo": ORIN_CPU,
        "proc/meminfo": f"MemTotal: {memory_kb} kB\nMemAvailable: {memory_kb // 2} kB\n",
        "dev/nvhost-gpu": "",
    }


def orin_nano(root: Path) -> Path:
    """The developer kit with JetPack 6.2, in 15W, a CSI and a USB camera, zram."""
    devfreq, gpu = "sys/class/devfreq/17000000.gpu", "sys/devices/platform/gpu.0"
    files = board(
        "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
        "nvidia,p3768-0000+p3767-0005-super\0nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234",
        "R36 (release), REVISION: 4.3",
        7_800_000,
    )
    files |= {
        "var/lib/nvpmodel/status": "pmode:0000\n",
        "etc/nvpmodel.conf": mode(0, "15W", 6, 1497600, 612000000)
        + mode(1, "25W", 6, 1344000, 918000000)
        + mode(2, "MAXN_SUPER", 6, -1, -1)
        + mode(3, "7W", 4, 960000, 408000000)
        + "< PM_CONFIG DEFAULT=1 >\n",
        "var/lib/dpkg/status": packages(
            {
                "nvidia-l4t-core": "36.4.3-20250107174145",
                "nvidia-jetpack": "6.2+b77",
                "libnvinfer10": "10.3.0.30-1+cuda12.5",
                "python3-libnvinfer": "10.3.0.30-1+cuda12.5",
            }
        ),
        "usr/lib/python3.10/dist-packages/tensorrt/__init__.py": "",
        "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n"
        + "".join(f"/dev/zram{n} partition 650000 0 5\n" for n in range(6)),
        "dev/video0": "",
        "dev/video1": "",
        "dev/video2": "",
        "sys/class/video4linux/video0/name": "vi-output, imx219 9-0010\n",
        "sys/class/video4linux/video1/name": "HD Webcam\n",
        "sys/class/video4linux/video1/index": "0\n",
        "sys/class/video4linux/video2/name": "HD Webcam\n",
        "sys/class/video4linux/video2/index": "1\n",
        f"{devfreq}/cur_freq": "306000000\n",
        f"{devfreq}/max_freq": "612000000\n",
        f"{gpu}/load": "120\n",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1113600\n",
        "sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq": "1497600\n",
        "sys/class/hwmon/hwmon0/name": "tmp451\n",
        "sys/class/hwmon/hwmon1/in7_label": "sum of shunt voltages\n",
        "sys/class/hwmon/hwmon1/in7_input": "12\n",
        **oc(3, 0, 15, 37),
    }
    files |= rails(
        "sys/class/hwmon/hwmon1",
        {1: ("VDD_IN", 5000, 1400), 2: ("VDD_CPU_GPU_CV", 5000, 400), 3: ("VDD_SOC", 5000, 300)},
    )
    # a zone of a part that is switched off answers with an error, which reads as empty
    files |= zones({"cpu-thermal": "48500\n", "gpu-thermal": "", "tj-thermal": "51250\n"})
    files |= cooling({"pwm-fan": 2, "cpu-throttle-alert": 0, "gpu-throttle-alert": 0})
    return write(root, files)


def oc(hwmon: int, *counts: int) -> dict[str, str]:
    """Over-current events."""
    folder = f"sys/class/hwmon/hwmon{hwmon}"
    files = {f"{folder}/name": "soctherm_oc\n"}
    return files | {f"{folder}/oc{n}_event_cnt": f"{count}\n" for n, count in enumerate(counts, 1)}


def orin_nx(root: Path) -> Path:
    """16 GB with JetPack 6 and without its packages, in its fastest mode, swap on a memory card."""
    files = board(
        "NVIDIA Jetson Orin NX Engineering Reference Developer Kit",
        "nvidia,p3768-0000+p3767-0000\0nvidia,p3767-0000\0nvidia,tegra234",
        "R36 (release), REVISION: 3.0",
        16_000_000,
    )
    files |= {
        "var/lib/nvpmodel/status": "pmode:0000 fmode:quiet\n",
        "etc/nvpmodel.conf": mode(0, "MAXN", 8, -1, -1) + mode(1, "10W", 4, 1190400, 612000000),
        "proc/swaps": "Filename Type Size Used Priority\n/dev/mmcblk1p2 partition 4194304 0 -2\n",
        "sys/bus/platform/devices/15880000.nvdla0/uevent": "",
        "sys/bus/platform/devices/158c0000.nvdla1/uevent": "",
        "sys/devices/platform/bus@0/13e00000.host1x/15880000.nvdla0/uevent": "",
        TOOL: "#!/bin/sh\ncase $2 in nvv4l2decoder|nvvidconv) exit 0;; esac\nexit 1\n",
    }
    write(root, files)
    (root / TOOL).chmod(0o755)
    return root


def agx_orin(root: Path) -> Path:
    """64 GB with JetPack 7.2, at its first boot, without an input rail."""
    files = board(
        "NVIDIA Jetson AGX Orin Developer Kit",
        "nvidia,p3737-0000+p3701-0005\0nvidia,p3701-0005\0nvidia,tegra234",
        "R39 (release), REVISION: 2.1",
        64_000_000,
    )
    files |= {
        "etc/nvpmodel.conf": mode(0, "MAXN", 12, -1, -1)
        + mode(2, "MODE_30W", 8, 1728000, 624750000)
        + mode(3, "MODE_50W", 12, 1497600, 828750000)
        + "< PM_CONFIG DEFAULT=2 >\n",
        "sys/devices/platform/13e40000.host1x/15880000.nvdla0/uevent": "",
        "sys/devices/platform/13e40000.host1x/158c0000.nvdla1/uevent": "",
    }
    files |= rails(
        "sys/class/hwmon/hwmon3",
        {
            1: ("VDD_GPU_SOC", 20000, 500),
            2: ("VDD_CPU_CV", 20000, 100),
            3: ("VIN_SYS_5V0", 5000, 800),
        },
    )
    files |= rails("sys/class/hwmon/hwmon4", {1: ("NC", 0, 0), 2: ("VDDQ_VDD2_1V8AO", 5000, 200)})
    return write(root, files)


def laptop(root: Path) -> Path:
    """x86 with RAPL of one package, its cores, the memory and the platform."""
    powercap = "sys/class/powercap"
    counters = {
        "intel-rapl:0": ("package-0", 1_000_000),
        "intel-rapl:0:0": ("core", 700_000),
        "intel-rapl:0:1": ("dram", 2_000_000),
        "intel-rapl:1": ("psys", 9_000_000),
    }
    files = {
        "proc/cpuinfo": "model name\t: 12th Gen Intel(R) Core(TM)\nflags\t\t: avx2 avx_vnni\n",
        "proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 9000000 kB\n",
        "proc/swaps": "Filename Type Size Used Priority\n/swapfile file 2000000 0 -2\n",
        "dev/video0": "",
    }
    for zone, (name, energy_uj) in counters.items():
        files[f"{powercap}/{zone}/name"] = f"{name}\n"
        files[f"{powercap}/{zone}/energy_uj"] = f"{energy_uj}\n"
        files[f"{powercap}/{zone}/max_energy_range_uj"] = "262143328850\n"
    for core in range(4):
        folder = f"sys/devices/system/cpu/cpu{core}"
        files[f"{folder}/topology/physical_package_id"] = "0\n"
        files[f"{folder}/thermal_throttle/core_throttle_count"] = "3\n"
        files[f"{folder}/thermal_throttle/package_throttle_count"] = "40\n"
        files[f"sys/devices/system/cpu/cpufreq/policy{core}/scaling_cur_freq"] = "2100000\n"
    files |= zones({"acpitz": "27800\n", "x86_pkg_temp": "63500\n", "broken": "no\n"})
    files |= cooling({"Processor": 0})
    return write(root, files)


def virtual_machine(root: Path) -> Path:
    """Nothing but a CPU and memory."""
    return write(root, {"proc/cpuinfo": "flags: avx2", "proc/meminfo": "MemTotal: 8000000 kB\n"})
