"""`forebay batch`: a file of requests, or a table and a prompt, run as a batch on some server."""
