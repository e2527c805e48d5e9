# Every habit has one entry. The work is done by packaging/scripts/*.sh, which CI calls too.
#
# One build cache outside the clone serves development, tests and CI, so a fresh clone does not compile
# 400 crates again. A CARGO_TARGET_DIR that is already set is respected.

SHELL := /bin/bash
.DEFAULT_GOAL := help
SCRIPTS := packaging/scripts

export CASPERVPN_CACHE ?= $(HOME)/.cache/caspervpn
export CARGO_TARGET_DIR ?= $(CASPERVPN_CACHE)/target

.PHONY: help setup run test test-vm check bench package web clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install everything that building, testing and checking need (quick when nothing is missing)
	@$(SCRIPTS)/setup.sh all

run: ## Set up, build and start the appliance with its data in ./var (PROFILE=release for speed)
	@$(SCRIPTS)/run.sh

test: ## Set up and run every test (FILTER='-E test(name)' is passed on to nextest)
	@$(SCRIPTS)/test.sh

test-vm: ## Build the package and prove it in a virtual machine with systemd and the kernel's WireGuard (needs root once)
	@$(SCRIPTS)/vm.sh

check: ## Set up and run what must stay clean: format, lints, layers, licences, advisories, scripts, web
	@$(SCRIPTS)/check.sh

bench: ## Measure, side by side with what we compare ourselves to
	@$(SCRIPTS)/bench.sh

package: ## Make the static binary, the tarball and the Debian package in ./dist
	@$(SCRIPTS)/package.sh

web: ## Build the web pages into web/dist
	@$(SCRIPTS)/web.sh build

clean: ## Remove what was built inside the clone; the build cache and ./var stay
	@rm -rf dist web/dist web/node_modules
