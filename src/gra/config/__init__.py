"""The configuration: what is synthesised, and how a run is carried out. Data only."""
