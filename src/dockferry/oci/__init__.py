"""Pure, frozen values of the OCI specifications, parsed strictly once, at the edge."""
