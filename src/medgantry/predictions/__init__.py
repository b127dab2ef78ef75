"""A trained bundle over a cohort, in parallel, each case kept when it is done."""
