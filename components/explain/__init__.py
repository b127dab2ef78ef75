"""Show what a classification bundle looked at."""

from components.explain.component import explain as explain
