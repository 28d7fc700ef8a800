# evutils: `make` leaves the tools in build/bin; `make check` runs the tests. See CONTRIBUTING.md.

VERSION = 0.1.0
PREFIX  = /usr/local
DESTDIR =
B       = build
CC      = gcc
OPT     = -O2
# Optimising over files is worth 5 to 10% and 15 s of building; unit tests link the same objects without it.
LTO     = $(if $(findstring clang,$(CC)),,-flto=auto -ffat-lto-objects)
AR      = $(if $(findstring clang,$(CC)),ar,gcc-ar)
WARN    = -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
          -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Werror
CFLAGS  = $(OPT) -g
EV_CFLAGS = -std=c11 -D_GNU_SOURCE -DEV_VERSION='"$(VERSION)"' -Ilib $(WARN) $(CFLAGS)
LDLIBS  = -lcsv -lz -ljansson -lpthread

# The rooms, lowest last: a room may include what stands to its right (tests/lint-arrows checks it).
ROOMS = cli source sink state op wire expr json base
TOOLS = evcat evdedupe evwindow evsink

room_objs = $(patsubst %.c,$B/%.o,$(wildcard lib/$1/*.c))
archives  = $(foreach r,$1,$B/lib$r.a)
OBJS      = $(foreach r,$(ROOMS),$(call room_objs,$r)) $(TOOLS:%=$B/cmd/%.o)

all: $(TOOLS:%=$B/bin/%)

# `make V=1` shows the commands.
Q = $(if $V,,@)

$B/%.o: %.c
	@mkdir -p $(@D)
	$(if $V,,@echo "cc  $<")
	$Q$(CC) $(EV_CFLAGS) $(LTO) $(EXTRA_$(*F)) -MMD -MP -c -o $@ $<

# The one file that may use AVX2; scan.c asks the processor before it calls it.
EXTRA_scan_avx2 = -mavx2 -mbmi -mbmi2

define room_rule
$B/lib$1.a: $(call room_objs,$1)
	@rm -f $$@
	@$$(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$r)))

$B/bin/%: $B/cmd/%.o $(call archives,$(ROOMS))
	@mkdir -p $(@D)
	$(if $V,,@echo "ld  $@")
	$Q$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) -o $@ $< -Wl,--start-group $(call archives,$(ROOMS)) -Wl,--end-group $(LDLIBS)

# A unit test lies in the folder of its room and links that room and those below it, no others.
below_base   = base
below_json   = json base
below_expr   = expr $(below_json)
below_wire   = wire $(below_expr)
below_op     = op $(below_expr)
below_state  = state base
below_sink   = sink state $(below_wire)
below_source = source op $(below_wire)
below_cli    = $(ROOMS)
UNITS = $(patsubst tests/%.c,$B/%,$(wildcard tests/unit/*/*.c))

define unit_rule
$B/unit/$1/%: tests/unit/$1/%.c $(call archives,$(below_$1))
	@mkdir -p $$(@D)
	$(if $V,,@echo "cc  $$<")
	$Q$$(CC) $$(EV_CFLAGS) $(if $(LTO),-fno-lto) -Itests/unit $$(LDFLAGS) -MMD -MP -o $$@ $$< \
	    -Wl,--start-group $(call archives,$(below_$1)) -Wl,--end-group $$(LDLIBS)
endef
$(foreach r,$(ROOMS),$(eval $(call unit_rule,$r)))

units: $(UNITS)
	@tests/run-units $(UNITS)

# ---- tests ----

check: all units gen
	B=$(abspath $B) tests/run
	B=$(abspath $B) tests/docs
	B=$(abspath $B) tests/laws/run $(LAWS)

# The same tests under the sanitizers; of the laws those that are about our code more than the oracle's speed.
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
check-asan:
	UBSAN_OPTIONS=print_stacktrace=1 $(MAKE) B=$B/asan LTO= CFLAGS='-O1 -g $(SANITIZE)' LDFLAGS='$(SANITIZE)' \
	    LAWS='random cutting passes shuffling portable over_windows corrected epochs_do kills_do' check

# Killed, refused, damaged, copied: pipelines with checkpoints come out right. FAULTS=long takes long.
check-faults: all gen faults
	B=$(abspath $B) tests/faults/run
faults: $B/faults/shim.so $B/faults/toy
$B/faults/shim.so: tests/faults/shim.c
	@mkdir -p $(@D)
	$Q$(CC) $(EV_CFLAGS) -fPIC -shared -fvisibility=hidden -o $@ $<
$B/faults/toy: tests/faults/toy.c
	@mkdir -p $(@D)
	$Q$(CC) $(EV_CFLAGS) $(LDFLAGS) -o $@ $<

# FUZZ_SECONDS for each target; needs clang.
FUZZ_SECONDS = 60
FUZZERS = $(patsubst tests/fuzz/%.c,$B/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_CHECKS = address,undefined -fno-sanitize-recover=all
fuzz:
	$(MAKE) B=$B/fuzzing CC=clang LTO= CFLAGS='-O2 -g -fsanitize=fuzzer-no-link,$(FUZZ_CHECKS)' fuzzers
	tests/fuzz/run $(FUZZ_SECONDS) $(FUZZERS:$B/%=$B/fuzzing/%)
fuzzers: $(FUZZERS)
$B/fuzz/%: tests/fuzz/%.c $(call archives,$(ROOMS))
	@mkdir -p $(@D)
	$Q$(CC) $(EV_CFLAGS) -fsanitize=fuzzer,$(FUZZ_CHECKS) -MMD -MP -o $@ $< \
	    -Wl,--start-group $(call archives,$(ROOMS)) -Wl,--end-group $(LDLIBS)

# The protocol of section 5, explored: 70 s of CPU, 600 MB.
MODEL = $(wildcard tests/model/*.c)
model: $B/model
	$B/model
$B/model: $(MODEL) $(wildcard tests/model/*.h)
	@mkdir -p $(@D)
	$Q$(CC) $(EV_CFLAGS) -o $@ $(MODEL)

lint:
	tests/lint-arrows
	clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	mandoc -Tlint -Wwarning man/*.[157]
	shellcheck -S warning $$(git ls-files tests .ci | xargs grep -lE '^#!/bin/(ba)?sh|^#!/usr/bin/env bash')
	cppcheck -q --std=c11 --error-exitcode=1 --enable=warning,portability --inline-suppr \
	    --suppress=missingIncludeSystem --suppress=ctuuninitvar --suppress=uninitvar -D_GNU_SOURCE -DEV_VERSION='""' -Ilib lib cmd

# ---- demo, installing ----

demo: all gen
	@B=$(abspath $B) tests/gen/demo

# What `make` and `make check` need, from the distribution.
DEPS = gcc libc6-dev tzdata libcsv-dev libjansson-dev zlib1g-dev libxxhash-dev
SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)
deps:
	@if ! command -v apt-get >/dev/null; then \
	    echo "Install a C compiler and the development files of libcsv, jansson, zlib and xxhash"; \
	elif ! dpkg -s $(DEPS) >/dev/null 2>&1; then \
	    $(SUDO) apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(DEPS); fi

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man7 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 755 $(TOOLS:%=$B/bin/%) $(DESTDIR)$(PREFIX)/bin
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 man/*.7 $(DESTDIR)$(PREFIX)/share/man/man7
	for t in $(TOOLS); do \
	    install -m 644 completions/$$t.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$t && \
	    install -m 644 completions/_$$t $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$t && \
	    install -m 644 completions/$$t.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$t.fish || exit 1; done

completions: all
	for t in $(TOOLS); do $B/bin/$$t --completion bash > completions/$$t.bash && \
	    $B/bin/$$t --completion zsh > completions/_$$t && \
	    $B/bin/$$t --completion fish > completions/$$t.fish || exit 1; done

dist:
	git archive --prefix=evutils-$(VERSION)/ -o evutils-$(VERSION).tar.gz HEAD

clean:
	rm -rf $B

.PHONY: all units check check-asan check-faults faults fuzz fuzzers lint model demo deps install completions dist clean
.SECONDARY:
-include $(OBJS:.o=.d) $(UNITS:=.d)

# ---- the generator of order events, and the benchmarks ----

gen: $B/gen
$B/gen: tests/gen/gen.c
	@mkdir -p $(@D)
	$(CC) $(EV_CFLAGS) $(LDFLAGS) -o $@ $<

# What speed is measured against; CI sets CI, and then none may be absent.
DUCKDB = 2.0.0
bench: all gen $(if $(CI)$(EV_BENCH_ALL),bench-deps)
	tests/bench/run --build $B

bench-deps:
	@command -v rg >/dev/null && command -v jq >/dev/null && command -v mawk >/dev/null || \
	    apt-get install -y --no-install-recommends ripgrep jq mawk
	@test -d $B/bench-peers/duckdb-$(DUCKDB).dist-info || \
	    python3 -m pip install --quiet --target $B/bench-peers duckdb==$(DUCKDB)

# evwindow against an independent computation, which is checked first.
oracle: all gen
	tests/oracle/check

# 20 GB through a pipe: memory must not grow with them.
stream: all gen
	tests/bench/stream --build $B

# How long an event takes through four stages, and an epoch from its trigger to the file.
latency: all gen
	tests/bench/latency --build $B

# What a snapshot of 1 GB costs where 1% has changed.
state: $B/state
	$B/state
$B/state: tests/bench/state.c $(call archives,$(below_state))
	$Q$(CC) $(EV_CFLAGS) $(if $(LTO),-fno-lto) $(LDFLAGS) -o $@ $< \
	    -Wl,--start-group $(call archives,$(below_state)) -Wl,--end-group $(LDLIBS)

.PHONY: gen bench bench-deps stream latency state oracle
