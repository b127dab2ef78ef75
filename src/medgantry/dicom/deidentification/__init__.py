"""De-identification by DICOM PS3.15 Annex E: a table, keyed pseudonyms, and a verifier that trusts neither."""
