"""What a pipeline of transforms does, one after the other."""

from typing import Any

from monai.transforms import Compose


def flattened(transforms: Any) -> list[Any]:
    """A pipeline's transforms without nesting; one that chooses among several (`OneOf`) stays one.

    Args:
        transforms: A `Compose`, a list of transforms, or one transform.
    """
    if type(transforms) is Compose:
        transforms = transforms.transforms
    if not isinstance(transforms, list | tuple):
        return [transforms]
    return [item for transform in transforms for item in flattened(transform)]
