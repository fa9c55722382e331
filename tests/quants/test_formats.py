"""Every block format against the gguf package, bit for bit where that has the same function."""

from pathlib import Path

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

import picoqwen_core
from picoqwen_core.errors import CheckpointError
from picoqwen_core.loaders.gguf import open_gguf
from picoqwen_core.quants.formats import FORMATS, format_named

# Where a block has its float16 scales.
HALVES_AT = {
    "Q4_0": (0,),
    "Q4_1": (0, 2),
    "Q5_0": (0,),
    "Q5_1": (0, 2),
    "Q8_0": (0,),
    "Q4_K": (0, 2),
    "Q5_K": (0, 2),
    "Q6_K": (208,),
    "IQ4_NL": (0,),
}
# The gguf package quantizes to these.
QUANTIZED_BY_GGUF = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]
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


def random_blocks(name: str, count: int) -> NDArray[np.uint8]:
    """Blocks of random bytes whose scales are finite numbers of every magnitude and sign."""
    blocks = RNG.integers(0, 256, (count, FORMATS[name].block_bytes), np.uint8)
    for offset in HALVES_AT[name]:
        scales = RNG.standard_normal(count) * 10.0 ** RNG.integers(-8, 4, count)
        blocks[:, offset : offset + 2] = scales.astype(np.float16).view(np.uint8).reshape(-1, 2)
    return blocks


def their_values(name: str, data: NDArray[np.uint8]) -> NDArray[np.float32]:
    return gguf.dequantize(data, gguf.GGMLQuantizationType[name]).reshape(-1)


@pytest.fixture(scope="module")
def real_weights() -> NDArray[np.float32]:
    """The first feed-forward matrix of the built-in model."""
    path = Path(picoqwen_core.__file__).parent / "home/models/pico-home.gguf"
    weights = open_gguf(path).tensor("blk.0.ffn_up.weight").dequantized().reshape(-1)
    assert weights.size > 100_000
    return weights


@pytest.mark.parametrize("name", FORMATS)
def test_type_id_and_block_size_are_those_of_ggml(name: str) -> None:
    format_ = FORMATS[name]
    kind = gguf.GGMLQuantizationType[name]
    assert format_.type_id == kind.value
    assert (format_.block_size, format_.block_bytes) == gguf.GGML_QUANT_SIZES[kind]


@pytest.mark.parametrize("name", HALVES_AT)
@pytest.mark.parametrize("count", [1, 3, 5000])
def test_random_blocks_have_the_values_that_gguf_finds_in_them(name: str, count: int) -> None:
    data = random_blocks(name, count)
    np.testing.assert_array_equal(FORMATS[name].dequantize(data.reshape(-1)), their_values(name, data))


@pytest.mark.parametrize("name", FORMATS)
def test_real_weights_have_the_values_that_gguf_finds_in_them(
    name: str, real_weights: NDArray[np.float32]
) -> None:
    data = FORMATS[name].quantize(real_weights)
    np.testing.assert_array_equal(FORMATS[name].dequantize(data), their_values(name, data))


@pytest.mark.parametrize("name", QUANTIZED_BY_GGUF)
def test_real_weights_have_the_bytes_that_gguf_makes_of_them(
    name: str, real_weights: NDArray[np.float32]
) -> None:
    theirs = gguf.quantize(real_weights, gguf.GGMLQuantizationType[name])
    np.testing.assert_array_equal(FORMATS[name].quantize(real_weights), theirs.view(np.uint8).reshape(-1))


@pytest.mark.parametrize("name", FORMATS)
def test_dequantized_values_equal_those_of_gguf(name: str) -> None:
    format_ = FORMATS[name]
    data = format_.quantize(VALUES)
    assert data.nbytes == VALUES.size // format_.block_size * format_.block_bytes
    np.testing.assert_array_equal(format_.dequantize(data), their_values(name, data))


@pytest.mark.parametrize("name", QUANTIZED_BY_GGUF)
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
