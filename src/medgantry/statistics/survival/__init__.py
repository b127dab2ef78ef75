"""What predictions of time to an event are worth, on plain arrays of one value per subject.

Everywhere `time` is days from the origin to event or censoring, `event` whether it was the event, and an event comes
before a censoring on the same day.
"""
