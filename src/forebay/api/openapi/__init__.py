"""The description of the API: operations, written beside their routes, and what is made of them."""
