"""Memory comes back when nobody can see it any more, and never before."""

import torch

from medgantry.loading.buffers import Buffers


def address(tensor):
    return tensor.untyped_storage().data_ptr()


def test_memory_comes_back_after_the_last_tensor_over_it_is_gone():
    buffers = Buffers(pinned=False)
    first = buffers.take((4, 1000), torch.float32)
    place = address(first)
    assert address(buffers.take((4, 1000), torch.float32)) != place
    part = first[2:].permute(1, 0)
    part.fill_(7)
    del first
    others = [buffers.take((4, 1000), torch.float32).zero_() for _ in range(3)]
    assert place not in [address(other) for other in others]
    assert bool((part == 7).all())
    del part
    assert address(buffers.take((8, 1000), torch.float16)) == place


def test_shape_and_type_are_what_was_asked_for():
    buffers = Buffers(pinned=False)
    for shape, dtype in [
        ((2, 3), torch.float16),
        ((), torch.int64),
        ((0, 4), torch.float32),
        ((6,), torch.bool),
    ]:
        found = buffers.take(shape, dtype)
        assert (tuple(found.shape), found.dtype) == (shape, dtype)


def test_sizes_that_are_not_used_any_more_are_let_go():
    buffers = Buffers(pinned=False)
    for size in range(1, 200):
        buffers.take((size,), torch.uint8)
    assert sum(len(free) for free in buffers._free.values()) == 1
