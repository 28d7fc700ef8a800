#include "cli/accept.h"

#include <stdlib.h>

#include "cli/fields.h"
#include "json/value.h"
#include "wire/envelope.h"

/* ---- event time ---- */

static bool bad_value(
    struct stage *st, const char *code, const char *path, const struct json_field *value) {
    st->bad_code = code;
    st->bad_field = path;
    st->bad_value = *value;
    return false;
}

static bool bad(struct stage *st, const char *code) {
    return bad_value(st, code, NULL, &(struct json_field){0});
}

/* Has it a window_end, as rows of evwindow have? */
static bool is_row(const struct event *ev, struct json_field *window_end) {
    struct json_field object = event_object(ev), key, value;
    struct json_walk at = {0};
    bool found = false;
    while (json_next(&object, &at, &key, &value)) {
        if (!slice_is(json_slice(&key), "window_end")) continue;
        *window_end = value;
        found = true;
    }
    return found;
}

static bool looks_like_time(struct stage *st, const struct json_field *value) {
    int64_t t;
    struct time_format f = {.zone = st->zone};
    if (value->kind == JSON_STRING) return time_parse(&f, json_slice(value), &t) == TIME_OK;
    return value->kind == JSON_NUMBER && time_parse_number(&f, json_slice(value), &t) == TIME_OK;
}

static void add_candidates(struct stage *st, const struct event *ev, struct buf *names) {
    struct json_field object = event_object(ev), key, value;
    struct json_walk at = {0};
    while (json_next(&object, &at, &key, &value))
        if (looks_like_time(st, &value)) buf_printf(names, " --time %.*s", (int)key.n, key.p);
}

/* The event has no window_end and --time was not given: name the fields that look like a time. */
static _Noreturn void fail_without_time(struct stage *st, const struct event *ev) {
    struct err e;
    struct buf names = {0};
    add_candidates(st, ev, &names);
    if (names.n)
        err_set(&e, EXIT_USAGE, "which field is the event time? These look like one:%.*s",
            (int)names.n, names.p);
    else
        err_set(&e, EXIT_USAGE,
            "which field is the event time? Say --time FIELD (none here looks like one)");
    stage_fail(st, &e);
}

static bool time_error(
    enum time_result r, const char *path, const struct json_field *f, struct err *e) {
    static const char *const what[] = {[TIME_NOT_A_TIME] = "not a time",
        [TIME_OUT_OF_RANGE] = "out of range (0001-01-02 to 9999-12-30)",
        [TIME_UNIT_UNKNOWN] = "a number whose unit cannot be guessed (--time-unit)"};
    if (f->kind == JSON_STRING)
        return err_set(e, EXIT_BAD_DATA, "%s: %s: %s", path, what[r], QUOTED(json_slice(f)));
    return err_set(
        e, EXIT_BAD_DATA, "%s: %s: %.*s", path, what[r], f->n < 60 ? (int)f->n : 60, f->p);
}

/* Where this ends the run the name may be mistyped, so others are named. */
static bool without_time(
    struct stage *st, const struct event *ev, const char *path, struct err *e) {
    struct buf names = {0};
    struct json_field window_end;
    if (!st->time_is_window_end && is_row(ev, &window_end))
        return err_set(e, EXIT_BAD_DATA,
            "%s: the event time is %s; a row of evwindow has its own without %s", path,
            json_kind_name(ev->fields[st->time_field].kind),
            st->time_by_environment ? "EV_TIME" : "--time");
    if (!st->aside[ASIDE_REJECT]) add_candidates(st, ev, &names);
    err_set(e, EXIT_BAD_DATA, "%s: the event time is %s%s%.*s", path,
        json_kind_name(ev->fields[st->time_field].kind), names.n ? "; these look like one:" : "",
        (int)names.n, names.n ? names.p : "");
    buf_free(&names);
    return false;
}

static bool read_time(struct stage *st, struct event *ev, struct err *e) {
    const struct json_field *f = &ev->fields[st->time_field];
    const char *path = st->wanted[st->time_field].path;
    bool is_window_end = st->time_is_window_end;
    enum time_result r = TIME_NOT_A_TIME;
    struct json_field window_end;
    struct slice text;
    /* EV_TIME is exported to all stages, but names the time of what the first one reads. */
    if (f->kind == JSON_MISSING && st->time_by_environment && is_row(ev, &window_end)) {
        f = &window_end;
        path = "window_end";
        is_window_end = true;
    }
    if (f->kind == JSON_STRING) {
        if (json_text(f, &st->scratch, &text)) r = time_parse(&st->times, text, &ev->time);
    } else if (f->kind == JSON_NUMBER) {
        r = time_parse_number(&st->times, json_slice(f), &ev->time);
    } else if (f->kind == JSON_MISSING && st->time_is_window_end) {
        fail_without_time(st, ev);
    } else if (f->kind <= JSON_NULL) {
        bad_value(st, "no_time", path, f);
        return without_time(st, ev, path, e);
    }
    if (r == TIME_OK) {
        ev->time -= is_window_end ? 1 : st->time_minus;
        return true;
    }
    bad_value(st, "bad_time", path, f);
    return time_error(r, path, f, e);
}

/* ---- which events are good ---- */

static bool has_required(struct stage *st, const struct event *ev, struct err *e) {
    for (size_t i = 0; i < st->n_required; i++) {
        int index = st->required[i];
        if (ev->fields[index].kind > JSON_NULL) continue;
        bad_value(st, "missing_field", st->wanted[index].path, &ev->fields[index]);
        return err_set(e, EXIT_BAD_DATA, "%s: required, but it is %s", st->wanted[index].path,
            json_kind_name(ev->fields[index].kind));
    }
    return true;
}

/* Rejected text may be anything. */
static bool is_event(struct stage *st, const struct event *ev, struct slice inner, struct err *e) {
    if (inner.p[strspn(inner.p, " \t\r\n")] != '{') {
        bad(st, "not_object");
        return err_set(e, EXIT_BAD_DATA, "the event in the envelope is not a JSON object");
    }
    if (ev->fields[st->control_field].kind == JSON_MISSING) return true;
    bad(st, "control");
    return err_set(e, EXIT_BAD_DATA,
        "the event in the envelope has a top-level \"" CONTROL_FIELD
        "\", reserved for control lines");
}

/* Puts the event that lies in an envelope in the place of the envelope. */
static bool unwrap(struct stage *st, struct event *ev, struct err *e) {
    struct slice inner;
    st->unwrapped.n = 0;
    if (!envelope_unwrap(ev->text, &st->unwrapped, &inner, e)) return bad(st, "not_envelope");
    if (!json_scan(st->scanner, inner, inner.p + inner.n, ev->fields, e)) {
        bad(st, "bad_json");
        return err_at(e, "the event in the envelope");
    }
    if (!is_event(st, ev, inner, e)) return false;
    /* A newline in good JSON is white space; an event is a line. */
    for (size_t i = 0; i < st->unwrapped.n; i++)
        if (st->unwrapped.p[i] == '\n' || st->unwrapped.p[i] == '\r') st->unwrapped.p[i] = ' ';
    ev->text = inner;
    return true;
}

/* One wrong clock must not make all others late. Frames bring the time without its field. */
static bool is_past(struct stage *st, const struct event *ev, struct err *e) {
    int64_t clock = stage_clock(st);
    if (ev->time <= time_add(clock, st->o.max_future)) return true;
    struct buf now = {0}, time = {0};
    const struct json_field *f = &ev->fields[st->time_field];
    const char *path = f->kind == JSON_MISSING ? NULL : st->wanted[st->time_field].path;
    buf_add_time(&now, clock);
    buf_add_time(&time, ev->time);
    bad_value(st, "future", path, f);
    err_set(e, EXIT_BAD_DATA, "%s: %s is beyond --max-future, the clock says %.*s",
        path ? path : "the event time", QUOTED(path ? json_slice(f) : buf_slice(&time)), (int)now.n,
        now.p);
    buf_free(&time);
    buf_free(&now);
    return false;
}

static bool has_time(const struct stage *st, const struct event *ev) {
    return st->needs_time || (st->takes_time && ev->fields[st->time_field].kind > JSON_NULL);
}

static bool is_good(struct stage *st, struct event *ev, bool peek, struct err *e) {
    if (st->unwraps) ev->time = TIME_NONE; /* that of the envelope */
    if (st->unwraps && !unwrap(st, ev, e)) return false;
    if (st->n_unseen && !peek) fields_seen(st, ev);
    if (st->n_required && !has_required(st, ev, e)) return false;
    if (ev->time == TIME_NONE && has_time(st, ev) && !read_time(st, ev, e)) return false;
    return !st->o.has_max_future || is_past(st, ev, e);
}

/* Will --where and the tool take it, too? What --where leaves out is not looked at further. */
static bool stays_good(struct stage *st, const struct event *ev, struct err *e) {
    bool passes = true;
    uint64_t ignored = 0;
    struct expr_input in = {ev->fields, ev->time};
    if (st->where && !expr_is_true(st->where, &in, &ignored, &passes, e)) return false;
    return !passes || !st->takes || st->takes(st, ev, e);
}

/* Leaves no trace: the event will be read, and counted, again. */
static bool peek_at(struct stage *st, struct event *ev, struct err *e) {
    struct time_format before = st->times;
    bool good = is_good(st, ev, true, e) && stays_good(st, ev, e);
    st->times = before;
    st->bad_code = NULL;
    return good;
}

bool accept_event(void *ctx, struct event *ev, bool peek, struct err *e) {
    struct stage *st = ctx;
    return peek ? peek_at(st, ev, e) : is_good(st, ev, false, e);
}
