"""Where in an image a classification network looks: three methods that fail in different ways, and a picture.

Heat maps show what moved the network's answer, right or wrong; they do not show that it is right.
"""

from medgantry.explain.grad_cam import grad_cam_pp
from medgantry.explain.occlusion_sensitivity import occlusion
from medgantry.explain.picture import draw_explanation
from medgantry.explain.smoothed_gradient import smooth_grad

__all__ = ["draw_explanation", "grad_cam_pp", "occlusion", "smooth_grad"]
