"""Constants that kernels are compiled for: a kernel that takes one is compiled once for each that it gets.

A marker has no value at run time. Numba keeps compiled kernels by the types of their arguments, so each
marker has a type of its own, named after it.
"""

from dataclasses import dataclass

from numba import types
from numba.core.extending import intrinsic, models, register_model, typeof_impl
from numba.core.imputils import lower_constant

_MARKERS = {}


@dataclass(frozen=True)
class Marker:
    """A constant with a name of its own; subclasses say what operations want to know of it."""

    name: str

    def __post_init__(self):
        _MARKERS[self.name] = self


class MarkerType(types.Type):
    """The Numba type of one marker."""

    def __init__(self, marker):
        self.marker = marker
        super().__init__(name=f"Marker({marker})")


@typeof_impl.register(Marker)
def _typeof(value, context):
    return MarkerType(value.name)


register_model(MarkerType)(models.OpaqueModel)


@lower_constant(MarkerType)
def _constant(context, builder, ty, value):
    return context.get_dummy_value()


def marked(result, *arguments):
    """Make an intrinsic (marker, *arguments) from a function (builder, Marker, *values), with fixed types."""

    def decorate(emit):
        def codegen(context, builder, signature, values):
            made = emit(builder, _MARKERS[signature.args[0].marker], *values[1:])
            return context.get_dummy_value() if made is None else made

        def typed(marker):
            return result(marker, *arguments), codegen

        by_arity = (
            lambda typingctx, marker: typed(marker),
            lambda typingctx, marker, a: typed(marker),
            lambda typingctx, marker, a, b: typed(marker),
            lambda typingctx, marker, a, b, c: typed(marker),
            lambda typingctx, marker, a, b, c, d: typed(marker),
        )
        return intrinsic(by_arity[len(arguments)])

    return decorate
