"""A real Kubernetes of one node with Argo Workflows, without Docker: `python -m tests.cluster up`."""
