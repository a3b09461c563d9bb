"""The notebook interface: magics, cell events, and what they display."""
