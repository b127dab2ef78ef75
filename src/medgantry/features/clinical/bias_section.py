"""The report's section on whom the table holds."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from medgantry.features.clinical.bias import Group, GroupBias, events_in, group_bias, groups_of, missing_more
from medgantry.features.clinical.summary import Summary
from medgantry.page import grouped_table

_GROUPS = (
    '<p class="note">Each group d against all others a. Class imbalance is (n<sub>a</sub> - n<sub>d</sub>) / '
    "(n<sub>a</sub> + n<sub>d</sub>). The others are differences of shares, a - d: of subjects with an observed "
    "event, and of subjects with a missing feature. Who was followed up for a shorter time shows fewer events, so "
    "that a difference in events can be one of follow-up alone.</p>"
)


def bias_section(summary: Summary) -> list[str]:
    """Tables of groups and of what is missing more in some."""
    by_source = {column.source: column for column in summary.features.columns}
    groups = [
        group
        for name, cuts in summary.reading.roles.facets.items()
        if name in by_source
        for group in groups_of(by_source[name], cuts, summary.rows)
    ]
    if not groups:
        return ["<h2>Whom the table holds</h2>", "<p>No facets are declared.</p>"]
    lines: dict[str, list[list[str]]] = defaultdict(list)
    for group in groups:
        lines[group.facet].append(_line(group_bias(group, summary.blanks)))
    head = ["group", "n", "events", "class imbalance", "events, a - d", "missing a feature, a - d"]
    return [
        "<h2>Whom the table holds</h2>",
        _GROUPS,
        grouped_table(head, lines, right=range(1, len(head))),
        "<h3>Values missing more in one group</h3>",
        *_missing(groups, summary),
    ]


def _line(bias: GroupBias) -> list[str]:
    group = bias.group
    shares = [str(share) for share in (bias.imbalance, bias.positives, bias.incomplete)]
    return [group.name, str(len(group.inside)), str(events_in(group.inside)), *shares]


def _missing(groups: Sequence[Group], summary: Summary) -> list[str]:
    features = summary.features.features()
    lines: dict[str, list[list[str]]] = {}
    compared = 0
    for group in _once(groups):
        columns = [column for column in features if column.source != group.facet]
        compared += len(columns)
        found = missing_more(group, columns, summary.blanks)
        if found:
            lines[f"{group.facet}: {group.name}"] = [
                [item.column.source, str(item.missing.n), str(item.missing)]
                for item in sorted(found, key=lambda item: -abs(item.missing.value))
            ]
    note = (
        f'<p class="note">Of {compared} comparisons, those whose interval does not hold 0; '
        f"about {compared / 20:.0f} would by chance.</p>"
    )
    head = ["feature", "n", "missing, a - d"]
    return [note, grouped_table(head, lines, right=[1, 2]) if lines else "<p>None.</p>"]


def _once(groups: Sequence[Group]) -> list[Group]:
    """Of two groups the first: the other says the same with the opposite sign."""
    sizes = Counter(group.facet for group in groups)
    first = {group.facet: group for group in reversed(groups)}
    return [group for group in groups if sizes[group.facet] > 2 or first[group.facet] is group]
