"""Any photo's colours as 8-bit sRGB."""

import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageCms

from medgantry.ledger import Unusable

_SAME_LEVELS = 1
"""A profile that moves no colour by more than this is sRGB under another name, and pixels stay as decoded."""
_BASE = {
    **dict.fromkeys(("1", "L", "LA", "La"), "L"),
    "CMYK": "CMYK",
    **dict.fromkeys(("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr"), "RGB"),
}
"""Pillow's mode -> the mode in which an embedded profile speaks of colours."""
_OPAQUE = (255, 255)


@dataclass(kw_only=True)
class Notes:
    """What was done to an image."""

    done: list[str] = field(default_factory=list)
    """What any image of its kind needs."""
    repaired: list[str] = field(default_factory=list)
    """What was wrong, and what was assumed."""


def to_srgb(image: Image.Image, notes: Notes) -> Image.Image:
    """The image in sRGB, three channels of 8 bits.

    16 bits lose the lower 8; an embedded profile is followed (relative colorimetric, with black point
    compensation); what is transparent becomes black; CMYK without a profile is inverted.

    Raises:
        Unusable: If the pixels are of a kind that no camera writes.
    """
    profile = image.info.get("icc_profile", b"")
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
        notes.done.append("16 bits to 8")
    if image.mode not in _BASE:
        raise Unusable(
            "pixels are grey, RGB, CMYK or of a palette, with 8 or 16 bits",
            f"the mode is {image.mode}",
            "Save it as an 8-bit RGB image.",
        )
    base, alpha = _without_alpha(image)
    if base.mode == "CMYK" and not profile:
        notes.done.append("CMYK without a profile to RGB")
    colours = _by_profile(base, profile, notes) if profile else base.convert("RGB")
    if alpha is not None and alpha.getextrema() != _OPAQUE:
        colours = Image.composite(colours, Image.new("RGB", colours.size), alpha)
        notes.done.append("transparent to black")
    return colours


def _without_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colours in the profile's mode, and the opacity where there is one."""
    mode = _BASE[image.mode]
    if mode == "CMYK" or not image.has_transparency_data:
        return image.convert(mode), None
    straight = image.convert("LA" if mode == "L" and image.mode != "1" else "RGBA")
    return straight.convert(mode), straight.getchannel("A")


def _by_profile(image: Image.Image, profile: bytes, notes: Notes) -> Image.Image:
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            image.mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if image.mode == "RGB" and _changes_nothing(transform):
            return image
        converted = ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError, ValueError):
        notes.repaired.append(f"the colour profile does not fit {image.mode} and was left out, sRGB assumed")
        return image.convert("RGB")
    assert converted is not None  # only in place there is no answer
    notes.done.append("colours by the embedded profile to sRGB")
    return converted


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform leaves every colour of a coarse grid as it is."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    moved = ImageCms.applyTransform(Image.fromarray(grid), transform)
    return bool(np.abs(np.asarray(moved).astype(np.int16) - grid).max() <= _SAME_LEVELS)
