"""The use cases, a module each, and what they share: the public Python API, which `dockferry` exports."""
