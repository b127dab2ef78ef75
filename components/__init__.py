"""What a pipeline author sees: one folder per KFP component, wrappers only."""
