"""The service over HTTP: calls and answers, what is sent again, limits, tasks, links."""
