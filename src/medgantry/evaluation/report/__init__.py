"""The report: one HTML file that needs nothing else, for a clinician, an auditor and a printer."""
