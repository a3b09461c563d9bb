"""What people type in a notebook: magics, cell events and what they display."""
