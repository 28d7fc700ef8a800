/* evwindow - group events by windows of event time and by keys; evwindow(1). */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/stage.h"
#include "op/row.h"
#include "state/members.h"

static struct {
    const char *every, *slide, *offset, *mode, *late, *generation;
    struct texts by;
    int64_t allowed_lateness;
    bool has_allowed_lateness, versioned, correction;
} o;

static const struct option options[] = {
    {"every", .kind = OPTION_TEXT, .arg = "D", .help = "length of a window: 15m, 1h, 1d, 1w, 1mo",
        .to = &o.every},
    {"slide", .kind = OPTION_TEXT, .arg = "D",
        .help = "a new window each D (hopping); divides --every", .to = &o.slide},
    {"offset", .kind = OPTION_TEXT, .arg = "D", .help = "shift the windows' bounds",
        .to = &o.offset},
    {"by", .kind = OPTION_LIST, .arg = "A,B", .help = "group columns: fields, or name=EXPR",
        .to = &o.by},
    {"allowed-lateness", .kind = OPTION_DURATION, .arg = "D",
        .help = "correct windows this long after their end", .to = &o.allowed_lateness,
        .given = &o.has_allowed_lateness},
    {"late", .kind = OPTION_TEXT, .arg = "DEST", .help = "where late events go", .to = &o.late,
        .hint = HINT_FILE},
    {"mode", .kind = OPTION_TEXT, .arg = "M", .help = "append: a row when its window is over",
        .to = &o.mode, .hint = HINT_WORDS, .words = "append"},
    {"versioned", .kind = OPTION_FLAG, .help = "rows carry version, final, is_correction",
        .to = &o.versioned},
    {"generation", .kind = OPTION_TEXT, .arg = "N|now",
        .help = "rows win over those of lower generations", .to = &o.generation},
    {"correction", .kind = OPTION_FLAG, .help = "mark all rows as corrections",
        .to = &o.correction},
    STAGE_WIRE_OPTION,
    STAGE_INPUT_OPTION,
};

static struct option_group groups[6];
static const struct tool tool = {
    .name = "evwindow",
    .summary = "group events by windows of event time and by keys",
    .synopsis = "--every D [options] [AGG ...]",
    .example = "evwindow -i orders.ndjson --time event_ts --every 15m --by city_id n=count",
    .groups = groups,
    .n_groups = 6,
};

static struct stage st = {.needs_time = true,
    .writes_out = true,
    .operands_are_query = true,
    .books = {.result = "windowed", .makes_rows = true}};
static struct query query;
static struct window_spec spec;
static struct windows *windows;
static struct aggregates *aggregates;
static struct row_format format;
/* Of the event at hand. */
static struct buf key;
static struct aggregate_input *inputs;

/* ---- the command line ---- */

/* A day by the second, and some. */
enum { MAX_SLIDES = 100000 };

static void parse_windows(void) {
    struct err e;
    if (!o.every) stage_usage(&st, "how long is a window? --every D, like --every 15m");
    stage_must(&st, period_parse(slice_of(o.every), &spec.size, &e) || err_at(&e, "--every"), &e);
    spec.slide = spec.size;
    if (o.slide)
        stage_must(
            &st, period_parse(slice_of(o.slide), &spec.slide, &e) || err_at(&e, "--slide"), &e);
    int64_t slides = period_ratio(&spec.size, &spec.slide, st.zone != NULL);
    if (!slides) {
        err_set(&e, EXIT_USAGE, "--slide %s does not divide --every %s%s", o.slide, o.every,
            spec.size.unit == spec.slide.unit
                ? ""
                : "; days, weeks and months of the calendar differ in length, 24h does not");
        stage_fail(&st, &e);
    }
    if (slides > MAX_SLIDES) {
        err_set(&e, EXIT_USAGE,
            "--every %s --slide %s puts each event into %" PRIi64 " windows; at most %d are served",
            o.every, o.slide, slides, MAX_SLIDES);
        stage_fail(&st, &e);
    }
    if (o.offset)
        stage_must(&st,
            duration_parse(slice_of(o.offset), true, &spec.offset, &e) || err_at(&e, "--offset"),
            &e);
    spec.zone = st.zone;
    spec.allowed_lateness = o.allowed_lateness;
    spec.corrections = o.has_allowed_lateness;
}

/* What comes in from another tool may have watermarks of its own. */
static void check_watermarks(void) {
    if (stage_has_watermarks(&st)) return;
    if (o.has_allowed_lateness)
        stage_usage(&st,
            "--allowed-lateness needs --lateness: without a watermark no window comes out before "
            "the end");
    if (o.late) stage_usage(&st, "--late needs --lateness: without a watermark no event is late");
}

static void parse_aggregate(const char *text) {
    struct err e;
    if (query_add_aggregate(&query, slice_of(text), st.scanner, st.zone, &e)) return;
    if (access(text, F_OK) == 0)
        err_set(&e, EXIT_USAGE,
            "%s is a file, not an aggregate: read it with -i, and quote aggregates (the shell "
            "expands globs)",
            QUOTED(slice_of(text)));
    stage_fail(&st, &e);
}

static void parse_query(void) {
    static const char *const reserved[] = {
        CONTROL_FIELD, "window_start", "window_end", "version", "final", "is_correction"};
    struct err e;
    for (size_t i = 0; i < o.by.n; i++)
        stage_must(&st, query_add_by(&query, slice_of(o.by.items[i]), st.scanner, st.zone, &e), &e);
    for (size_t i = 0; i < st.operands.n; i++) parse_aggregate(st.operands.items[i]);
    if (!st.operands.n) parse_aggregate("count");
    stage_must(&st, query_check_names(&query, reserved, format.versioned ? 6 : 3, &e), &e);
    for (size_t i = 0; i < query.n_by; i++) stage_want(&st, query.by[i].value, "--by");
    for (size_t i = 0; i < query.n_aggs; i++) {
        stage_want(&st, query.aggs[i].value, query.aggs[i].name);
        stage_want(&st, query.aggs[i].condition, query.aggs[i].name);
    }
}

static int64_t generation; /* that of --generation; a pipeline that was reset adds its own */

/* Seconds since 2025, so that what runs later wins over what ran before. */
static int64_t generation_now(void) { return time(NULL) - INT64_C(1735689600); }

static void parse_versions(void) {
    struct err e;
    format.versioned = o.versioned || o.has_allowed_lateness || o.generation || o.correction;
    format.all_corrections = o.correction;
    if (!o.generation) return;
    char *end;
    generation =
        strcmp(o.generation, "now") == 0 ? generation_now() : strtoll(o.generation, &end, 10);
    bool number = *o.generation >= '0' && *o.generation <= '9' && !*end;
    if ((number || strcmp(o.generation, "now") == 0) && generation <= ROW_MAX_GENERATION) {
        format.generation = generation;
        return;
    }
    err_set(&e, EXIT_USAGE, "--generation: not a number below 2^40 or \"now\": %s",
        QUOTED(slice_of(o.generation)));
    stage_fail(&st, &e);
}

/* Event times in [first, last] are in no window that reaches beyond the years that can be written. */
static int64_t first_inside, last_inside;

static void find_inside(void) {
    static const int64_t longest[] = {[PERIOD_FIXED] = 1,
        [PERIOD_DAYS] = DAY_US,
        [PERIOD_WEEKS] = 7 * DAY_US,
        [PERIOD_MONTHS] = 31 * DAY_US};
    int64_t size = spec.size.count * longest[spec.size.unit];
    first_inside = TIME_MIN + size;
    last_inside = TIME_MAX - size;
}

static void prepare(void) {
    enum aggregate_kind *kinds = mem_zero(query.n_aggs, sizeof *kinds);
    for (size_t i = 0; i < query.n_aggs; i++) kinds[i] = query.aggs[i].kind;
    aggregates = aggregates_new(kinds, query.n_aggs);
    inputs = mem_zero(query.n_aggs, sizeof *inputs);
    windows = windows_new(&spec, aggregates, hash_seed());
    find_inside();
    format.query = &query;
    format.aggregates = aggregates;
    row_format_init(&format);
    free(kinds);
}

/* ---- one event ---- */

/* Why the event at hand is bad input: of one field, or -1. */
static struct {
    const char *code;
    int field;
} bad;

static bool is_bad(const char *code, int field) {
    bad.code = code;
    bad.field = field;
    return false;
}

static bool bad_value(const char *column, const struct expr *x, struct err *e) {
    err_at(e, "%s", column);
    return is_bad("bad_value", x ? expr_field(x) : -1);
}

static void reject(const struct event *ev, struct err *e) {
    bool one = bad.field >= 0;
    stage_reject(&st, ev, bad.code, one ? st.wanted[bad.field].path : NULL,
        one ? &ev->fields[bad.field] : NULL, e);
}

/* The value of x; a comparison of different types has no place in a result. */
static bool evaluate(struct expr *x, const struct event *ev, struct value *v, struct err *e) {
    int field = expr_field(x);
    if (field >= 0) return value_of_field(&ev->fields[field], &st.scratch, v, e);
    struct expr_result r;
    if (!expr_eval(x, &(struct expr_input){ev->fields, ev->time}, &r, e)) return false;
    *v = r.value;
    return !r.mismatch || err_set(e, EXIT_BAD_DATA, "values of different types in %.*s",
                              (int)expr_text(x).n, expr_text(x).p);
}

static bool make_key(const struct event *ev, struct err *e) {
    key.n = 0;
    for (size_t i = 0; i < query.n_by; i++) {
        struct expr *x = query.by[i].value;
        int field = expr_field(x);
        struct value v;
        bool ok = field >= 0 ? key_add_field(&key, &ev->fields[field], &st.scratch, e)
                             : evaluate(x, ev, &v, e) && key_add(&key, &v, e);
        if (!ok) return bad_value(query.by[i].name, x, e);
    }
    return true;
}

/* A count looks at no value: the text of a string, which may be none, is not needed. */
static bool counts_string(const struct event *ev, const struct aggregate_column *c) {
    int field = c->kind == AGG_COUNT ? expr_field(c->value) : -1;
    return field >= 0 && ev->fields[field].kind == JSON_STRING;
}

static bool make_input(
    const struct event *ev, struct aggregate_column *c, struct aggregate_input *in, struct err *e) {
    struct value yes;
    in->skip = false;
    if (c->condition) {
        if (!evaluate(c->condition, ev, &yes, e)) return bad_value(c->name, c->condition, e);
        if (yes.kind > VALUE_TRUE) {
            err_set(e, EXIT_BAD_DATA, "the condition is neither true nor false");
            return bad_value(c->name, c->condition, e);
        }
        in->skip = yes.kind != VALUE_TRUE;
    }
    if (in->skip || !c->value || counts_string(ev, c)) return true;
    if (!evaluate(c->value, ev, &in->value, e)) return bad_value(c->name, c->value, e);
    in->skip = in->value.kind == VALUE_NULL;
    return true;
}

static bool make_inputs(const struct event *ev, struct err *e) {
    size_t which;
    for (size_t i = 0; i < query.n_aggs; i++)
        if (!make_input(ev, &query.aggs[i], &inputs[i], e)) return false;
    if (aggregates_check(aggregates, inputs, &which, e)) return true;
    return bad_value(query.aggs[which].name, query.aggs[which].value, e);
}

static bool is_inside(const struct event *ev, struct err *e) {
    if (__builtin_expect(ev->time >= first_inside && ev->time <= last_inside, 1)) return true;
    int64_t slides = period_ratio(&spec.size, &spec.slide, st.zone != NULL);
    int64_t slice = period_floor(&spec.slide, st.zone, spec.offset, ev->time);
    int64_t first = period_step(&spec.slide, st.zone, spec.offset, slice, 1 - slides);
    int64_t end = period_step(&spec.slide, st.zone, spec.offset, slice, slides);
    if (first >= TIME_MIN - DAY_US && end <= TIME_MAX + DAY_US) return true;
    err_set(e, EXIT_BAD_DATA, "a window of it reaches beyond the years 1 to 9999");
    return is_bad("bad_time", st.time_field);
}

/* Makes the key and the inputs of the aggregates. False: the event is bad input. */
static inline bool take(const struct event *ev, struct err *e) {
    /* Values of several columns lie in scratch at once: it must not move between them. */
    st.scratch.n = 0;
    buf_reserve(&st.scratch, ev->text.n * (query.n_aggs + 1));
    return is_inside(ev, e) && make_inputs(ev, e) && make_key(ev, e);
}

static bool takes(struct stage *s, const struct event *ev, struct err *e) {
    (void)s;
    return take(ev, e);
}

/* The watermark of the rows: what was held when the last of those before them had been taken. */
static int64_t held = TIME_NONE;

static void emit(int64_t watermark) {
    struct window_row row;
    struct err e;
    while (windows_row(windows, watermark, &row)) {
        struct buf *out = out_begin(&st.out, row.end - 1, held);
        bool ok = row_write(&format, &row, out, &e) && out_end(&st.out, &e);
        stage_must(&st, ok, &e);
        st.books.rows++;
    }
    held = windows_hold(windows, watermark);
}

static int64_t holds(struct stage *s, int64_t watermark) {
    (void)s;
    return windows_hold(windows, watermark);
}

/* As the next stage finds it in a row. */
static struct control_time time_of_rows(void) {
    return (struct control_time){.field = mem_str(slice_of("window_end")), .minus = 1};
}

static void emit_due(struct stage *s) {
    int64_t watermark = stage_reached(s);
    if (windows_due(windows, watermark)) emit(watermark);
}

static void add(const struct event *ev) {
    if (windows_due(windows, ev->watermark)) emit(ev->watermark);
    struct window_place place =
        windows_add(windows, ev->time, ev->watermark, buf_slice(&key), inputs, ev->text);
    st.books.missed += (uint64_t)place.missed;
    if (place.fate == WINDOW_IN) st.books.results++;
    else stage_late(&st, ev, place.window_start, ev->watermark - ev->time);
}

/* ---- from run to run ---- */

static const enum state_kind tables[WINDOW_TABLES] = {STATE_MAP, STATE_MAP};

static bool load(struct stage *s, const struct state_entry *entry, struct err *e) {
    (void)s;
    struct window_entry in = {
        (enum window_table)entry->table, entry->time, entry->key, entry->value};
    return windows_load(windows, &in) || err_set(e, EXIT_CONFIG, "holds what is no group");
}

/* `now` is that of the first run. */
static void resume(const struct json_t *saved) {
    int64_t passed[] = {members_number(saved, "on_time"), members_number(saved, "final")};
    windows_resume(windows, passed);
    held = members_number(saved, "held");
    generation = members_number(saved, "generation");
}

static bool restore(struct stage *s, const struct json_t *saved, struct err *e) {
    windows_track(windows);
    if (saved) resume(saved);
    format.generation = generation + stage_generation(s);
    return format.generation <= ROW_MAX_GENERATION ||
           err_set(e, EXIT_CONFIG, "--generation is too large for a pipeline that was reset");
}

struct putting {
    struct state *state;
    struct err *e;
};

static bool put(void *ctx, const struct window_entry *entry) {
    struct putting *to = ctx;
    struct state_entry out = {entry->table, entry->time, entry->key, entry->value};
    return state_put(to->state, &out, to->e);
}

static bool save(struct stage *s, struct state *state, struct json_t **saved, struct err *e) {
    int64_t passed[2];
    (void)s;
    windows_passed(windows, passed);
    *saved = members_new();
    members_set_number(*saved, "on_time", passed[0]);
    members_set_number(*saved, "final", passed[1]);
    members_set_number(*saved, "held", held);
    members_set_number(*saved, "generation", generation);
    for (unsigned t = 0; t < WINDOW_TABLES; t++)
        state_forget(state, t, windows_forgotten(windows, (enum window_table)t));
    return windows_save(windows, put, &(struct putting){state, e});
}

static const struct stage_keeps keeps = {tables, WINDOW_TABLES, load, restore, save};

static size_t remembers(struct stage *s) {
    (void)s;
    return windows_bytes(windows);
}

static void left_open(struct stage *s, struct buf *out) {
    size_t n = windows_open(windows);
    (void)s;
    if (n) buf_printf(out, "%zu %s still open", n, n == 1 ? "window is" : "windows are");
}

/* ---- what it says ---- */

static void hint(struct stage *s, struct buf *out) {
    int64_t watermark = inputs_watermark(s->inputs), end = windows_first_end(windows);
    const char *current = inputs_current(s->inputs);
    if (watermark == TIME_NONE) {
        buf_adds(out, "without --lateness windows come out at the end of the input");
        return;
    }
    buf_adds(out, "watermark ");
    if (watermark > TIME_MIN) buf_add_time(out, watermark);
    else buf_adds(out, "none yet");
    if (end != TIME_END) buf_adds(out, ", first window ends "), buf_add_time(out, end);
    if (current) buf_printf(out, ", reading %s", current);
}

static void explain(void) {
    struct buf text = {0};
    stage_explain(&st);
    buf_printf(&text, "windows: %s of ", o.slide ? "hopping" : "tumbling");
    buf_add_period(&text, &spec.size);
    if (o.slide) buf_adds(&text, " every "), buf_add_period(&text, &spec.slide);
    if (o.has_allowed_lateness)
        buf_adds(&text, "\ncorrections: for "), buf_add_duration(&text, o.allowed_lateness);
    if (st.o.has_lateness) buf_printf(&text, "\nlate events: %s", o.late ? o.late : "counted");
    else if (o.late || o.has_allowed_lateness)
        buf_adds(&text, "\nwatermarks: those of the stream that comes in; without any it is 64");
    buf_adds(&text, "\ngroup by:");
    for (size_t i = 0; i < query.n_by; i++)
        buf_printf(&text, "%s %s", i ? "," : "", query.by[i].name);
    buf_printf(&text, "%s\naggregates:", query.n_by ? "" : " nothing");
    for (size_t i = 0; i < query.n_aggs; i++)
        buf_printf(&text, "%s %s", i ? "," : "", query.aggs[i].name);
    buf_printf(&text, "\nrows: append, ordered by window_end, window_start, group columns%s\n",
        format.versioned ? "; with version, final, is_correction" : "");
    buf_adds(&text, "hold: the watermark is passed on ");
    if (o.allowed_lateness) buf_adds(&text, "minus "), buf_add_duration(&text, o.allowed_lateness);
    else buf_adds(&text, "as the end of the first open window minus 1 us");
    buf_addc(&text, '\n');
    fwrite(text.p, 1, text.n, stdout);
    buf_free(&text);
}

int main(int argc, char **argv) {
    memcpy(groups,
        (struct option_group[]){{"windows", options, sizeof options / sizeof *options},
            stage_time_group, stage_event_group, stage_input_group, stage_checkpoint_group,
            stage_common_group},
        sizeof groups);
    stage_start(&st, &tool, argc, argv);
    parse_windows();
    parse_versions();
    parse_query();
    if (st.o.explain) return explain(), stage_explained(&st);
    prepare();
    st.aside_dest[ASIDE_LATE] = o.late;
    st.takes = takes;
    st.batch = emit_due;
    st.hint = hint;
    st.keeps = &keeps;
    st.left_open = left_open;
    st.remembers = remembers;
    st.holds = holds;
    st.time_of_rows = time_of_rows;
    stage_open(&st, st.o.input);
    check_watermarks();

    struct event ev;
    struct err e;
    while (stage_next(&st, &ev)) {
        if (take(&ev, &e)) add(&ev);
        else reject(&ev, &e);
    }
    stage_check(&st);
    emit(TIME_END);
    return stage_end(&st);
}
