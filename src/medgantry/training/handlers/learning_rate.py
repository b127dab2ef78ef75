"""The learning rate as a curve."""

from ignite.engine import Engine, Events


class LearningRate:
    """Notes the rate that an epoch begins with."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        """`learning_rate`, or `learning_rate_<group>` where an optimizer has groups of different rates."""

    def attach(self, engine: Engine) -> None:
        """Watch the optimizer of a trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._note)

    def _note(self, engine: Engine) -> None:
        rates = [float(group["lr"]) for group in engine.optimizer.param_groups]
        if len(set(rates)) == 1:
            self.values = {"learning_rate": rates[0]}
        else:
            self.values = {f"learning_rate_{index}": rate for index, rate in enumerate(rates)}
