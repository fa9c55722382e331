"""Who made the processor, what it is called and which instructions it has, from /proc/cpuinfo."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_X86_VENDORS = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD", "HygonGenuine": "Hygon"}
# CPU implementers and the parts of Arm itself, as in Linux's arch/arm64/include/asm/cputype.h.
_IMPLEMENTERS = {
    "0x41": "Arm",
    "0x42": "Broadcom",
    "0x48": "HiSilicon",
    "0x4e": "NVIDIA",
    "0x51": "Qualcomm",
    "0x61": "Apple",
    "0xc0": "Ampere",
}
_ARM_PARTS = {
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd0d": "Cortex-A77",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
    "0xd44": "Cortex-X1",
    "0xd46": "Cortex-A510",
    "0xd47": "Cortex-A710",
    "0xd48": "Cortex-X2",
    "0xd49": "Neoverse-N2",
    "0xd4d": "Cortex-A715",
    "0xd4e": "Cortex-X3",
    "0xd4f": "Neoverse-V2",
}
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Processor:
    """vendor: Intel, AMD, Arm, ...; model: its name; board: the computer's name, where Linux tells (Arm).

    features: Linux's names of what every core can do. parts: each logical CPU's kind, where they are named
    one by one (Arm). cache_bytes: the last cache, where /proc/cpuinfo tells it (x86).
    """

    vendor: str
    model: str
    board: str | None
    features: frozenset[str]
    parts: dict[int, str]
    cache_bytes: int | None


def read_processor(root: Path = Path("/")) -> Processor:
    """Read root/proc/cpuinfo; what is not told there is "unknown" or None."""
    try:
        text = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    stanzas = [stanza for stanza in _stanzas(text) if "processor" in stanza]
    features = [set(stanza.get("flags", stanza.get("Features", "")).split()) for stanza in stanzas]
    first = stanzas[0] if stanzas else {}
    parts = {int(each["processor"]): _part(each) for each in stanzas if "CPU part" in each}
    return Processor(
        vendor=_vendor(first),
        model=_model(first, parts),
        board=_board(text, root),
        features=frozenset(set.intersection(*features) if features else ()),
        parts=parts,
        cache_bytes=_kilobytes(first.get("cache size", "")),
    )


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """One for each logical CPU, and on Arm one for the computer."""
    for block in re.split(r"\n\s*\n", text):
        pairs = (line.partition(":") for line in block.splitlines())
        yield {key.strip(): value.strip() for key, colon, value in pairs if colon}


def _vendor(stanza: dict[str, str]) -> str:
    if "vendor_id" in stanza:
        return _X86_VENDORS.get(stanza["vendor_id"], stanza["vendor_id"])
    return _IMPLEMENTERS.get(stanza.get("CPU implementer", ""), UNKNOWN)


def _model(stanza: dict[str, str], parts: dict[int, str]) -> str:
    """On Arm all kinds of cores, as in Cortex-A55 + Cortex-A76."""
    return " + ".join(sorted(set(parts.values()))) or stanza.get("model name") or UNKNOWN


def _part(stanza: dict[str, str]) -> str:
    part = stanza["CPU part"].lower()
    if stanza.get("CPU implementer") == "0x41":
        return _ARM_PARTS.get(part, f"Arm {part}")
    return f"{_IMPLEMENTERS.get(stanza.get('CPU implementer', ''), UNKNOWN)} {part}"


def _board(text: str, root: Path) -> str | None:
    """From the last lines of a Raspberry Pi's /proc/cpuinfo, or from the device tree."""
    if found := re.search(r"^Model\s*: (.+)$", text, re.MULTILINE):
        return found.group(1).strip()
    for name in ("proc/device-tree/model", "sys/firmware/devicetree/base/model"):
        try:
            return (root / name).read_text(encoding="utf-8", errors="replace").strip("\0 \n") or None
        except OSError:
            continue
    return None


def _kilobytes(text: str) -> int | None:
    found = re.fullmatch(r"(\d+) KB", text)
    return int(found.group(1)) << 10 if found else None
