"""Join outcomes with what was known of each subject when its outcome is predicted."""

from components.join_features.component import join_features as join_features
