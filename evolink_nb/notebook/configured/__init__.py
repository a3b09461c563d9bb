"""Settings from the configuration and the environment, and what they turn on."""
