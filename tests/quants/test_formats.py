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


# gguf writes these itself; of the others it reads what we write.
WRITTEN_BY_GGUF = ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")


def random_blocks(name: str) -> np.ndarray:
    """Blocks of random bytes whose float16 numbers are finite."""
    format_ = FORMATS[name]
    blocks = RNG.integers(0, 256, (200, format_.block_bytes), dtype=np.uint8)
    for at in {"Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "Q4_1": (0, 2), "Q5_1": (0, 2)}.get(
        name, (0,)
    ):
        blocks[:, at : at + 2] = RNG.standard_normal(200).astype(np.float16).view(np.uint8).reshape(-1, 2)
    return blocks.reshape(-1)


@pytest.mark.parametrize("name", FORMATS)
def test_dequantized_values_equal_those_of_gguf(name: str) -> None:
    format_ = FORMATS[name]
    values = VALUES[: VALUES.size // 256 * 256]
    data = format_.quantize(values)
    assert data.nbytes == values.size // format_.block_size * format_.block_bytes
    theirs = gguf.dequantize(data, gguf.GGMLQuantizationType[name])
    np.testing.assert_array_equal(format_.dequantize(data), theirs.reshape(-1))


@pytest.mark.parametrize("name", [name for name, format_ in FORMATS.items() if format_.block_size > 1])
def test_any_bytes_are_read_as_gguf_reads_them(name: str) -> None:
    data = random_blocks(name)
    theirs = gguf.dequantize(data, gguf.GGMLQuantizationType[name])
    np.testing.assert_array_equal(FORMATS[name].dequantize(data), theirs.reshape(-1))


@pytest.mark.parametrize("name", WRITTEN_BY_GGUF)
def test_quantized_bytes_equal_those_of_gguf(name: str) -> None:
    theirs = gguf.quantize(VALUES, gguf.GGMLQuantizationType[name])
    np.testing.assert_array_equal(FORMATS[name].quantize(VALUES), theirs.view(np.uint8).reshape(-1))


LOSSES = {
    "F32": 0,
    "F16": 1e-3,
    "BF16": 1e-2,
    "Q8_0": 0.01,
    "Q6_K": 0.02,
    "Q5_K": 0.045,
    "Q5_1": 0.05,
    "Q5_0": 0.06,
    "Q4_K": 0.085,
    "Q4_1": 0.1,
    "IQ4_NL": 0.09,
    "Q4_0": 0.12,
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_loss_is_what_the_format_promises(name: str) -> None:
    format_ = FORMATS[name]
    values = RNG.standard_normal(1 << 16).astype(np.float32)
    back = format_.dequantize(format_.quantize(values))
    assert np.linalg.norm(back - values) <= LOSSES[name] * np.linalg.norm(values)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in WRITTEN_BY_GGUF])
@pytest.mark.filterwarnings("error")
def test_unusual_blocks_are_quantized_without_warnings(name: str) -> None:
    outlier = RNG.standard_normal(256)
    outlier[17] = 400
    blocks = [np.zeros(256), np.full(256, 0.7), np.full(256, -0.7), np.full(256, 1e-30), outlier]
    values = np.concatenate([*blocks, RNG.standard_normal(256) * 1e4]).astype(np.float32)
    back = FORMATS[name].dequantize(FORMATS[name].quantize(values)).reshape(-1, 256)
    exact = values.reshape(-1, 256)
    assert np.isfinite(back).all()
    assert (back[0] == 0).all()
    assert np.abs(back - exact).max(axis=1) == pytest.approx(0, abs=0.1 * np.abs(exact).max())
    for ours, theirs in zip(back[1:3], exact[1:3], strict=True):
        assert np.abs(ours - theirs).max() < 0.05


def test_a_matrix_is_quantized_the_same_in_pieces() -> None:
    values = RNG.standard_normal(1 << 20).astype(np.float32)
    whole = FORMATS["Q4_K"].quantize(values)
    parts = [FORMATS["Q4_K"].quantize(part) for part in np.split(values, 4)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_a_row_that_does_not_end_with_a_block_is_refused() -> None:
    with pytest.raises(CheckpointError, match="multiple of 32, got 40"):
        FORMATS["Q8_0"].row_bytes(40)


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match=r"Q9.*Q8_0"):
        format_named("Q9")
