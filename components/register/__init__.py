"""Register a trained bundle with its evidence; the better model is champion."""

from components.register.component import register as register
