"""The table of block formats, by name and by GGML type id.

A format says how elements lie in a file. To add one: a module with the four facts and two functions, and a
line in the table. Layouts: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and ggml-common.h.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from picoqwen_core.errors import CheckpointError
from picoqwen_core.quants import floats, iq4_nl, q4_0, q4_1, q4_k, q5_0, q5_1, q5_k, q6_k, q8_0, q8_s

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BlockFormat:
    """How tensor elements are stored: `block_size` elements in `block_bytes` bytes.

    quantize: float32 (n,) -> uint8 (n / block_size * block_bytes,); dequantize: the reverse.
    """

    name: str
    type_id: int
    block_size: int
    block_bytes: int
    quantize: Callable[[Floats], Bytes]
    dequantize: Callable[[Bytes], Floats]

    def row_bytes(self, columns: int) -> int:
        """Bytes of a row. Raises CheckpointError when the row does not end with a block."""
        if columns % self.block_size:
            raise CheckpointError(f"{self.name} needs rows of a multiple of {self.block_size}, got {columns}")
        return columns // self.block_size * self.block_bytes


def _without_scales(_values: NDArray[Any]) -> Any:
    raise CheckpointError("Q8_S has its scales apart: it is read from qwen3-rs's files only")


_ALL = (
    BlockFormat("F32", 0, 1, 4, floats.quantize_f32, floats.dequantize_f32),
    BlockFormat("F16", 1, 1, 2, floats.quantize_f16, floats.dequantize_f16),
    BlockFormat("Q4_0", 2, q4_0.BLOCK_SIZE, q4_0.BLOCK_BYTES, q4_0.quantize, q4_0.dequantize),
    BlockFormat("Q4_1", 3, q4_1.BLOCK_SIZE, q4_1.BLOCK_BYTES, q4_1.quantize, q4_1.dequantize),
    BlockFormat("Q5_0", 6, q5_0.BLOCK_SIZE, q5_0.BLOCK_BYTES, q5_0.quantize, q5_0.dequantize),
    BlockFormat("Q5_1", 7, q5_1.BLOCK_SIZE, q5_1.BLOCK_BYTES, q5_1.quantize, q5_1.dequantize),
    BlockFormat("Q8_0", 8, q8_0.BLOCK_SIZE, q8_0.BLOCK_BYTES, q8_0.quantize, q8_0.dequantize),
    BlockFormat("Q4_K", 12, q4_k.BLOCK_SIZE, q4_k.BLOCK_BYTES, q4_k.quantize, q4_k.dequantize),
    BlockFormat("Q5_K", 13, q5_k.BLOCK_SIZE, q5_k.BLOCK_BYTES, q5_k.quantize, q5_k.dequantize),
    BlockFormat("Q6_K", 14, q6_k.BLOCK_SIZE, q6_k.BLOCK_BYTES, q6_k.quantize, q6_k.dequantize),
    BlockFormat("IQ4_NL", 20, iq4_nl.BLOCK_SIZE, iq4_nl.BLOCK_BYTES, iq4_nl.quantize, iq4_nl.dequantize),
    BlockFormat("BF16", 30, 1, 2, floats.quantize_bf16, floats.dequantize_bf16),
)
# In no GGUF file, so not in the table: Tensor.scales has what the bytes are multiplied by.
Q8_S = BlockFormat("Q8_S", 1000, q8_s.GROUP, q8_s.GROUP, _without_scales, _without_scales)
FORMATS: dict[str, BlockFormat] = {format_.name: format_ for format_ in _ALL}
FORMATS_BY_ID: dict[int, BlockFormat] = {format_.type_id: format_ for format_ in _ALL}


def format_named(name: Any) -> BlockFormat:
    """The format of that name. Raises CheckpointError naming those there are."""
    if name not in FORMATS:
        raise CheckpointError(f"unknown tensor format {name!r}; supported: {', '.join(FORMATS)}")
    return FORMATS[name]
