"""A bundle's networks with their weights and its own transforms, ready to be applied."""

import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose

from medgantry.bundles import Bundle
from medgantry.bundles.config_ids import look_up
from medgantry.bundles.parser import load_state, make_parser, part
from medgantry.errors import InvalidBundle
from medgantry.inference.put_back import with_proved
from medgantry.inference.running_mean import RunningMean
from medgantry.inference.test_time_augmentation import every_flip, flipped_answers
from medgantry.processes import THREADS
from medgantry.stages import network_pass, stage


class LoadedNetwork:
    """Everything of a bundle's inference config that turns files into answers.

    Args:
        bundle: With weights; an ensemble has several networks of one kind.
        untrained_seed: Use a fresh network of this seed instead of the weights: the baseline of no learning.

    Raises:
        InvalidBundle: If there are no weights, they are not the network's, or a part can't be made.
    """

    def __init__(self, bundle: Bundle, *, untrained_seed: int | None = None) -> None:
        torch.set_num_threads(THREADS)
        parser = make_parser(bundle, bundle.inference_config)
        self.device = torch.device(part(parser, "device"))
        if untrained_seed is not None:
            torch.manual_seed(untrained_seed)
        network: torch.nn.Module = part(
            parser, "network_def" if "network_def" in parser.config else "network"
        )
        networks = [network] if untrained_seed is not None else _trained(bundle, network)
        self._networks = [one.to(self.device).eval() for one in networks]
        for one in self._networks:
            one.register_forward_pre_hook(_tell_size)
        self.ensemble = bundle.ensemble if untrained_seed is None else None
        self._mirrored = self.ensemble is not None and self.ensemble.test_time_augmentation == "flips"
        self.postprocessing: Compose = part(parser, "postprocessing")
        self._preprocessing = with_proved(part(parser, "preprocessing"), self.postprocessing)
        self._inferer = part(parser, "inferer")
        self._mixed_precision = _mixed_precision(parser, self.device)

    @property
    def network(self) -> torch.nn.Module:
        """The network.

        Raises:
            InvalidBundle: If it is an ensemble of several.
        """
        if len(self._networks) > 1:
            raise InvalidBundle(
                f"One network was wanted, the bundle is an ensemble of {len(self._networks)}.",
                "Use the bundle of one of its members.",
            )
        return self._networks[0]

    @property
    def voices(self) -> int:
        """How many answers are made into one: one per member and, with test-time augmentation, per mirror image."""
        return len(self._networks) * (2 if self._mirrored else 1)

    def prepare(self, image: Path | list[Path]) -> torch.Tensor | MetaTensor:
        """The network's input without the batch axis: (C, i, j, k) or (C, i, j).

        Args:
            image: One file with all channels in the bundle's order, or one file per channel.
        """
        return self.prepare_item({"image": image})

    @stage("prepare")
    def prepare_item(self, item: Mapping[str, Path | list[Path]]) -> torch.Tensor | MetaTensor:
        """The network's input without the batch axis, of what the bundle's transforms take: `fixed` and `moving`."""
        return self._preprocessing(dict(item))["image"]

    def logits(self, prepared: torch.Tensor) -> torch.Tensor:
        """The one network's output on the CPU, without the batch axis."""
        return self._output(self.network, prepared)

    def answers(
        self, prepared: torch.Tensor, activate: Callable[[torch.Tensor], torch.Tensor]
    ) -> Iterator[torch.Tensor]:
        """The probabilities that each member gives, on the CPU; those of mirror images are averaged.

        Args:
            prepared: What `prepare` made of a case.
            activate: From a network's output to probabilities, both without the batch axis.
        """
        image = torch.as_tensor(prepared)
        flips = every_flip(image.ndim - 1) if self._mirrored else [()]
        for network in self._networks:
            mean = RunningMean()
            for answer in flipped_answers(lambda view: activate(self._output(network, view)), image, flips):  # noqa: B023
                mean.add(answer)
            yield mean.value

    @stage("network")
    def _output(self, network: torch.nn.Module, image: torch.Tensor) -> torch.Tensor:
        batch = torch.as_tensor(image)[None].to(self.device)
        with torch.no_grad(), torch.autocast("cuda", enabled=self._mixed_precision):
            output = self._inferer(batch, network)
        return torch.as_tensor(output)[0].float().cpu()


def _tell_size(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
    """Before every pass: the inferer alone knows how many windows it lays side by side."""
    if given:  # a bundle's own inferer may name its arguments
        network_pass(len(given[0]))


def _trained(bundle: Bundle, network: torch.nn.Module) -> list[torch.nn.Module]:
    """One network per file of weights."""
    if not bundle.weights_files:
        raise InvalidBundle(f"{bundle.folder.name} has no weights.", "Train it first.")
    networks = [network, *(copy.deepcopy(network) for _ in bundle.weights_files[1:])]
    for one, path in zip(networks, bundle.weights_files, strict=True):
        load_state(path, one)
    return networks


def _mixed_precision(parser: ConfigParser, device: torch.device) -> bool:
    """Whether the bundle's own evaluator would run its network in mixed precision, which MONAI does on GPUs alone."""
    if device.type != "cuda" or look_up(parser.config, "evaluator#amp") is None:
        return False
    return bool(part(parser, "evaluator#amp"))
