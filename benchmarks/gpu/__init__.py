"""G1 to G7: training and inference on one GPU, each against a peer in the same run (docs/gpu.md)."""
