"""What Forebay costs on top of the engine it stands before: run `python -m bench`."""
