"""The command line: its grammar, its commands, how they show what they do, and their exit codes."""
