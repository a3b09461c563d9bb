"""What tests are made of: servers, clocks, kernels, pages."""
