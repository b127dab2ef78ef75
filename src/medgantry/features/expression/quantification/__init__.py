"""Gene expression from sequencing reads: a sheet of samples, salmon, and what it measured with which quality."""
