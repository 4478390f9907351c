"""What is kept: durable records by noun, SQL by name, and blobs."""
