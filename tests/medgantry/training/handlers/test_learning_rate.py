"""The curve of the learning rate."""

from ignite.engine import Events

from medgantry.training.handlers.learning_rate import LearningRate


def test_an_epoch_has_the_rate_it_trained_with(tiny):
    training, rate, seen = tiny(), LearningRate(), []
    rate.attach(training.trainer)
    training.trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: seen.append(rate.values))
    training.trainer.run()
    assert seen == [{"learning_rate": 0.01}, {"learning_rate": 0.005}, {"learning_rate": 0.0025}]


def test_groups_of_different_rates_are_curves_of_their_own(tiny):
    training, rate = tiny(epochs=1), LearningRate()
    rate.attach(training.trainer)
    training.trainer.optimizer.add_param_group({"params": [], "lr": 0.5})
    training.scheduler.base_lrs.append(0.5)
    training.trainer.run()
    assert rate.values == {"learning_rate_0": 0.01, "learning_rate_1": 0.5}
