/* evcat - read sources into a stream of events; evcat(1). */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/describe.h"
#include "cli/projection.h"
#include "cli/stage.h"
#include "json/value.h"

static struct {
    const char *fields, *since, *until, *stamp;
    int64_t limit, rate;
    bool has_limit, has_rate, describe;
    int64_t from, before; /* --since and --until */
} o;
static struct stage st = {.writes_out = true, .is_source = true, .books.result = "passed"};

static const struct option options[] = {
    {"fields", .kind = OPTION_TEXT, .arg = "A,B", .help = "pass on only these fields",
        .to = &o.fields},
    {"since", .kind = OPTION_TEXT, .arg = "TIME", .help = "events at or after this time",
        .to = &o.since},
    {"until", .kind = OPTION_TEXT, .arg = "TIME", .help = "events before this time",
        .to = &o.until},
    {"limit", .kind = OPTION_COUNT, .arg = "N", .help = "stop after this many events",
        .to = &o.limit, .given = &o.has_limit},
    {"stamp", .kind = OPTION_TEXT, .arg = "FIELD", .help = "add the time of arrival in this field",
        .to = &o.stamp},
    {"rate", .kind = OPTION_COUNT, .arg = "N", .help = "at most this many events a second",
        .to = &o.rate, .given = &o.has_rate},
    {"unwrap", .kind = OPTION_FLAG, .help = "take the events out of late and reject files",
        .to = &st.unwraps},
    STAGE_WIRE_OPTION,
    {"describe", .kind = OPTION_FLAG, .help = "say what fields, types and times there are",
        .to = &o.describe},
};

static struct option_group groups[6];
static const struct tool tool = {
    .name = "evcat",
    .summary = "read files, folders and standard input into a stream of events",
    .synopsis = "[options] [SOURCE ...]",
    .example = "evcat --where 'event_type = \"ORDER_DELIVERED\"' orders.ndjson.gz",
    .groups = groups,
    .n_groups = 6,
};

static int64_t parse_bound(const char *text, const char *option, int64_t none) {
    struct err e;
    int64_t t = none;
    if (!text) return t;
    st.needs_time = true;
    stage_must(
        &st, time_parse_arg(st.zone, slice_of(text), &t, &e) || err_at(&e, "%s", option), &e);
    return t;
}

/* Waits until the next event of a stream of `rate` events a second is due. What a late sleep has missed is
 * caught up, a silent source is not. */
static void pace(int64_t rate) {
    enum { CATCH_UP_US = 50000 };
    static double due_us;
    struct err e;
    double now_us = (double)clock_us(CLOCK_MONOTONIC);
    if (due_us < now_us - CATCH_UP_US) due_us = now_us;
    due_us += 1e6 / (double)rate;
    if (due_us <= now_us) return;
    stage_must(&st, out_flush(&st.out, &e), &e);
    stage_sleep(&st, (int64_t)due_us);
}

static void explain(void) {
    stage_explain(&st);
    if (st.unwraps) printf("unwrap: the events are taken out of late and reject files\n");
    struct buf range = {0};
    if (o.since) buf_adds(&range, "since: "), buf_add_time(&range, o.from), buf_addc(&range, '\n');
    if (o.until)
        buf_adds(&range, "until: "), buf_add_time(&range, o.before), buf_addc(&range, '\n');
    if (range.n) fwrite(range.p, 1, range.n, stdout);
    buf_free(&range);
    if (o.has_limit) printf("limit: %" PRId64 " events\n", o.limit);
    if (o.has_rate) printf("rate: %" PRId64 " events a second\n", o.rate);
    if (o.fields) printf("fields: %s\n", o.fields);
    printf("output: %s\n", o.describe ? "what fields, types and times there are" : "the events");
}

/* What stood in the field before counts no more. */
static void check_stamp(const char *time) {
    struct json_path path;
    struct err e;
    if (!o.stamp) return;
    if (!*o.stamp) stage_usage(&st, "--stamp: is no name: \"\"");
    if (strcmp(o.stamp, CONTROL_FIELD) == 0)
        stage_usage(&st, "--stamp: the name \"" CONTROL_FIELD "\" is reserved for control lines");
    if (!time) return;
    stage_must(&st, json_path_parse(slice_of(time), &path, &e), &e);
    if (slice_eq(path.steps->key, slice_of(o.stamp)))
        stage_usage(&st, "--stamp: the event time is in that field: name another");
    json_path_free(&path);
}

/* The next event between --since and --until, up to --limit. */
static bool next(struct event *ev) {
    st.has_enough = o.has_limit && st.books.results >= (uint64_t)o.limit;
    st.ended_early = st.has_enough && !stage_replays(&st);
    while (!st.ended_early && stage_next(&st, ev)) {
        if (!st.needs_time || (ev->time >= o.from && ev->time < o.before)) {
            st.books.results++;
            return true;
        }
        st.books.filtered++;
    }
    return false;
}

/* The object with one member more. */
static struct slice stamped(struct slice object) {
    static struct buf out;
    const char *brace = memrchr(object.p, '}', object.n), *first = memchr(object.p, '{', object.n);
    const char *last = brace - 1;
    while (last > first && strchr(" \t\r\n", *last)) last--;
    out.n = 0;
    buf_add(&out, object.p, (size_t)(last + 1 - object.p));
    if (last > first) buf_addc(&out, ',');
    json_write_string(&out, slice_of(o.stamp));
    buf_adds(&out, ":\"");
    buf_add_time(&out, stage_clock(&st));
    buf_adds(&out, "\"}");
    return buf_slice(&out);
}

int main(int argc, char **argv) {
    memcpy(groups,
        (struct option_group[]){{"evcat", options, sizeof options / sizeof *options},
            stage_time_group, stage_event_group, stage_input_group, stage_checkpoint_group,
            stage_common_group},
        sizeof groups);
    stage_start(&st, &tool, argc, argv);
    o.from = parse_bound(o.since, "--since", INT64_MIN);
    o.before = parse_bound(o.until, "--until", INT64_MAX);
    if (o.from >= o.before) stage_usage(&st, "--since is not before --until: that selects nothing");
    stage_need_time(&st, st.operands);
    check_stamp(st.needs_time ? st.wanted[st.time_field].path : NULL);
    if (o.has_rate && !o.rate) stage_usage(&st, "--rate: must be at least 1 event a second");
    st.looks_only = o.describe;
    if (o.describe && (o.fields || o.has_rate))
        stage_usage(
            &st, "--describe passes no events on: --fields and --rate have no place beside it");
    struct projection *fields = o.fields ? projection_new(&st, o.fields) : NULL;
    if (st.o.explain) return explain(), stage_explained(&st);

    stage_open(&st, st.operands);
    if (o.describe) return describe(&st, next);
    check_stamp(st.stream_time.field);
    struct event ev;
    struct err e;
    while (next(&ev)) {
        struct slice text = fields ? projection_apply(fields, &ev) : ev.text;
        if (o.stamp) text = stamped(text);
        buf_add_slice(out_begin(&st.out, ev.time, ev.watermark), text);
        stage_must(&st, out_end(&st.out, &e), &e);
        if (o.has_rate) pace(o.rate);
    }
    stage_check(&st);
    return stage_end(&st);
}
