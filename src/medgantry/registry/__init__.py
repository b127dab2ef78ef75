"""The MLflow model registry: versions with evidence, the champion, and what nothing refers to any more."""
