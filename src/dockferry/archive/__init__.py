"""The archive: planned to the byte, written in place, published whole, and read back strictly."""
