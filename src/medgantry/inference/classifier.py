"""`Classifier`: a trained classification bundle applied to source images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from medgantry.bundles import Bundle
from medgantry.errors import InvalidBundle, InvalidInput
from medgantry.inference.loaded_network import LoadedNetwork
from medgantry.inference.postprocessing import scores_only
from medgantry.inference.running_mean import RunningMean
from medgantry.stages import stage


@dataclass(frozen=True, kw_only=True)
class Classification:
    """What a network makes of one case."""

    classes: Sequence[str]
    logits: Sequence[float]
    """Per class, before calibration; of an ensemble, the logarithm of its mean probabilities."""
    probabilities: Sequence[float]
    """Per class, calibrated by the bundle's own temperature; they add up to 1."""

    @property
    def answer(self) -> str:
        """The most probable class."""
        return self.classes[max(range(len(self.classes)), key=lambda index: self.probabilities[index])]


class Classifier:
    """A classification bundle ready to predict.

    Args:
        bundle: With weights.
        untrained_seed: Use a fresh network of this seed instead of the weights.
    """

    def __init__(self, bundle: Bundle, *, untrained_seed: int | None = None) -> None:
        if bundle.task != "classification":
            raise InvalidBundle(f"{bundle.folder.name} is for {bundle.task}, not for classification.")
        self.bundle = bundle
        self.loaded = LoadedNetwork(bundle, untrained_seed=untrained_seed)
        if self.loaded.ensemble and self.loaded.ensemble.rule == "vote":
            raise InvalidBundle(
                "Only masks are voted on, not classes.", "Combine with the rule mean or weighted."
            )
        self._postprocessing = scores_only(self.loaded.postprocessing)

    def predict_case(self, item: Mapping[str, Path | list[Path]]) -> Classification:
        """Predict one case.

        Args:
            item: `image`: one file with all channels in the bundle's order, or one file per channel.

        Raises:
            InvalidInput: If the network's output does not fit the classes, or is not finite.
        """
        return self.predict_prepared(self.loaded.prepare(item["image"]))

    def predict_prepared(self, prepared: torch.Tensor) -> Classification:
        """Predict what `LoadedNetwork.prepare` made of a case."""
        names = self.bundle.outputs
        logits = self._logits(prepared)
        if logits.shape != (len(names),) or not torch.isfinite(logits).all():
            raise InvalidInput(
                f"The network must give {len(names)} finite numbers, one per class of {names}; it gave "
                f"{tuple(logits.shape)}: {logits.flatten()[:10].tolist()}."
            )
        with stage("inverse"):
            probabilities = torch.as_tensor(self._postprocessing({"pred": logits})["pred"]).double()
        if not torch.allclose(probabilities.sum(), torch.ones((), dtype=torch.float64), atol=1e-3):
            # A bundle whose post-processing only names the most probable class leaves them as they were.
            probabilities = torch.softmax(logits.double(), dim=0)
        return Classification(
            classes=names, logits=logits.double().tolist(), probabilities=probabilities.tolist()
        )

    def _logits(self, prepared: torch.Tensor) -> torch.Tensor:
        """Per class; averaged as probabilities where several answer."""
        ensemble = self.loaded.ensemble
        if ensemble is None:
            return self.loaded.logits(prepared)
        mean = RunningMean()
        answers = self.loaded.answers(
            prepared, lambda logits: torch.log_softmax(logits.double(), dim=0).exp()
        )
        for share, answer in zip(ensemble.shares, answers, strict=True):
            mean.add(answer, share)
        return torch.log(mean.value.clamp(min=torch.finfo(torch.float64).tiny)).float()
