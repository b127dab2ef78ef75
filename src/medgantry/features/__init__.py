"""What is known of a subject besides pixels: radiomic, clinical and genomic values as tables with roles."""
