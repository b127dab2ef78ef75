"""What watches and guards a training: small classes that attach to the bundle's own trainer."""
