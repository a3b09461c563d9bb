"""What loading, reading and a live update cost, each beside a peer and in the same run."""
