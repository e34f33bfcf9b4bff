"""The pages for operators: HTML from templates, over the REST interface and nothing else."""
