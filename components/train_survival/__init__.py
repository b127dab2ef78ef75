"""Learn to predict the time to an event from features of several modalities."""

from components.train_survival.component import train_survival as train_survival
