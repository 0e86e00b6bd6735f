"""What this machine itself can tell of the energy it takes. Standard library, and `pynvml` where it is installed."""
