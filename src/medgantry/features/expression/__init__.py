"""Gene expression: tables of genes by patients, given or quantified from reads, as features of patients."""
