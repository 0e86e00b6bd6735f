"""What happens to samples after their review: semantic de-duplication."""
