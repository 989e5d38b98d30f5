"""What the user has settled: by flag, environment, file and default, merged into one frozen value."""
