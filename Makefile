# make run    Berth on a Kubernetes of its own on this machine, with a sample app
# make test   everything that is tested
# make help   the rest

# All is compiled as hack/cluster compiles what it builds, so that Go's build cache has a package once for all. Git says nothing to whoever does not own
# the checkout, such as root in CI, and nothing that is built here wants to know its commit. Nobody debugs these programs.
export GOFLAGS := $(GOFLAGS) -buildvcs=false -trimpath -gcflags=all=-dwarf=false
export CGO_ENABLED := 0

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What is expensive to build lies outside the checkout, so that the next checkout need not build it again.
export BERTH_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/berth
TOOLS := $(BERTH_CACHE)/bin
CLUSTER := $(CURDIR)/bin/cluster
# What `make run` builds beside a cluster: compiled with the cluster's programs, which tells how far that is.
WARM := --warm=$(CURDIR):./cmd/operator,./cmd/facade,./cmd/berthctl,./hack/sample,./hack/dev
# Root installs the Debian packages that are missing, unless INSTALL=no.
DOCTOR := $(CLUSTER) doctor$(if $(filter no,$(INSTALL)),, --install)
RUN := .run
BASE_DOMAIN := apps.localhost

# Only a KUBECONFIG on make's command line means an existing cluster: one in the environment is often there by chance.
ifeq ($(origin KUBECONFIG),command line)
EXISTING := --kubeconfig=$(KUBECONFIG) --registry=$(REGISTRY) --issuer=$(ISSUER) --ingress-class=$(INGRESS_CLASS) \
	--router-namespace=$(ROUTER_NAMESPACE) --router-network=$(ROUTER_NETWORK) --ingress-addr=$(INGRESS_ADDR)
endif

.PHONY: help
help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: cluster
cluster: # build the command that builds and runs the one-node Kubernetes
	@[ -x $(CLUSTER) ] || echo "compile hack/cluster, which builds the rest" >&2
	@go -C hack/cluster build -o $(CLUSTER) ./cmd/cluster

.PHONY: run
run: $(if $(EXISTING),,cluster) ## run Berth on this machine; with KUBECONFIG=…, in an existing cluster
ifdef EXISTING
	@go build -o $(RUN)/dev ./hack/dev
	@$(RUN)/dev check $(EXISTING)
	@$(MAKE) --no-print-directory cluster
else
	@$(DOCTOR)
	@$(CLUSTER) build $(WARM) >/dev/null
	@mkdir -p $(RUN) && ln -sfn "$$($(CLUSTER) assets)/kubectl" $(RUN)/kubectl
	@go build -o $(RUN)/dev ./hack/dev
endif
	@$(RUN)/dev up --dir=$(RUN) --cluster=$(CLUSTER) --base-domain=$(BASE_DOMAIN) $(EXISTING)

.PHONY: stop
stop: ## end what `make run` began; nothing is left
	@if [ -x $(RUN)/dev ]; then $(RUN)/dev down --dir=$(RUN) --cluster=$(CLUSTER); fi

.PHONY: test
test: test-unit test-fuzz chaos test-release test-cluster test-e2e ## test everything

.PHONY: test-unit
test-unit: cluster ## test the packages, against a real API server where one is needed
	@$(DOCTOR) gcc libc6-dev
	KUBEBUILDER_ASSETS="$$($(CLUSTER) assets)" CGO_ENABLED=1 go test -race $$(go list ./... | grep -v -e /hack/e2e -e '/hack/chaos$$' -e /hack/fuzz)
	go -C hack/alerts test ./...
	KUBEBUILDER_ASSETS="$$($(CLUSTER) assets)" go -C hack/chart test . ./generate/... ./existing/...
	go -C hack/bench test ./...
	go -C hack/tools test ./vulncheck

# Without -race, which would make of ten thousand requests a matter of minutes. They are the same each time, or a change would fail for what it
# hasn't changed.
.PHONY: test-fuzz
test-fuzz: cluster ## send the facade 10,000 requests made up from its contract, beside slow clients; SEED=0 for others than last time
	KUBEBUILDER_ASSETS="$$($(CLUSTER) assets)" go test -count=1 -timeout=10m -v ./hack/fuzz -args -seed=$(or $(SEED),1)

# How long each target is fuzzed, as -fuzztime takes it.
FUZZTIME := 10s

.PHONY: fuzz
fuzz: ## fuzz every target of `go test -fuzz`, each for FUZZTIME=10s
	@failed=; for folder in $$(grep -rl --include=*_test.go '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
		targets=$$(go test -list '^Fuzz' $$folder) || { echo "$$targets"; failed="$$failed $$folder"; continue; }; \
		for target in $$(echo "$$targets" | grep '^Fuzz'); do \
			echo "$$folder $$target"; \
			go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) $$folder || failed="$$failed $$target"; \
		done; \
	done; \
	if [ -n "$$failed" ]; then echo "These failed:$$failed. What broke a target is in testdata/fuzz beside it: keep it there as a seed."; exit 1; fi

.PHONY: slow-clients
slow-clients: cluster ## measure how others are served beside slow clients, into docs/performance/slow-clients.md
	@mkdir -p docs/performance
	KUBEBUILDER_ASSETS="$$($(CLUSTER) assets)" go test -run='^$$' -bench=SlowClients -benchtime=1x -timeout=10m ./hack/fuzz \
		-report=$(CURDIR)/docs/performance/slow-clients.md

.PHONY: test-release
test-release: ## test that two builds of a release are the same
	go -C hack/release test -count=1 -timeout=45m ./...

# Pods take a node, and a node takes root; without it the tests that remain still cover everything up to the API server.
ifeq ($(shell id -u),0)
.PHONY: test-cluster
test-cluster: cluster ## test the one-node Kubernetes itself
	@$(CLUSTER) build >/dev/null
	go -C hack/cluster/components/mailbox test -count=1 ./...
	go -C hack/cluster/components/netpol test -count=1 ./...
	cd hack/cluster && go test -count=1 ./cmd/cluster/... ./internal/... ./test/... # not ./..., which compiles Kubernetes once more

.PHONY: test-e2e
test-e2e: cluster ## test Berth as its users see it, with real Pods
	@$(DOCTOR) --flux chromium
	@$(CLUSTER) build --flux >/dev/null
	BERTH_CLUSTER=$(CLUSTER) go test -count=1 -timeout=20m -parallel=6 -v ./hack/e2e/... # the tests wait most of the time
	BERTH_CLUSTER=$(CLUSTER) go -C hack/chart test -count=1 -timeout=10m -v ./e2e/
else
.PHONY: test-cluster test-e2e
test-cluster test-e2e:
	@echo "$@ needs root for a node that runs Pods: left out"
endif

# A seed that was printed lets the same requests fail once more.
.PHONY: chaos
chaos: cluster ## kill, cut and confuse what runs; SEED=… as last time, LONG=1 for longer, REPORT=FILE for the table
	@$(DOCTOR)
	KUBEBUILDER_ASSETS="$$($(CLUSTER) assets)" go test -count=1 -timeout=60m -v ./hack/chaos -args -seed=$(or $(SEED),0) \
		$(if $(LONG),-long) $(if $(REPORT),-report=$(CURDIR)/$(REPORT))

.PHONY: bench
bench: cluster ## measure Berth beside a plain client of the API server, in half an hour; BENCH="--sizes=100 --duration=1s" for less
	@$(DOCTOR)
	KUBEBUILDER_ASSETS="$$($(CLUSTER) assets)" go -C hack/bench run . --root=$(CURDIR) --out=$(CURDIR)/docs/performance $(BENCH)

.PHONY: lint
lint: ## check the style, the API conventions and who may import whom
	@go -C hack/tools build -o $(TOOLS)/golangci-lint ./golangci-lint
	$(TOOLS)/golangci-lint run ./...
	cd hack/chart && $(TOOLS)/golangci-lint run ./...
	cd hack/release && $(TOOLS)/golangci-lint run ./...
	cd hack/alerts && $(TOOLS)/golangci-lint run ./...
	cd hack/bench && $(TOOLS)/golangci-lint run ./...
	cd hack/cluster && go vet ./cmd/cluster/... ./internal/...
	go -C hack/cluster/components/mailbox vet ./...
	go -C hack/cluster/components/netpol vet ./...
	go -C hack/cluster/components/dex vet ./...
	go -C hack/cluster/components/flux vet ./source

.PHONY: vulncheck
vulncheck: ## look for known vulnerabilities that what is released reaches; if the vulnerability database cannot be reached, say so and go on
	@go -C hack/tools build -o $(TOOLS)/vulncheck ./vulncheck
	$(TOOLS)/vulncheck ./cmd/...

.PHONY: generate
generate: ## write what is generated from the types, the markers and the contract
	go tool controller-gen object:headerFile=hack/boilerplate.go.txt applyconfiguration:headerFile=hack/boilerplate.go.txt \
		crd:maxDescLen=2000 paths=./api/... output:crd:dir=config/crd
	go tool controller-gen rbac:roleName=berth-operator,fileName=operator_role.yaml paths=./controllers/... output:rbac:dir=config/rbac
	go tool controller-gen rbac:roleName=berth-facade,fileName=facade_role.yaml paths=./facade/... output:rbac:dir=config/rbac
	go -C hack/chart run . generate --root=$(CURDIR)
	go run ./hack/docs

# The version and the time are what whoever releases says, not what Git or the clock does, so that anybody can build the same again.
SOURCE_DATE_EPOCH ?= 0

.PHONY: release
release: ## build what is released into dist/: VERSION=v1.2.3, PUSH=registry.example.com/berth to push the images, SIGNING_KEY=FILE to sign
	@rm -rf dist
	go -C hack/release run . --root=$(CURDIR) --out=$(CURDIR)/dist --version=$(VERSION) --revision=$(REVISION) --epoch=$(SOURCE_DATE_EPOCH) \
		--push=$(PUSH) --signing-key=$(abspath $(SIGNING_KEY))
