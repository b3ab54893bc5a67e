# The cluster tier, included by the Makefile.
.PHONY: cluster-build cluster-up cluster-down cluster-status cluster-images cluster-test lock-images

cluster-build: setup ## Kubernetes, Argo, CoreDNS and the images, into ~/.cache/headrace/cluster
	@$(PYTHON) -m tests.cluster build

cluster-up: setup ## a one-node Kubernetes with Argo Workflows, without Docker
	@$(PYTHON) -m tests.cluster up

cluster-down: ## End it, with all that it left
	@$(PYTHON) -m tests.cluster down

cluster-status: setup ## what runs in it, and how much memory it takes
	@$(PYTHON) -m tests.cluster status

cluster-images: setup ## hand it the images of this checkout anew
	@$(PYTHON) -m tests.cluster images

cluster-test: setup ## the tests on a real Kubernetes: ours, or the one that KUBECONFIG names
	@CLUSTER=1 $(PYTHON) -m pytest tests/cluster

lock-images: setup ## images/*/requirements.lock, after requirements.lock
	@$(PYTHON) images/lock.py
