"""A tiny training by MONAI's own trainer: one epoch is six batches of two cases."""

import math

import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from monai.handlers import LrScheduleHandler

STEPS = 6


class Loader:
    """Batches that are a function of epoch and step; a loss at one of `poisoned` is NaN."""

    def __init__(self, poisoned, rank):
        self.epoch, self.start_step = 1, 0
        self._poisoned, self._rank = set(poisoned), rank

    def __len__(self):
        return STEPS

    def __iter__(self):
        first, self.start_step = self.start_step, 0
        for step in range(first, STEPS):
            generator = torch.Generator().manual_seed(1000 * self.epoch + step)
            image = torch.randn((2, 1, 4, 4), generator=generator)
            label = image.mean(dim=(1, 2, 3))[:, None]
            if (self.epoch, step + 1) in self._poisoned:
                label = label * math.nan
            names = [f"r{self._rank}-s{step + 1}-{letter}" for letter in "ab"]
            yield {"image": image, "label": label, "case_id": names}


class Tiny:
    def __init__(self, *, epochs=3, poisoned=(), rank=0, dropout=0.3):
        torch.manual_seed(0)
        self.loader = Loader(poisoned, rank)
        self.network = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.Dropout(dropout), torch.nn.Linear(8, 1)
        )
        optimizer = torch.optim.Adam(self.network.parameters(), lr=0.01)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        self.trainer = SupervisedTrainer(
            device=torch.device("cpu"),
            max_epochs=epochs,
            train_data_loader=self.loader,
            network=self.network,
            optimizer=optimizer,
            loss_function=torch.nn.MSELoss(),
            train_handlers=[LrScheduleHandler(self.scheduler, print_lr=False)],
        )
        self.trainer.logger.disabled = True
        self.trainer.add_event_handler(Events.EPOCH_STARTED, self._begin_epoch)

    def _begin_epoch(self, engine):
        self.loader.epoch = engine.state.epoch

    @property
    def weights(self):
        return torch.cat([value.flatten() for value in self.network.state_dict().values()])


@pytest.fixture
def tiny():
    """Makes tiny trainings."""
    return Tiny
