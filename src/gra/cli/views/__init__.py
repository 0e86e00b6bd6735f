"""What commands print, apart from the commands: each view takes values and returns things that `rich` can print.

Every text of a model goes through `gra.display.safe` on its way.
"""
