"""Compiled code by address: for every format the functions that a matrix product calls through a pointer.

A product knows its matrix's format only at run time. Through pointers, only the formats that a file has are
compiled, once each; called directly, Numba would compile all of them again in every function above.
Each function takes whole numbers only, the same seven, and looks at those that it needs.
"""

from collections.abc import Callable
from functools import cache

from llvmlite import ir
from numba import cfunc, types
from numba.core.extending import intrinsic

from picoqwen_core.kernels import attention, attention_int8, attention_values, gemm, gemv, tiles
from picoqwen_core.kernels.blocks import BLOCKS, Block
from picoqwen_core.kernels.compiled import FLOATS
from picoqwen_core.kernels.floats import (
    FLOAT16,
    FLOAT32,
    NUMBERS,
    Number,
    float_rows,
    pack_floats,
    unpack_floats,
)
from picoqwen_core.kernels.matrix import ADDRESS, COLS, SCALES, column
from picoqwen_core.kernels.quantize import activations_at
from picoqwen_core.kernels.simd import I64

_SIGNATURE = types.void(*[types.int64] * 7)
_KINDS: dict[int, Block | Number] = {kind.type_id: kind for kind in (*BLOCKS.values(), *NUMBERS)}
# How a kind of cache keeps its values; keys as the same numbers, or as int8.
_CACHE_VALUES = {
    "f32": FLOAT32,
    "f16": FLOAT16,
    "int8": attention_values.INT8,
    "k8v4": attention_values.INT4,
}
CACHE_KINDS = tuple(_CACHE_VALUES)
_compiled = cfunc(_SIGNATURE, cache=True, fastmath=FLOATS, error_model="numpy")


@intrinsic
def call(typingctx, address, a, b, c, d, e, f, g):
    """Call one of the functions below."""
    signature = types.void(*[types.int64] * 8)

    def codegen(context, builder, sig, args):
        kind = ir.FunctionType(ir.VoidType(), [I64] * 7)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return signature, codegen


@cache
def rows_code(type_id: int) -> int:
    """(matrix, first, last, tokens, activations, out, stride): rows one by one by every token."""
    kind = _KINDS[type_id]
    return (_number_rows(kind) if isinstance(kind, Number) else _block_rows(kind)).address


@cache
def pack_code(type_id: int) -> int:
    """(matrix, first row, panel, scratch, -, -, -): a panel of rows."""
    kind = _KINDS[type_id]
    return (_pack_numbers(kind) if isinstance(kind, Number) else _pack_block(kind)).address


@cache
def embed_code(type_id: int) -> int:
    """(matrix, row, target, -, -, -, -): a row as float32."""
    kind = _KINDS[type_id]
    return (_embed_number(kind) if isinstance(kind, Number) else _embed_block(kind)).address


@cache
def panel_code(type_id: int) -> int:
    """(panel, cols, tokens, activations, out, stride, apart): a packed panel by every token.

    apart: 0, or how many bytes behind it another panel lies, whose rows follow.
    """
    return _tiles(tile_name(type_id)).address


@cache
def store_code(cache_kind: str) -> int:
    """(attention_job, -, ...): keys and values of one position into a cache of one of the CACHE_KINDS."""
    values = _CACHE_VALUES[cache_kind]
    return (_store_numbers(values) if isinstance(values, Number) else _store_integers(values)).address


@cache
def attend_code(cache_kind: str) -> int:
    """(attention_job, -, ...): attention over a cache of that kind."""
    values = _CACHE_VALUES[cache_kind]
    return (_attend_numbers(values) if isinstance(values, Number) else _attend_integers(values)).address


def takes_few_tokens(type_id: int) -> bool:
    """Whether panel_code works for fewer than four tokens."""
    return tile_name(type_id) == "full"


def tile_name(type_id: int) -> str:
    """Which tiles multiply panels of a format."""
    kind = _KINDS[type_id]
    if isinstance(kind, Number):
        return "float"
    return "small" if kind.small_panels else "halves" if kind.halves else "full"


def _block_rows(kind: Block):
    @_compiled
    def rows(matrix, first, last, tokens, a, out, stride):
        weights, scales, cols = column(matrix, ADDRESS), column(matrix, SCALES), column(matrix, COLS)
        gemv.gemv_rows(kind, weights, scales, cols, first, last, tokens, activations_at(a), out, stride)

    return rows


def _number_rows(kind: Number):
    @_compiled
    def rows(matrix, first, last, tokens, a, out, stride):
        weights, cols = column(matrix, ADDRESS), column(matrix, COLS)
        float_rows(kind, weights, cols, first, last, tokens, activations_at(a).floats, out, stride)

    return rows


def _pack_block(kind: Block):
    @_compiled
    def pack(matrix, first, panel, scratch, _a, _b, _c):
        weights, scales, cols = column(matrix, ADDRESS), column(matrix, SCALES), column(matrix, COLS)
        gemm.pack_panel(kind, weights, scales, cols, first, panel, scratch)

    return pack


def _pack_numbers(kind: Number):
    @_compiled
    def pack(matrix, first, panel, scratch, _a, _b, _c):
        pack_floats(kind, column(matrix, ADDRESS), column(matrix, COLS), first, panel, scratch)

    return pack


def _embed_block(kind: Block):
    @_compiled
    def embed(matrix, row, target, _a, _b, _c, _d):
        weights, scales, cols = column(matrix, ADDRESS), column(matrix, SCALES), column(matrix, COLS)
        gemv.unpack_row(kind, weights, scales, cols, row, target)

    return embed


def _embed_number(kind: Number):
    @_compiled
    def embed(matrix, row, target, _a, _b, _c, _d):
        unpack_floats(kind, column(matrix, ADDRESS), column(matrix, COLS), row, target)

    return embed


@cache
def _tiles(name: str):
    make: dict[str, Callable] = {
        "full": _full_tiles,
        "small": _small_tiles,
        "halves": _halves_tiles,
        "float": _float_tiles,
    }
    return make[name]()


def _full_tiles():
    @_compiled
    def products(panel, cols, tokens, a, out, stride, apart):
        x = activations_at(a)
        if tokens < 4:
            tiles.few_tokens(panel, apart, cols, tokens, x, out, stride)
        else:
            tiles.panels(tiles.FULL, panel, apart, cols, tokens, x, out, stride)

    return products


def _small_tiles():
    @_compiled
    def products(panel, cols, tokens, a, out, stride, apart):
        tiles.panels(tiles.SMALL, panel, apart, cols, tokens, activations_at(a), out, stride)

    return products


def _halves_tiles():
    @_compiled
    def products(panel, cols, tokens, a, out, stride, apart):
        tiles.panels(tiles.HALVES, panel, apart, cols, tokens, activations_at(a), out, stride)

    return products


def _float_tiles():
    @_compiled
    def products(panel, cols, tokens, a, out, stride, apart):
        tiles.float_panels(panel, apart, cols, tokens, activations_at(a), out, stride)

    return products


def _store_numbers(number: Number):
    @_compiled
    def store(job, _a, _b, _c, _d, _e, _f):
        attention.store_key_value(number, job)

    return store


def _store_integers(values: attention_values.Values):
    @_compiled
    def store(job, _a, _b, _c, _d, _e, _f):
        attention_int8.store_key_value(values, job)

    return store


def _attend_numbers(number: Number):
    @_compiled
    def attend(job, _a, _b, _c, _d, _e, _f):
        attention.attend(number, job)

    return attend


def _attend_integers(values: attention_values.Values):
    @_compiled
    def attend(job, _a, _b, _c, _d, _e, _f):
        attention_int8.attend(values, job)

    return attend
