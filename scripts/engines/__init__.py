"""Programs of others that tests, benchmarks and developers talk to: found, installed, run."""
