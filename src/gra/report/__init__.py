"""What is known of runs once they are on disk: opening one, summing one up, finding several, comparing two.

Only reads. The Python API and the command line are both built on it.
"""
