"""Tests in real kernels."""
