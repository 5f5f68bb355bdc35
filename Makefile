# What one types here. `make test` is the promise of the README: it installs
# what the tests need where it may, and says what is missing where it may not.

GO        ?= go
BIN       ?= caddy
LINT      := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME  ?= 30s
BENCHTIME ?= 1s
# The least that authcore's tests must cover, in percent.
COVERAGE  := 90
# The most that one package may take: a slow machine is no failure.
TIMEOUT   ?= 40m

.PHONY: build test tools race cover lint vulns fuzz mutants oracles faults bench screenshots clean

build: ## the server with the gate in it
	$(GO) build -o $(BIN) ./xcaddy

tools: ## what the browser tests need: Debian's chromium, and axe-core
	./.ci/tools

test: tools race cover ## everything that must be green

race:
	$(GO) vet ./...
	$(GO) test -race -shuffle=on -timeout $(TIMEOUT) ./...
	$(GO) test ./.ci/bench

cover:
	$(GO) test -coverprofile=coverage.authcore ./authcore
	@$(GO) tool cover -func=coverage.authcore | awk -v least=$(COVERAGE) \
		'$$1 == "total:" { print "authcore: " $$3 " of the statements are covered, at least " least "% are wanted"; exit ($$3 + 0 < least) }'

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) mod tidy -diff
	$(GO) run $(LINT) run

vulns: ## known holes in what we call: asks the Go vulnerability database
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

mutants: ## mistakes that gates of this kind have had, planted one at a time: a test must find each
	$(GO) run ./.ci/mutants

fuzz: ## every fuzz target in turn, FUZZTIME each
	@for f in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
		for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$f); do \
			echo "$$t ($$(dirname $$f))"; \
			$(GO) test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x ./$$(dirname $$f) || exit 1; \
		done; \
	done

oracles: ## the arithmetic against stoken, oathtool and pskc-utils, on random keys and files
	@command -v stoken oathtool csv2pskc >/dev/null || apt-get install -y -qq stoken oathtool pskc-utils
	$(GO) test -count=1 -tags oracles -run Against ./authcore/otp ./authcore/keyfile

# What make faults plays against the server. Those that this machine cannot play
# say NOT PLAYED, and are told again at the end.
FAULTS := TestKilled|TestKillWhile|TestDamagedStore|TestFullDisk|TestPowerCut|TestStoppedAndGoingOn|TestClockSteps|TestAHundredReloads|TestFailedReloads|TestNothingIsLeftBehind|TestOnePasscodeAThousandTimes|TestADoubleClick|TestOneCodeTwoGates|TestOutagesOfEtcd|TestStalledWatch|TestCutOff|TestRollingRestart|TestGuardedEtcd|TestBackupOfEtcd

faults: ## kills, power cuts, full and damaged disks, reloads, clocks, outages of etcd: an hour, best as root
	@rm -f faults.out; \
	{ SESAME_FAULTS=all $(GO) test -count=1 -v -timeout 2h -run '$(FAULTS)' ./caddymodule/e2e 2>&1 || echo FAILED; \
	  $(GO) test -count=1 -v -timeout 2h -run '^TestARandomLife$$' ./authcore -rapid.checks 34000 -rapid.steps 30 2>&1 || echo FAILED; \
	  $(GO) test -count=1 -v -timeout 2h -run '^TestRandomLivesOverHTTP$$' ./caddymodule -rapid.checks 200 -rapid.steps 40 2>&1 || echo FAILED; } | grep --line-buffered -v '^{' | tee faults.out; \
	echo; grep -A1 'NOT PLAYED' faults.out && echo "make faults: what stands above could NOT be played on this machine" || echo "make faults: this machine could play everything"; \
	! grep -q '^FAILED$$' faults.out

bench: ## how fast: each part by itself, then against something else in one run, compared with docs/performance.md
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	$(GO) run ./.ci/bench

screenshots: tools ## every page as a picture, at 1280 and 320 px, into screenshots/
	SESAME_SCREENSHOTS=$(CURDIR)/screenshots $(GO) test -count=1 ./ui/browser

clean:
	rm -rf $(BIN) coverage.* faults.out screenshots
