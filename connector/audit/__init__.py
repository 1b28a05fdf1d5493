"""Is what is stored what the CRM has? Counts per window of creation, and samples that are read again field by field."""
