"""How good cross-validated predictions of time to an event are, in a table, beside each other and on a page."""
