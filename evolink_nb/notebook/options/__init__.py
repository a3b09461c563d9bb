"""What a magic's options accept, and what goes together."""
