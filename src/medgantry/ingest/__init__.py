"""From files as they come to a cohort whose every case has a verdict."""
