"""What `track` shows about a loop, and when it ends the loop."""
