"""Open a MONAI bundle, merge overrides into its configs and check it."""

from components.open_bundle.component import open_bundle as open_bundle
