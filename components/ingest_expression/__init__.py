"""Read a table of genes by patients into features, with a verdict for every patient."""

from components.ingest_expression.component import ingest_expression as ingest_expression
