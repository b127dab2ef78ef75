"""What each kind of model makes of requests."""
