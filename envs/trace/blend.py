"""Keeping a number or taking another, in loops that write where they read, without masked stores.

Of `out[k] = new if mine else out[k]` LLVM makes a store under a condition, since storing what was
just loaded does nothing: in a vector, a masked store. With AVX-512 that is as good as any other;
with AVX2 on AMD's processors it takes a dozen cycles, and a kernel is several times slower. Here
the choice is made of bits, by masks that lie in memory, so that LLVM sees no condition in it.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, import-untyped"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError

from fleetloop.envs.trace.jit import emitted, inline
from fleetloop.envs.trace.layout import LANES


@inline
def mark(instance, row, mine):
    """Makes the masks of the lanes that show a row: all bits set, or none."""
    for k in range(LANES):
        mine[k] = np.int32(-np.int32(instance[k] == row))


@emitted
def blend(typingctx, mask, new, old):
    """`new` where all bits of an int32 mask are set, `old` where none is; in kernels only.

    Args:
        mask: From an array that `mark` filled; a comparison at hand would be seen through.
        new, old: Both float32 or both int32.
    """
    if not isinstance(mask, types.Integer) or new != old or new not in (types.float32, types.int32):
        raise TypingError(f"blend() takes a mask and two of float32 or int32: {mask}, {new}, {old}")

    def emit(context, builder, signature, args):
        whole = ir.IntType(32)
        bits, first, second = args[0], *(builder.bitcast(arg, whole) for arg in args[1:])
        taken = builder.and_(bits, first)
        kept = builder.and_(builder.not_(bits), second)
        return builder.bitcast(builder.or_(taken, kept), args[1].type)

    return new(types.int32, new, old), emit


@emitted
def choose(typingctx, condition, yes, no):
    """`yes if condition else no` for two numbers of one type, as one instruction."""
    if condition != types.boolean or yes != no:
        raise TypingError(f"choose() takes a bool and two of one type: {condition}, {yes}, {no}")

    def emit(context, builder, signature, args):
        return builder.select(args[0], args[1], args[2])

    return yes(condition, yes, no), emit


@emitted
def copy_eight(typingctx, target, at, source, begin):
    """target[at : at + 8] = source[begin : begin + 8], as one vector; in kernels only.

    For rows whose length is known while the kernel runs: a loop over them is set up anew for each.
    """
    place = types.uint64

    def emit(context, builder, signature, args):
        def pointer(array, index):
            typ = signature.args[array]
            item = context.get_data_type(typ.dtype)
            data = context.make_array(typ)(context, builder, args[array]).data
            start = builder.gep(data, [index], source_etype=item)
            return builder.bitcast(start, ir.VectorType(item, 8).as_pointer()), item

        (to, _), (since, item) = pointer(0, args[1]), pointer(2, args[3])
        builder.store(builder.load(since, align=1, typ=ir.VectorType(item, 8)), to, align=1)
        return context.get_dummy_value()

    return types.void(target, place, source, place), emit
