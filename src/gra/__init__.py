"""GRA: several small models write, review and adjudicate training data (arXiv 2504.12322)."""
