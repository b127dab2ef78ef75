"""Where models are served, as deployment sees it."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from medgantry.errors import MedgantryError


class DeploymentFailed(MedgantryError):
    """The endpoint did not come up, or does not give what evaluation gave."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A version of a model that shall be served."""

    model: str
    version: int
    prefix: str
    """Its immutable copy in the store."""


class Endpoint(NamedTuple):
    """A model that answers."""

    model: str
    """As its requests name it."""
    url: str


class Target(Protocol):
    """A place that serves models. Nobody's requests meet a release before it is promoted."""

    def stage(self, release: Release) -> Endpoint:
        """Serve a release beside what users have; returns when it is ready."""

    def promote(self, release: Release) -> Endpoint:
        """Give the staged release the model's name, or its share of the requests; returns when it has them."""

    def withdraw(self, release: Release) -> None:
        """End a staged release; after `promote`, go back to what was served before."""

    @property
    def rollout(self) -> str:
        """What `promote` made of it: `full`, `canary` with its share, or `shadow`."""


def candidate(model: str) -> str:
    """The name of a model's staged release."""
    return f"{model}-candidate"
