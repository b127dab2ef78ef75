"""Write a trained network as TorchScript and torch.export."""

from components.export.component import export as export
