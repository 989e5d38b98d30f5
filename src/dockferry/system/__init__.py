"""System: what differs between Linux, macOS and Windows, a concept a module, with a way for each of them."""
