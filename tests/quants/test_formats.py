"""Every block format against the gguf package, bit for bit."""

import gguf
import numpy as np
import pytest

from picoqwen_core.errors import CheckpointError
from picoqwen_core.quants.formats import FORMATS, format_named

RNG = np.random.default_rng(5)
VALUES = np.concatenate(
    [
        RNG.standard_normal(4096),
        np.zeros(64),
        RNG.standard_normal(64) * 1e-4,
        np.linspace(-3, 3, 96),
        np.full(32, -1.5),
    ]
).astype(np.float32)


@pytest.mark.parametrize("name", FORMATS)
def test_dequantized_values_equal_those_of_gguf(name: str) -> None:
    format_ = FORMATS[name]
    data = format_.quantize(VALUES)
    assert data.nbytes == VALUES.size // format_.block_size * format_.block_bytes
    theirs = gguf.dequantize(data, gguf.GGMLQuantizationType[name])
    np.testing.assert_array_equal(format_.dequantize(data), theirs.reshape(-1))


@pytest.mark.parametrize("name", FORMATS)
def test_quantized_bytes_equal_those_of_gguf(name: str) -> None:
    theirs = gguf.quantize(VALUES, gguf.GGMLQuantizationType[name])
    np.testing.assert_array_equal(FORMATS[name].quantize(VALUES), theirs.view(np.uint8).reshape(-1))


@pytest.mark.parametrize(
    ("name", "share"), [("F32", 0), ("F16", 1e-3), ("BF16", 1e-2), ("Q8_0", 0.01), ("Q4_0", 0.12)]
)
def test_the_loss_is_what_the_format_promises(name: str, share: float) -> None:
    format_ = FORMATS[name]
    back = format_.dequantize(format_.quantize(VALUES))
    assert np.linalg.norm(back - VALUES) <= share * np.linalg.norm(VALUES)


def test_a_row_that_does_not_end_with_a_block_is_refused() -> None:
    with pytest.raises(CheckpointError, match="multiple of 32, got 40"):
        FORMATS["Q8_0"].row_bytes(40)


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match=r"Q9.*Q8_0"):
        format_named("Q9")
