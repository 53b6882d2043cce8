"""The library on the two extracts of the CDISC pilot study, and what its findings there are."""
