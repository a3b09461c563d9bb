"""What outlives the kernel: readings and costs, kept, looked back at and drawn."""
