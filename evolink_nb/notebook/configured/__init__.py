"""What the configuration and the environment set."""
