"""The engine: brings blobs from sources to a destination, and proves them."""
