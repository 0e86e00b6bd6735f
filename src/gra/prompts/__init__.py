"""Prompt files, their rendering, and the reading of replies."""
