"""What a training job asks of a cluster: devices, places, queue and patience."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from medgantry.errors import InvalidInput

_ACCELERATORS = ("nvidia.com/gpu", "amd.com/gpu", "habana.ai/gaudi")


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where and how long the workers may run; fragments of a pod spec are passed on as they are."""

    resources: Mapping[str, Any] = field(default_factory=dict)
    """`limits` and `requests` of one pod."""
    tolerations: Sequence[Mapping[str, Any]] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    affinity: Mapping[str, Any] = field(default_factory=dict)
    volumes: Sequence[Mapping[str, Any]] = ()
    volume_mounts: Sequence[Mapping[str, Any]] = ()
    queue: str = ""
    """Kueue's LocalQueue; empty for none."""
    queued_seconds: float = 24 * 3600.0
    """How long the job may wait for its quota or a node."""
    running_seconds: float = 72 * 3600.0
    """How long it may run once it began."""

    @classmethod
    def from_task(cls, task: object, *, queue: str, queued_hours: float, running_hours: float) -> "Placement":
        """What KFP passes on of the step's own task; its variables are its own.

        Args:
            task: A `kfp.dsl.TaskConfig`; on a laptop all its fields are None.
            queue: Kueue's LocalQueue.
            queued_hours: Patience before the job runs.
            running_hours: Patience afterwards.
        """
        names = ("resources", "tolerations", "node_selector", "affinity", "volumes", "volume_mounts")
        given = {name: value for name in names if (value := getattr(task, name, None))}
        return cls(
            **given, queue=queue, queued_seconds=queued_hours * 3600, running_seconds=running_hours * 3600
        )

    @property
    def devices(self) -> int:
        """Accelerators of one pod; 0 on the CPU."""
        limits = self.resources.get("limits") or {}
        return sum(int(limits.get(name, 0)) for name in _ACCELERATORS)

    def share(self, ranks: int) -> tuple[int, int]:
        """Pods, and ranks in each: one rank per accelerator, or one rank per pod on the CPU.

        Raises:
            InvalidInput: If the ranks do not fill the pods.
        """
        each = max(1, self.devices)
        if ranks % each:
            raise InvalidInput(
                f"{ranks} ranks cannot fill pods of {each} accelerators each.",
                f"Ask for a multiple of {each} ranks, or for fewer accelerators per pod.",
            )
        return ranks // each, each

    @property
    def changes_pods(self) -> bool:
        """Whether anything is asked for that only a pod template can say."""
        return any((self.tolerations, self.node_selector, self.affinity, self.volumes, self.volume_mounts))
