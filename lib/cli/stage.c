#include "cli/stage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/fields.h"
#include "cli/report.h"
#include "json/value.h"
#include "wire/envelope.h"

/* ---- event time ---- */

static bool bad(struct stage *st, const char *code, int field, const struct event *ev) {
    st->bad_code = code;
    st->bad_field = field >= 0 ? st->wanted[field].path : NULL;
    st->bad_value = field >= 0 ? ev->fields[field] : (struct json_field){0};
    return false;
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
    if (!st->reject) add_candidates(st, ev, &names);
    err_set(e, EXIT_BAD_DATA, "%s: the event time is %s%s%.*s", path,
        json_kind_name(ev->fields[st->time_field].kind), names.n ? "; these look like one:" : "",
        (int)names.n, names.n ? names.p : "");
    buf_free(&names);
    return false;
}

static bool read_time(struct stage *st, struct event *ev, struct err *e) {
    const struct json_field *f = &ev->fields[st->time_field];
    const char *path = st->wanted[st->time_field].path;
    enum time_result r = TIME_NOT_A_TIME;
    struct slice text;
    if (f->kind == JSON_STRING) {
        if (json_text(f, &st->scratch, &text)) r = time_parse(&st->times, text, &ev->time);
    } else if (f->kind == JSON_NUMBER) {
        r = time_parse_number(&st->times, json_slice(f), &ev->time);
    } else if (f->kind == JSON_MISSING && st->time_is_window_end) {
        fail_without_time(st, ev);
    } else if (f->kind <= JSON_NULL) {
        bad(st, "no_time", st->time_field, ev);
        return without_time(st, ev, path, e);
    }
    if (r == TIME_OK) {
        if (st->time_is_window_end) ev->time--;
        return true;
    }
    bad(st, "bad_time", st->time_field, ev);
    return time_error(r, path, f, e);
}

/* ---- which events are good ---- */

static bool has_required(struct stage *st, const struct event *ev, struct err *e) {
    for (size_t i = 0; i < st->n_required; i++) {
        int index = st->required[i];
        if (ev->fields[index].kind > JSON_NULL) continue;
        bad(st, "missing_field", index, ev);
        return err_set(e, EXIT_BAD_DATA, "%s: required, but it is %s", st->wanted[index].path,
            json_kind_name(ev->fields[index].kind));
    }
    return true;
}

/* Rejected text may be anything. */
static bool is_event(struct stage *st, const struct event *ev, struct slice inner, struct err *e) {
    if (inner.p[strspn(inner.p, " \t\r\n")] != '{') {
        bad(st, "not_object", -1, ev);
        return err_set(e, EXIT_BAD_DATA, "the event in the envelope is not a JSON object");
    }
    if (ev->fields[st->control_field].kind == JSON_MISSING) return true;
    bad(st, "control", -1, ev);
    return err_set(e, EXIT_BAD_DATA,
        "the event in the envelope has a top-level \"" CONTROL_FIELD
        "\", reserved for control lines");
}

/* Puts the event that lies in an envelope in the place of the envelope. */
static bool unwrap(struct stage *st, struct event *ev, struct err *e) {
    struct slice inner;
    st->unwrapped.n = 0;
    if (!envelope_unwrap(ev->text, &st->unwrapped, &inner, e))
        return bad(st, "not_envelope", -1, ev);
    if (!json_scan(st->scanner, inner, inner.p + inner.n, ev->fields, e)) {
        bad(st, "bad_json", -1, ev);
        return err_at(e, "the event in the envelope");
    }
    if (!is_event(st, ev, inner, e)) return false;
    /* A newline in good JSON is white space; an event is a line. */
    for (size_t i = 0; i < st->unwrapped.n; i++)
        if (st->unwrapped.p[i] == '\n' || st->unwrapped.p[i] == '\r') st->unwrapped.p[i] = ' ';
    ev->text = inner;
    return true;
}

static bool is_good(struct stage *st, struct event *ev, struct err *e) {
    ev->time = TIME_NONE;
    if (st->unwraps && !unwrap(st, ev, e)) return false;
    if (st->n_required && !has_required(st, ev, e)) return false;
    return !st->needs_time || read_time(st, ev, e);
}

/* A peek leaves no trace: the event will be read, and counted, again. */
static bool accept(void *ctx, struct event *ev, bool peek, struct err *e) {
    struct stage *st = ctx;
    struct time_format before;
    if (peek) before = st->times;
    bool good = is_good(st, ev, e);
    if (peek) {
        st->times = before;
        st->bad_code = NULL;
    } else if (st->n_unseen && good) {
        fields_seen(st, ev);
    }
    return good;
}

/* ---- opening ---- */

static const char *const standard_input[] = {"-"};

static enum format input_format(struct stage *st) {
    struct err e;
    if (st->o.csv + st->o.tsv + st->o.json > 1) {
        err_set(&e, EXIT_USAGE, "--csv, --tsv and --json exclude each other");
        stage_fail(st, &e);
    }
    return st->o.csv    ? FORMAT_CSV
           : st->o.tsv  ? FORMAT_TSV
           : st->o.json ? FORMAT_DOCUMENTS
                        : FORMAT_AUTO;
}

/* A tool that reads what it writes would go on until the disk is full. */
static void check_not_the_output(struct stage *st) {
    struct stat out, in;
    struct err e;
    if (fstat(STDOUT_FILENO, &out) != 0 || !S_ISREG(out.st_mode)) return;
    for (size_t i = 0; i < st->sources.n; i++) {
        const char *path = st->sources.paths[i];
        int failed = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &in) : stat(path, &in);
        if (failed || in.st_dev != out.st_dev || in.st_ino != out.st_ino) continue;
        err_set(&e, EXIT_USAGE, "%s: is also the standard output; write to another file", path);
        st->writes_out = false; /* no abort line into the source */
        stage_fail(st, &e);
    }
}

static void open_inputs(struct stage *st, struct texts sources) {
    struct err e;
    if (!sources.n) {
        if (isatty(STDIN_FILENO)) stage_note(st, "reading the terminal; Ctrl-D ends the input");
        sources = (struct texts){(const char **)(uintptr_t)standard_input, 1};
    }
    struct inputs_options o = {.format = input_format(st),
        .scanner = st->scanner,
        .accept = accept,
        .ctx = st,
        .has_lateness = st->o.has_lateness && st->needs_time,
        .lateness = st->o.lateness,
        .decode = {
            .max_line = (size_t)st->o.max_line, .header = st->o.header, .types = st->o.types}};
    stage_must(st, decode_options_check(&o.decode, &e), &e);
    stage_must(st, source_expand(sources.items, sources.n, &st->sources, &e), &e);
    check_not_the_output(st);
    o.sources = st->sources;
    st->inputs = inputs_open(&o, &e);
    stage_must(st, st->inputs != NULL, &e);
}

static struct side *open_side(struct stage *st, const char *dest, const char *option) {
    struct err e;
    if (!dest) return NULL;
    struct side *s = side_open(dest, &e);
    stage_must(st, s || err_at(&e, "%s", option), &e);
    return s;
}

void stage_open(struct stage *st, struct texts sources) {
    struct err e;
    struct json_step control = {.key = slice_of(CONTROL_FIELD)};
    if (st->unwraps) st->control_field = json_want(st->scanner, &(struct json_path){&control, 1});
    if (st->writes_out) stage_must(st, out_open(&st->out, &e), &e);
    st->reject = open_side(st, st->o.reject, "--reject");
    bool shared = st->late_dest && st->o.reject && strcmp(st->late_dest, st->o.reject) == 0;
    st->late = shared ? st->reject : open_side(st, st->late_dest, "--late");
    open_inputs(st, sources);
}

/* ---- events that do not go through ---- */

static void write_envelope(
    struct stage *st, struct side *to, const struct envelope *v, const struct event *ev) {
    struct buf line = {0};
    struct err e;
    envelope_write(&line, v, ev);
    stage_must(st, side_write(to, buf_slice(&line), &e), &e);
    buf_free(&line);
}

static void check_reject_limit(struct stage *st) {
    struct err e;
    if (st->books.rejected <= (uint64_t)st->reject_limit) return;
    err_set(&e, EXIT_BAD_DATA,
        "more than %" PRId64 " events are bad input (--max-reject); they are in %s",
        st->reject_limit, st->o.reject);
    stage_fail(st, &e);
}

static void reject(struct stage *st, const struct event *ev, struct envelope v, struct err *e) {
    st->books.rejected++;
    if (!st->reject) {
        err_at(e, "%s:%" PRIu64, ev->source, ev->line);
        stage_fail(st, e);
    }
    v.kind = "reject";
    v.tool = st->tool->name;
    v.message = e->text;
    v.window_start = v.watermark = TIME_NONE;
    write_envelope(st, st->reject, &v, ev);
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
    if (!st->late) return;
    struct envelope v = {.kind = "late",
        .code = "late",
        .tool = st->tool->name,
        .window_start = window_start,
        .watermark = ev->watermark,
        .late_by = late_by,
        .is_json = true};
    write_envelope(st, st->late, &v, ev);
}

/* ---- the loop ---- */

/* A line that the decoder refused, or an event that accept() did. */
static void reject_decoded(struct stage *st, const struct event *ev, struct err *e) {
    if (st->bad_code) {
        const char *code = st->bad_code;
        st->bad_code = NULL;
        stage_reject(st, ev, code, st->bad_field, &st->bad_value, e);
    } else {
        reject(st, ev, (struct envelope){.code = ev->bad_code}, e);
    }
}

static bool passes(struct stage *st, const struct event *ev) {
    bool yes;
    struct err e;
    struct expr_input in = {ev->fields, ev->time};
    if (expr_is_true(st->where, &in, &st->books.mismatches, &yes, &e)) {
        st->books.filtered += !yes;
        return yes;
    }
    stage_reject(st, ev, "bad_value", NULL, NULL, &e);
    return false;
}

bool stage_next(struct stage *st, struct event *ev) {
    struct err e;
    for (;;) {
        enum decoded d = inputs_next(st->inputs, ev, &e);
        if (d == DECODED_END) return false;
        if (d == DECODED_EVENT) {
            st->books.in++;
            if (st->needs_time) disorder_seen(&st->books.disorder, ev->time);
            if (!st->where || passes(st, ev)) return true;
        } else if (d == DECODED_BAD) {
            st->books.in++;
            reject_decoded(st, ev, &e);
        } else {
            stage_fail(st, &e);
        }
    }
}

/* ---- the end ---- */

void stage_check(struct stage *st) {
    struct err e;
    const struct books *b = &st->books;
    /* A signal that ended the input as well must not let it look complete. */
    report_check();
    if ((double)b->rejected > st->reject_share * (double)b->in) {
        err_set(&e, EXIT_BAD_DATA,
            "%" PRIu64 " of %" PRIu64 " events are bad input (--max-reject %s); they are in %s",
            b->rejected, b->in, st->o.max_reject, st->o.reject);
        stage_fail(st, &e);
    }
    if (!st->o.allow_missing && b->in > b->rejected) fields_check(st);
}

static void note_times(struct stage *st) {
    const char *field = st->needs_time ? st->wanted[st->time_field].path : "";
    const struct time_format *t = &st->times;
    if (t->without_zone && !st->zone)
        stage_note(st,
            "%s: %" PRIu64 " times without an offset were read as UTC (--tz says otherwise)", field,
            t->without_zone);
    if (t->ambiguous)
        stage_note(st, "%s: %" PRIu64 " ambiguous local times were read as the earlier instant",
            field, t->ambiguous);
    if (t->missing)
        stage_note(st,
            "%s: %" PRIu64 " local times that do not exist were moved forward by the gap", field,
            t->missing);
}

static void note_late(struct stage *st) {
    const struct books *b = &st->books;
    if (!b->late) return;
    if (!st->late)
        stage_note(st,
            "%" PRIu64 " of %" PRIu64
            " events were late and are in no result; --late DEST keeps them",
            b->late, b->in);
    if (b->late * 100 <= b->in) return;
    struct buf most = {0};
    buf_add_duration(&most, b->disorder.greatest);
    stage_note(st,
        "over 1%% of the events were late; the greatest disorder was %.*s: --lateness %.*s loses "
        "none, without --lateness the input is a batch",
        (int)most.n, most.p, (int)most.n, most.p);
    buf_free(&most);
}

static void note_mismatches(struct stage *st) {
    if (st->books.mismatches)
        stage_note(st,
            "--where compared values of different types in %" PRIu64 " events, which it left out",
            st->books.mismatches);
}

/* ---- --explain ---- */

static void explain_time(const struct stage *st) {
    if (!st->needs_time) {
        printf("time: not needed\n");
        return;
    }
    printf("time: %s, %s, without an offset %s\n",
        st->o.time ? st->o.time : "window_end - 1 us (no --time)",
        st->o.time_format ? st->o.time_format : "RFC 3339 and its relatives",
        st->o.tz ? st->o.tz : "UTC");
    struct buf lateness = {0};
    buf_add_duration(&lateness, st->o.lateness);
    if (st->o.has_lateness) printf("lateness: %.*s\n", (int)lateness.n, lateness.p);
    else printf("lateness: none: the input is a batch, results come at its end\n");
    buf_free(&lateness);
}

void stage_explain(const struct stage *st) {
    explain_time(st);
    if (st->o.where) printf("where: %s\n", st->o.where);
    for (size_t i = 0; i < st->n_required; i++)
        printf("require: %s\n", st->wanted[st->required[i]].path);
    printf("bad input: %s\n", st->o.reject ? st->o.reject : "ends the run with 65");
    printf("encoding: text, one JSON object a line\n");
}

int stage_explained(struct stage *st) {
    struct err e;
    if (fflush(stdout) == 0 && !ferror(stdout)) return EXIT_DONE;
    err_set(&e, EXIT_IO, "standard output: cannot write");
    stage_fail(st, &e);
}

/* ---- end ---- */

int stage_end(struct stage *st) {
    struct err e;
    if (st->writes_out) stage_must(st, out_flush(&st->out, &e), &e);
    struct side *reject = st->reject, *late = st->late == st->reject ? NULL : st->late;
    st->reject = st->late = NULL;
    stage_must(st, side_close(reject, &e), &e);
    stage_must(st, side_close(late, &e), &e);
    st->late = late; /* only asked whether there was one */
    report_clear();
    note_times(st);
    note_late(st);
    note_mismatches(st);
    st->late = NULL;
    if (st->o.stats) report_books(st);
    return EXIT_DONE;
}
