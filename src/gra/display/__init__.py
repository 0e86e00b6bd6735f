"""Shows a run at work, in a terminal, in a log or in a notebook. Listens to events; knows nothing of the engine."""
