"""Which of a cohort's channels a network takes: by name."""

from collections.abc import Sequence

from medgantry.errors import Mismatch


def match_channels(wanted: Sequence[str], present: Sequence[str]) -> list[str]:
    """The present channels in the order in which a network wants them.

    Capitals do not count. A network that takes one channel and calls it just `image`, as bundles of the Model Zoo do,
    gets the one that is there.

    Args:
        wanted: Names in the network's order.
        present: Names of a cohort's or a case's channels.

    Raises:
        Mismatch: Naming both sides.
    """
    if len(present) == 1 and [name.casefold() for name in wanted] == ["image"]:
        return list(present)
    there = {name.casefold(): name for name in present}
    if missing := [name for name in wanted if name.casefold() not in there]:
        raise Mismatch(
            f"The bundle needs channels {list(wanted)}; {list(present)} are there, {missing} are missing.",
            "Ingest the missing channels, or override network_data_format#inputs#image#channel_def with the names of "
            "yours, in the order that the network was made for.",
        )
    return [there[name.casefold()] for name in wanted]
