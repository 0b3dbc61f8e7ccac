"""A session written up: a summary, what came first, findings with their figures, what was added to
the cluster, captures; as Markdown, HTML or JSON."""
