"""Feature tables in a Feast feature store on S3, and the join of what was known of each subject at a time."""
