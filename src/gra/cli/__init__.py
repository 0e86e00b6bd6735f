"""The command line: thin commands over the library. Nothing here decides what a run does.

`app` holds the commands and turns errors into messages and exit codes; each command lives in a module of its own;
`views` draws; `display` shows a run at work; `safe` makes text that a model wrote harmless to a terminal.

Nothing heavy is imported at the top of a module: `gra --help` has to be quick.
"""
