"""/proc and /sys of machines, as far as they are read: written after what Linux shows on the real ones."""

from collections.abc import Iterable, Mapping
from pathlib import Path

N100_FLAGS = (
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ss ht "
    "tm pbe syscall nx pdpe1gb rdtscp lm constant_tsc pni pclmulqdq ssse3 fma cx16 sse4_1 sse4_2 popcnt aes "
    "xsave avx f16c rdrand lahf_lm abm fsgsbase bmi1 avx2 smep bmi2 erms clflushopt clwb sha_ni xsaveopt "
    "avx_vnni gfni vaes vpclmulqdq waitpkg rdpid serialize arch_lbr"
)
# The same with what a server of AMD adds.
EPYC_FLAGS = N100_FLAGS + " avx512f avx512dq avx512bw avx512vl avx512vbmi avx512_vnni avx512_bf16"
HASWELL_FLAGS = N100_FLAGS.replace(" avx_vnni gfni vaes vpclmulqdq", "")
A72 = "fp asimd evtstrm crc32 cpuid"
A76 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Files below a folder, which stands for /."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    return root


def memory(gigabytes: float, available: float) -> dict[str, str]:
    total, free = (int(size * 1e9) >> 10 for size in (gigabytes, available))
    return {"proc/meminfo": f"MemTotal:       {total} kB\nMemFree:  1 kB\nMemAvailable:   {free} kB\n"}


def x86(cpus: int, vendor: str, model: str, flags: str, cache: str = "6144 KB") -> dict[str, str]:
    stanza = "processor\t: {}\nvendor_id\t: {}\nmodel name\t: {}\ncache size\t: {}\nflags\t\t: {}\n"
    text = "\n".join(stanza.format(cpu, vendor, model, cache, flags) for cpu in range(cpus))
    return {"proc/cpuinfo": text, "sys/devices/system/cpu/online": f"0-{cpus - 1}"}


def arm(parts: Iterable[str], features: str, board: str | None = None) -> dict[str, str]:
    stanza = (
        "processor\t: {}\nBogoMIPS\t: 108.00\nFeatures\t: {}\nCPU implementer\t: 0x41\n"
        "CPU architecture: 8\nCPU variant\t: 0x4\nCPU part\t: {}\nCPU revision\t: 1\n"
    )
    parts = list(parts)
    stanzas = [stanza.format(cpu, features, part) for cpu, part in enumerate(parts)]
    if board:
        stanzas.append(f"Revision\t: c04170\nSerial\t\t: 1234\nModel\t\t: {board}\n")
    return {"proc/cpuinfo": "\n".join(stanzas), "sys/devices/system/cpu/online": f"0-{len(parts) - 1}"}


def per_cpu(cpus: Iterable[int], name: str, text: str) -> dict[str, str]:
    return {f"sys/devices/system/cpu/cpu{cpu}/{name}": text for cpu in cpus}


def caches(cpus: Iterable[int], *sizes: tuple[int, str, str]) -> dict[str, str]:
    """sizes: level, type and size of index0, index1, ..."""
    files: dict[str, str] = {}
    for index, values in enumerate(sizes):
        for name, value in zip(("level", "type", "size"), values, strict=True):
            files |= per_cpu(cpus, f"cache/index{index}/{name}", str(value))
    return files


def siblings(*groups: tuple[int, ...]) -> dict[str, str]:
    """Logical CPUs of one core each."""
    files: dict[str, str] = {}
    for group in groups:
        files |= per_cpu(group, "topology/core_cpus_list", ",".join(map(str, group)))
    return files


def n100() -> dict[str, str]:
    return {
        **x86(4, "GenuineIntel", "Intel(R) N100", N100_FLAGS),
        **siblings((0,), (1,), (2,), (3,)),
        **per_cpu(range(4), "cpufreq/cpuinfo_max_freq", "3400000"),
        **caches(
            range(4),
            (1, "Data", "32K"),
            (1, "Instruction", "64K"),
            (2, "Unified", "2048K"),
            (3, "Unified", "6144K"),
        ),
        **memory(16.5, 14),
    }


def raspberry_pi_4() -> dict[str, str]:
    return {
        **arm(["0xd08"] * 4, A72, "Raspberry Pi 4 Model B Rev 1.4"),
        **siblings((0,), (1,), (2,), (3,)),
        **per_cpu(range(4), "cpufreq/cpuinfo_max_freq", "1800000"),
        **memory(3.98, 3.2),
    }


def raspberry_pi_5() -> dict[str, str]:
    return {
        **arm(["0xd0b"] * 4, A76, "Raspberry Pi 5 Model B Rev 1.0"),
        **siblings((0,), (1,), (2,), (3,)),
        **per_cpu(range(4), "cpu_capacity", "1024"),
        **caches(range(4), (1, "Data", "64K"), (2, "Unified", "512K"), (3, "Unified", "2048K")),
        **memory(8.4, 7),
    }


def hybrid_intel() -> dict[str, str]:
    """Two large cores with two threads each, and four small ones, as in an i3-1215U."""
    cpus = range(8)
    return {
        **x86(8, "GenuineIntel", "12th Gen Intel(R) Core(TM) i3-1215U", N100_FLAGS, "10240 KB"),
        **siblings((0, 1), (2, 3), (4,), (5,), (6,), (7,)),
        "sys/devices/cpu_core/cpus": "0-3",
        "sys/devices/cpu_atom/cpus": "4-7",
        **caches(cpus, (1, "Data", "48K"), (2, "Unified", "1280K"), (3, "Unified", "10M")),
        **memory(16.5, 12),
    }


def hybrid_arm() -> dict[str, str]:
    """Four small and four large cores, as in an RK3588."""
    return {
        **arm(["0xd05"] * 4 + ["0xd0b"] * 4, A76),
        "proc/device-tree/model": "Radxa ROCK 5B\0",
        **per_cpu(range(4), "cpu_capacity", "530"),
        **per_cpu(range(4, 8), "cpu_capacity", "1024"),
        **memory(16.5, 12),
    }


def virtual_machine() -> dict[str, str]:
    """Two CPUs of a rented server, as they look from inside."""
    return {
        **x86(2, "AuthenticAMD", "AMD EPYC", EPYC_FLAGS, "1024 KB"),
        **siblings((0,), (1,)),
        **per_cpu(range(2), "cpu_capacity", "1024"),
        **caches(range(2), (1, "Data", "48K"), (2, "Unified", "1024K"), (3, "Unified", "32768K")),
        **memory(25.3, 20),
        "proc/self/cgroup": "4:memory:/\n1:cpu:/\n0::/",
    }


def in_container_v2(cpu_max: str, memory_max: str, used: int = 0, cached: int = 0) -> dict[str, str]:
    """What a container sees of version 2: its own group as the root."""
    return {
        "proc/self/cgroup": "0::/",
        "sys/fs/cgroup/cpu.max": cpu_max,
        "sys/fs/cgroup/memory.max": memory_max,
        "sys/fs/cgroup/memory.current": str(used),
        "sys/fs/cgroup/memory.stat": f"anon 1\nfile 2\ninactive_file {cached}\n",
    }


def in_container_v1(quota: int, period: int, limit: int, used: int = 0, cached: int = 0) -> dict[str, str]:
    """The same of version 1, where /proc tells a path of the host's."""
    return {
        "proc/self/cgroup": "5:memory:/docker/0123\n4:cpu,cpuacct:/docker/0123\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": str(quota),
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": str(period),
        "sys/fs/cgroup/memory/memory.limit_in_bytes": str(limit),
        "sys/fs/cgroup/memory/memory.usage_in_bytes": str(used),
        "sys/fs/cgroup/memory/memory.stat": f"inactive_file 7\ntotal_inactive_file {cached}\n",
    }
