"""Registries: asking them for manifests, blobs and tags, with all that HTTP, logins and proxies want."""
