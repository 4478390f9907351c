"""The page at `/docs`: the operations for people to read, without any other host."""
