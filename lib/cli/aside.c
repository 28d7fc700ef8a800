#include "cli/aside.h"

#include <inttypes.h>

#include "cli/report.h"
#include "wire/envelope.h"

static void write_envelope(
    struct stage *st, struct side *to, const struct envelope *v, const struct event *ev) {
    struct buf line = {0};
    struct err e;
    envelope_write(&line, v, ev);
    stage_must(st, side_write(to, buf_slice(&line), &e), &e);
    buf_free(&line);
}

const char *aside_also_failed(const struct stage *st) {
    return st->epochs ? ", those of the last epoch in that name with .failed" : "";
}

static void check_reject_limit(struct stage *st) {
    struct err e;
    if (st->books.rejected <= (uint64_t)st->reject_limit) return;
    err_set(&e, EXIT_BAD_DATA,
        "more than %" PRId64 " events are bad input (--max-reject); they are in %s%s",
        st->reject_limit, st->o.reject, aside_also_failed(st));
    stage_deliver(st);
    stage_fail(st, &e);
}

static void reject(struct stage *st, const struct event *ev, struct envelope v, struct err *e) {
    st->books.rejected++;
    inputs_forget(st->inputs);
    if (!st->aside[ASIDE_REJECT]) {
        err_at(e, "%s:%" PRIu64, ev->source, ev->line);
        stage_deliver(st);
        stage_fail(st, e);
    }
    v.kind = "reject";
    v.tool = st->tool->name;
    v.message = e->text;
    v.window_start = v.watermark = TIME_NONE;
    write_envelope(st, st->aside[ASIDE_REJECT], &v, ev);
    check_reject_limit(st);
}

/* A string's value is shown with its quotes, which lie around it in the text. */
static struct slice raw_value(const struct json_field *f) {
    if (f->kind == JSON_STRING) return (struct slice){f->p - 1, f->n + 2};
    return json_slice(f);
}

void stage_reject(struct stage *st, const struct event *ev, const char *code, const char *field,
    const struct json_field *value, struct err *e) {
    struct envelope v = {.code = code, .field = field, .is_json = true};
    if (value && value->kind != JSON_MISSING) v.value = raw_value(value);
    reject(st, ev, v, e);
}

void stage_late(struct stage *st, const struct event *ev, int64_t window_start, int64_t late_by) {
    st->books.late++;
    if (!st->aside[ASIDE_LATE]) return;
    struct envelope v = {.kind = "late",
        .code = "late",
        .tool = st->tool->name,
        .window_start = window_start,
        .watermark = ev->watermark,
        .late_by = late_by,
        .is_json = true};
    write_envelope(st, st->aside[ASIDE_LATE], &v, ev);
}

void stage_duplicate(struct stage *st, const struct event *ev) {
    st->books.duplicates++;
    if (!st->aside[ASIDE_DUPS]) return;
    struct envelope v = {.kind = "dup",
        .code = "duplicate",
        .tool = st->tool->name,
        .window_start = TIME_NONE,
        .watermark = TIME_NONE,
        .is_json = true};
    write_envelope(st, st->aside[ASIDE_DUPS], &v, ev);
}

void aside_reject_decoded(struct stage *st, const struct event *ev, struct err *e) {
    if (st->bad_code) {
        const char *code = st->bad_code;
        st->bad_code = NULL;
        stage_reject(st, ev, code, st->bad_field, &st->bad_value, e);
    } else {
        reject(st, ev, (struct envelope){.code = ev->bad_code}, e);
    }
}

static const char *const options[] = {
    [ASIDE_REJECT] = "--reject", [ASIDE_LATE] = "--late", [ASIDE_DUPS] = "--dups"};

const char *aside_option(enum aside which) { return options[which]; }

/* The one of another option that has the same DEST, or NULL. */
static struct side *same_as_before(const struct stage *st, enum aside which) {
    for (enum aside k = 0; k < which; k++)
        if (st->aside[k] && dest_is_same(st->aside_dest[k], st->aside_dest[which]))
            return st->aside[k];
    return NULL;
}

void aside_open(struct stage *st) {
    struct err e;
    for (enum aside k = 0; k < ASIDES; k++) {
        if (!st->aside_dest[k]) continue;
        st->aside[k] = same_as_before(st, k);
        if (!st->aside[k]) st->aside[k] = side_open(st->aside_dest[k], stage_spool(st), &e);
        stage_must(st, st->aside[k] || err_at(&e, "%s", options[k]), &e);
    }
}

/* Takes it out of the stage, under all its names. */
static struct side *take(struct stage *st, enum aside which) {
    struct side *s = st->aside[which];
    for (enum aside k = 0; k < ASIDES; k++)
        if (st->aside[k] == s) st->aside[k] = NULL;
    return s;
}

bool aside_close(struct stage *st, struct err *e) {
    bool ok = true;
    struct err ignored;
    for (enum aside k = 0; k < ASIDES; k++) ok = side_close(take(st, k), ok ? e : &ignored) && ok;
    return ok;
}

void aside_drop(struct stage *st) {
    for (enum aside k = 0; k < ASIDES; k++) side_drop(take(st, k));
}
