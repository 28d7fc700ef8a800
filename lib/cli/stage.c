#include "cli/stage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "cli/accept.h"
#include "cli/aside.h"
#include "cli/epochs.h"
#include "cli/fields.h"
#include "cli/report.h"
#include "cli/stream.h"

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

static bool is_same_file(const struct stat *a, const struct stat *b) {
    return S_ISREG(a->st_mode) && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The source that is this file, or NULL. */
static const char *source_that_is(const struct stage *st, const struct stat *file) {
    struct stat in;
    for (size_t i = 0; i < st->sources.n; i++) {
        const char *path = st->sources.paths[i];
        int failed = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &in) : stat(path, &in);
        if (!failed && is_same_file(file, &in)) return path;
    }
    return NULL;
}

/* A tool that reads what it writes would go on until the disk is full. */
static void check_output(struct stage *st) {
    struct stat out;
    struct err e;
    const char *source = fstat(STDOUT_FILENO, &out) == 0 ? source_that_is(st, &out) : NULL;
    if (!source) return;
    err_set(&e, EXIT_USAGE, "%s: is also the standard output; write to another file", source);
    st->writes_out = false; /* no abort line into the source */
    stage_fail(st, &e);
}

/* A side output takes the place of what has its name. What else that is, or NULL. */
static const char *also_is(const struct stage *st, const char *dest) {
    struct stat side, out;
    bool there = stat(dest, &side) == 0;
    if (strncmp(dest, "/dev/", 5) == 0 || (there && !S_ISREG(side.st_mode))) return NULL;
    if (st->dest && dest_is_same(dest, st->dest)) return "DEST";
    if (!there) return NULL;
    if (fstat(STDOUT_FILENO, &out) == 0 && is_same_file(&side, &out)) return "the standard output";
    return source_that_is(st, &side) ? "read" : NULL;
}

static void check_side(struct stage *st, const char *dest, const char *option) {
    struct err e;
    const char *also = dest ? also_is(st, dest) : NULL;
    if (!also) return;
    err_set(&e, EXIT_USAGE, "%s: %s: is also %s; name another file", option, dest, also);
    stage_fail(st, &e);
}

static void find_sources(struct stage *st, struct texts sources) {
    struct err e;
    if (!sources.n) {
        if (isatty(STDIN_FILENO)) stage_note(st, "reading the terminal; Ctrl-D ends the input");
        sources = (struct texts){(const char **)(uintptr_t)standard_input, 1};
    }
    st->sources.may_be_empty = epochs_have_read(st);
    stage_must(st, source_expand(sources.items, sources.n, &st->sources, &e), &e);
    check_output(st);
    for (enum aside k = 0; k < ASIDES; k++) check_side(st, st->aside_dest[k], aside_option(k));
}

static bool looks_at_events(const struct stage *st) {
    return st->unwraps || st->n_required || st->needs_time || st->takes_time || st->n_unseen;
}

void stage_open_inputs(struct stage *st) {
    struct err e;
    struct inputs_options o = {.format = input_format(st),
        .scanner = st->scanner,
        .accept = looks_at_events(st) ? accept_event : NULL,
        .ctx = st,
        .disorder = &st->books.disorder,
        .has_lateness = st->o.has_lateness && st->needs_time,
        .lateness = st->o.lateness,
        .decode = {.max_line = (size_t)st->o.max_line,
            .header = st->o.header,
            .types = st->o.types,
            .may_open = !st->is_source}};
    stage_must(st, decode_options_check(&o.decode, &e), &e);
    o.sources = st->sources;
    epochs_choose_inputs(st, &o);
    st->inputs = inputs_open(&o, &e);
    if (!st->inputs && report_stopped() && !epochs_replay(st)) { /* which has cut off what came */
        o.sources.n = 0;
        st->inputs = inputs_open(&o, &e);
    }
    stage_must(st, st->inputs != NULL, &e);
}

void stage_join(struct stage *st, struct texts sources) {
    st->names_sources = sources.n > 0;
    st->is_source = st->is_source || st->names_sources;
    epochs_join(st);
}

const char *stage_checkpoint(const struct stage *st) { return epochs_wanted(st); }

int stage_spool(const struct stage *st) { return epochs_folder(st); }

struct state *stage_state(const struct stage *st) {
    return epochs_state(st);
}

int64_t stage_generation(const struct stage *st) { return epochs_generation(st); }

bool stage_replays(const struct stage *st) { return epochs_replay(st); }

int64_t stage_clock(struct stage *st) {
    return st->epochs ? epochs_clock(st) : clock_us(CLOCK_REALTIME);
}

void stage_open(struct stage *st, struct texts sources) {
    struct err e;
    struct json_step control = {.key = slice_of(CONTROL_FIELD)};
    if (!st->sink) stage_join(st, sources);
    if (st->unwraps) st->control_field = json_want(st->scanner, &(struct json_path){&control, 1});
    if (st->writes_out) stage_must(st, out_open(&st->out, &e), &e);
    st->aside_dest[ASIDE_REJECT] = st->o.reject;
    find_sources(st, sources);
    aside_open(st);
    stage_open_inputs(st);
    stream_take(st);
    epochs_restore(st);
    if (st->writes_out) stream_start(st);
}

/* ---- the loop ---- */

static bool passes(struct stage *st, const struct event *ev) {
    bool yes;
    struct err e;
    struct expr_input in = {ev->fields, ev->time};
    if (expr_is_true(st->where, &in, &st->books.mismatches, &yes, &e)) {
        st->books.filtered += !yes;
        return yes;
    }
    err_at(&e, "--where");
    stage_reject(st, ev, "bad_value", NULL, NULL, &e);
    return false;
}

/* Each so many bytes that came in, for it takes a look at all tables; a small event counts as so many. */
enum { LOOK_AT_MEMORY = 1 << 20, EVENT_AT_LEAST = 256 };

static void check_memory(struct stage *st) {
    struct err e;
    st->unlooked = 0;
    if (!st->o.has_state_limit || !st->remembers) return;
    size_t bytes = st->remembers(st);
    if (bytes <= (size_t)st->o.state_limit) return;
    err_set(&e, EXIT_BAD_DATA,
        "%zu bytes are to be remembered, more than --state-limit %" PRId64
        ": raise it, or let less be remembered (fewer keys, shorter windows or times)",
        bytes, st->o.state_limit);
    stage_deliver(st);
    stage_fail(st, &e);
}

bool stage_next(struct stage *st, struct event *ev) {
    struct err e;
    for (;;) {
        if (__builtin_expect(st->epochs != NULL, 0) && !epochs_go_on(st)) return false;
        enum decoded d = inputs_next(st->inputs, ev, &e);
        if (d == DECODED_END && !epochs_input_ends(st)) return false;
        if (d == DECODED_END) continue;
        if (d == DECODED_CONTROL) {
            if (!epochs_control(st, ev->control)) return false;
            continue;
        }
        if (st->epochs && !st->is_source) ev->line = st->books.in + 1; /* of all runs */
        if (d == DECODED_EVENT) {
            st->books.in++;
            st->unlooked += ev->text.n > EVENT_AT_LEAST ? ev->text.n : EVENT_AT_LEAST;
            if (st->unlooked >= LOOK_AT_MEMORY) check_memory(st);
            if (!st->where || passes(st, ev)) return true;
        } else if (d == DECODED_BAD) {
            st->books.in++;
            aside_reject_decoded(st, ev, &e);
        } else {
            stage_deliver(st);
            stage_fail(st, &e);
        }
    }
}

/* ---- the end ---- */

static void check_rejected(struct stage *st) {
    struct err e;
    const struct books *b = &st->books;
    if ((double)b->rejected > st->reject_share * (double)b->in) {
        err_set(&e, EXIT_BAD_DATA,
            "%" PRIu64 " of %" PRIu64 " events are bad input (--max-reject %s); they are in %s%s",
            b->rejected, b->in, st->o.max_reject, st->o.reject, aside_also_failed(st));
        stage_fail(st, &e);
    }
}

void stage_check(struct stage *st) {
    /* A signal that ended the input as well must not let it look complete. */
    report_check();
    check_memory(st);
    stage_deliver(st);
    check_rejected(st);
    if (!st->o.allow_missing && !st->ended_early && st->looked) fields_check(st);
}

/* A field that the first epoch with events has not is not looked for in later ones. */
void stage_check_epoch(struct stage *st) {
    stage_check(st);
    if (st->looked) st->n_unseen = 0;
}

static void note_times(struct stage *st) {
    const char *field = st->needs_time ? st->wanted[st->time_field].path : "";
    const struct time_format *t = &st->times;
    if (t->without_zone && !st->zone)
        stage_note(st, "%s: %" PRIu64 " %s read as UTC (--tz says otherwise)", field,
            t->without_zone,
            t->without_zone == 1 ? "time without an offset was" : "times without an offset were");
    if (t->ambiguous)
        stage_note(st, "%s: %" PRIu64 " ambiguous local %s read as the earlier instant", field,
            t->ambiguous, t->ambiguous == 1 ? "time was" : "times were");
    if (t->missing)
        stage_note(st, "%s: %" PRIu64 " local %s moved forward by the gap", field, t->missing,
            t->missing == 1 ? "time that does not exist was" : "times that do not exist were");
}

static void note_late(struct stage *st) {
    const struct books *b = &st->books;
    if (!b->late) return;
    if (!st->aside_dest[ASIDE_LATE])
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
            "--where compared values of different types in %" PRIu64 " %s, which it left out",
            st->books.mismatches, st->books.mismatches == 1 ? "event" : "events");
}

static int exit_status(void) {
    int signal = report_stopped();
    return signal ? 128 + signal : EXIT_DONE;
}

int stage_leave(struct stage *st) {
    if (st->epochs) {
        aside_drop(st);
        if (st->sink) st->sink->close(st->sink);
    }
    report_clear();
    note_times(st);
    note_late(st);
    note_mismatches(st);
    if (st->o.stats) report_books(st);
    return st->epochs ? exit_status() : EXIT_DONE;
}

static void commit_sink(struct stage *st) {
    struct err e;
    if (!st->sink) return;
    stage_must(st, st->sink->commit(st->sink, NULL, &e), &e);
    st->batch = NULL;
    st->abandon = NULL;
    st->sink->close(st->sink);
}

int stage_end(struct stage *st) {
    struct err e;
    if (st->epochs) epochs_end(st);
    commit_sink(st);
    if (st->writes_out) out_finish(&st->out);
    if (st->writes_out) stage_must(st, out_flush(&st->out, &e), &e);
    /* All is published but the sides, which a signal would publish too. */
    io_hooks.interrupted = NULL;
    stage_must(st, aside_close(st, &e), &e);
    return stage_leave(st);
}
