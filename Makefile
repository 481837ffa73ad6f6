.DEFAULT_GOAL := help
BACKEND := backend
include backend/recipes.mk

.PHONY: demo bench help

demo: setup  ## Set up, make sample data, backtest the example session, show the result
	@$(RUN) demo

bench: setup  ## Measure the engine against its peers: make bench ARGS=--json
	@$(BIN)/python benchmarks/run.py $(ARGS)

help:  ## Show these lines
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14
