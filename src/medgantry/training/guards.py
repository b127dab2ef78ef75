"""Versions of torch and cuDNN that are known to compute slowly or wrongly."""

from medgantry.errors import InvalidInput


def check_versions(*, torch_version: str, cudnn: int | None, precision: str) -> list[str]:
    """Refuse what is broken and name what is doubtful, before a training on a GPU begins.

    Sources: pytorch issues 166122 (torch 2.9: mixed-precision 3-D convolutions four times slower) and 163539 (cuDNN 9.8
    to 9.10: wrong 3-D convolutions in bf16).

    Args:
        torch_version: `torch.__version__`.
        cudnn: `torch.backends.cudnn.version()`, such as 91002; None on a CPU, where nothing is checked.
        precision: `fp32`, `bf16` or `fp16`.

    Returns:
        Warnings.

    Raises:
        InvalidInput: If a training would be wrong, or several times too slow.
    """
    if cudnn is None:
        return []
    remedy = "Use an image with torch >= 2.10 and cuDNN >= 9.15."
    if _release(torch_version) == (2, 9):
        raise InvalidInput(
            f"torch {torch_version} computes 3-D convolutions in mixed precision four times too slowly.",
            remedy,
        )
    version = (cudnn // 10000, cudnn // 100 % 100)
    named = f"cuDNN {version[0]}.{version[1]}.{cudnn % 100}"
    if precision == "bf16" and (9, 8) <= version <= (9, 10):
        raise InvalidInput(f"{named} computes 3-D convolutions in bf16 wrongly.", f"{remedy} Or take fp32.")
    return (
        [f"{named} is older than 9.15, whose 3-D convolutions are faster. {remedy}"]
        if version < (9, 15)
        else []
    )


def _release(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
