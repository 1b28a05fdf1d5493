"""What docs/performance.md claims, measured here: `make bench`."""
