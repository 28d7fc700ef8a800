#include "cli/describe.h"

#include <inttypes.h>
#include <stdlib.h>

#include "json/value.h"

enum { FIELDS_MAX = 1000, KINDS = JSON_ARRAY + 1, EXAMPLE_MAX = 40 };

/* What was seen of one path. */
struct seen {
    char *path;
    uint64_t kinds[KINDS];
    uint64_t times; /* values that read as a time */
    int64_t least;
    struct disorder disorder;
    struct time_format format;
    char example[EXAMPLE_MAX + 1];
};

static struct seen *fields[FIELDS_MAX];
static size_t n_fields, last;
static bool more_fields;

static struct seen *add_field(struct slice path) {
    if (n_fields == FIELDS_MAX) return more_fields = true, NULL;
    struct seen *s = fields[n_fields++] = mem_zero(1, sizeof *s);
    s->path = mem_str(path);
    s->least = TIME_MAX;
    disorder_init(&s->disorder);
    return s;
}

/* Events have their fields in the same order: the search begins behind the last one found. */
static struct seen *find_field(struct slice path) {
    for (size_t i = 0; i < n_fields; i++) {
        size_t k = (last + 1 + i) % n_fields;
        if (slice_is(path, fields[k]->path)) return fields[last = k];
    }
    return add_field(path);
}

static void note_time(struct seen *s, const struct json_field *f) {
    int64_t t;
    enum time_result r = TIME_NOT_A_TIME;
    if (f->kind == JSON_STRING) r = time_parse(&s->format, json_slice(f), &t);
    else if (f->kind == JSON_NUMBER) r = time_parse_number(&s->format, json_slice(f), &t);
    if (r != TIME_OK) return;
    s->times++;
    if (t < s->least) s->least = t;
    disorder_seen(&s->disorder, t);
}

static void note(struct stage *st, struct slice path, const struct json_field *f) {
    struct seen *s = find_field(path);
    if (!s) return;
    s->kinds[f->kind]++;
    if (!s->example[0] && f->kind != JSON_NULL) {
        size_t n = f->n < EXAMPLE_MAX ? f->n : EXAMPLE_MAX;
        /* A character is not cut in two. */
        while (n && n < f->n && (f->p[n] & 0xC0) == 0x80) n--;
        memcpy(s->example, f->p, n);
    }
    s->format.format = st->o.time_format;
    s->format.zone = st->zone;
    s->format.unit = st->times.unit;
    note_time(s, f);
}

static void walk(struct stage *st, struct buf *path, const struct json_field *object, int depth) {
    struct json_field key, value;
    struct json_walk at = {0};
    size_t before = path->n;
    while (json_next(object, &at, &key, &value)) {
        if (before) buf_addc(path, '.');
        buf_add_slice(path, json_slice(&key));
        note(st, buf_slice(path), &value);
        if (value.kind == JSON_OBJECT && depth < 8) walk(st, path, &value, depth + 1);
        path->n = before;
    }
}

static void add_kinds(struct buf *out, const struct seen *s) {
    size_t before = out->n;
    uint64_t truths = s->kinds[JSON_FALSE] + s->kinds[JSON_TRUE];
    for (int k = JSON_NULL; k < KINDS; k++)
        if (s->kinds[k] && k != JSON_FALSE && k != JSON_TRUE)
            buf_printf(out, "%s%s", out->n > before ? "|" : "", json_kind_name((enum json_kind)k));
    if (truths) buf_printf(out, "%strue/false", out->n > before ? "|" : "");
}

static uint64_t present(const struct seen *s) {
    uint64_t n = 0;
    for (int k = 0; k < KINDS; k++) n += s->kinds[k];
    return n;
}

/* An event time is in all events but the broken ones. */
static bool is_time(const struct seen *s, uint64_t events) {
    return s->times && s->times >= events - events / 100;
}

/* To the full second where it is more than one: nobody needs the microseconds of an hour. */
static void add_distance(struct buf *out, int64_t us) {
    buf_add_duration(out, us < SECOND_US ? us : (us + SECOND_US - 1) / SECOND_US * SECOND_US);
}

static void print_field(struct buf *out, const struct seen *s, uint64_t events) {
    struct buf kinds = {0};
    add_kinds(&kinds, s);
    buf_printf(out, "%-32s %-16.*s %5.1f%%  %s\n", s->path, (int)kinds.n, kinds.p,
        events ? 100.0 * (double)present(s) / (double)events : 0.0, s->example);
    buf_free(&kinds);
}

static void print_time(struct buf *out, const struct seen *s, uint64_t filtered) {
    const struct disorder *d = &s->disorder;
    buf_printf(out, "%s looks like a time: ", s->path);
    buf_add_time(out, s->least);
    buf_adds(out, " to ");
    buf_add_time(out, d->max_time);
    buf_printf(out, "; %" PRIu64 " behind the newest (p50 ", s->times - d->in_order);
    add_distance(out, disorder_quantile(d, 0.50));
    buf_adds(out, ", p99 ");
    add_distance(out, disorder_quantile(d, 0.99));
    buf_adds(out, ", greatest ");
    add_distance(out, d->greatest);
    /* Rows of evwindow have their time without the option. */
    bool of_row = strcmp(s->path, "window_end") == 0;
    buf_adds(out, "); ");
    if (!of_row) buf_printf(out, "--time %s ", s->path);
    buf_adds(out, "--lateness ");
    add_distance(out, d->greatest);
    buf_printf(out, " loses none%s\n", filtered ? " of these; filter them by evcat first" : "");
}

/* `loses none` holds for what was described; where others were left out, they must be so again. */
static void print_summary(struct buf *out, const struct books *b) {
    buf_printf(out, "%" PRIu64 " events", b->in);
    if (b->results < b->in)
        buf_printf(out, ": %" PRIu64 " described, %" PRIu64 " filtered, %" PRIu64 " rejected",
            b->results, b->filtered, b->rejected);
    buf_printf(out, "\n\n%-32s %-16s %6s  %s\n", "FIELD", "TYPE", "IN", "EXAMPLE");
}

int describe(struct stage *st, bool (*next)(struct event *ev)) {
    struct event ev;
    struct buf path = {0}, *out = &st->out.buf;
    while (next(&ev)) {
        struct json_field object = event_object(&ev);
        walk(st, &path, &object, 0);
    }
    print_summary(out, &st->books);
    for (size_t i = 0; i < n_fields; i++) print_field(out, fields[i], st->books.results);
    if (more_fields)
        buf_printf(out, "(and values under other names: the first %d are shown)\n", FIELDS_MAX);
    buf_addc(out, '\n');
    for (size_t i = 0; i < n_fields; i++)
        if (is_time(fields[i], st->books.results)) print_time(out, fields[i], st->books.filtered);
    buf_free(&path);
    stage_check(st);
    return stage_end(st);
}
