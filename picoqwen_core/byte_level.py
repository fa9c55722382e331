"""What all byte-level BPE vocabularies of Qwen have in common; no vocabulary is read here."""

from enum import IntEnum

# How text is cut before merging, by the name in `tokenizer.ggml.pre`.
PATTERNS = {
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"
    r"|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+",
}


class TokenType(IntEnum):
    """`tokenizer.ggml.token_type`."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


def byte_alphabet() -> dict[int, str]:
    """The printable character that byte-level BPE writes for each byte.

    Visible Latin-1 characters stand for themselves, the other bytes for U+0100 and on, in byte order.
    """
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    moved = (byte for byte in range(256) if byte not in visible)
    return {byte: chr(byte) for byte in visible} | {
        byte: chr(0x100 + place) for place, byte in enumerate(moved)
    }
