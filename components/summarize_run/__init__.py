"""Write what happened in a run, whatever happened."""

from components.summarize_run.component import summarize_run as summarize_run
