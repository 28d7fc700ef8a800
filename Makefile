# evutils: `make` leaves the tools in build/bin; `make check` runs the tests. See CONTRIBUTING.md.

VERSION = 0.1.0
PREFIX  = /usr/local
DESTDIR =
B       = build
CC      = gcc
OPT     = -O2
WARN    = -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
          -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Werror
CFLAGS  = $(OPT) -g
EV_CFLAGS = -std=c11 -D_GNU_SOURCE -DEV_VERSION='"$(VERSION)"' -Ilib $(WARN) $(CFLAGS)
LDLIBS  = -ljansson -lcsv -lz

# The rooms, lowest last: a room may include what stands to its right (tests/lint-arrows checks it).
ROOMS = cli source sink op wire expr json base
TOOLS = evcat evwindow evsink

room_objs = $(patsubst %.c,$B/%.o,$(wildcard lib/$1/*.c))
archives  = $(foreach r,$1,$B/lib$r.a)
OBJS      = $(foreach r,$(ROOMS),$(call room_objs,$r)) $(TOOLS:%=$B/cmd/%.o)

all: $(TOOLS:%=$B/bin/%)

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(EV_CFLAGS) $(EXTRA_$(*F)) -MMD -MP -c -o $@ $<

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
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(call archives,$(ROOMS)) -Wl,--end-group $(LDLIBS)

# A unit test lies in the folder of its room and links that room and those below it, no others.
below_base   = base
below_json   = json base
below_expr   = expr $(below_json)
below_wire   = wire $(below_expr)
below_op     = op $(below_expr)
below_sink   = sink $(below_wire)
below_source = source $(below_wire)
below_cli    = $(ROOMS)
UNITS = $(patsubst tests/%.c,$B/%,$(wildcard tests/unit/*/*.c))

define unit_rule
$B/unit/$1/%: tests/unit/$1/%.c $(call archives,$(below_$1))
	@mkdir -p $$(@D)
	$$(CC) $$(EV_CFLAGS) -Itests/unit $$(LDFLAGS) -MMD -MP -o $$@ $$< \
	    -Wl,--start-group $(call archives,$(below_$1)) -Wl,--end-group $$(LDLIBS)
endef
$(foreach r,$(ROOMS),$(eval $(call unit_rule,$r)))

units: $(UNITS)
	@tests/run-units $(UNITS)

clean:
	rm -rf build

.PHONY: all units clean
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

.PHONY: gen bench bench-deps
