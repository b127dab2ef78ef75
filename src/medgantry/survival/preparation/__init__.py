"""From a feature table to columns of numbers; what is learnt of the subjects is learnt of the training side only."""
