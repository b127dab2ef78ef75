"""The validation that a bundle's task needs."""

from medgantry.bundles import Bundle
from medgantry.bundles.recipe import Recipe
from medgantry.training.class_validation import ClassValidation
from medgantry.training.displacement_validation import DisplacementValidation
from medgantry.training.mask_validation import MaskValidation
from medgantry.training.validation import Validation


def validation_of(bundle: Bundle, recipe: Recipe) -> Validation:
    """How networks of a bundle are measured while they train."""
    if bundle.task == "classification":
        return ClassValidation(bundle.outputs, recipe.inferer(), recipe.device)
    if bundle.task == "registration":
        return DisplacementValidation(recipe.inferer(), recipe.device)
    return MaskValidation(bundle, recipe.inferer(), recipe.postprocessing(), recipe.device)
