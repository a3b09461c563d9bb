"""What a budget watches, decides and says."""
