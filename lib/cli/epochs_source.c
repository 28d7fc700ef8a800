#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/epochs_inside.h"
#include "cli/report.h"

enum { LINE_READY_MS = 5000 };

static uint64_t taken(struct stage *st) { return inputs_taken(st->inputs) - st->epochs->base; }

static void begin_epoch(struct stage *st) {
    struct epochs *ep = st->epochs;
    ep->base = inputs_taken(st->inputs);
    ep->began_us = clock_us(CLOCK_MONOTONIC);
    ep->clock = 0;
}

/* What a stage refuses at its start must not leave a plan behind, which the next run would follow. A filter that keeps
 * what it gets may let it come late. */
static bool line_comes(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    if (ep->is_line || ep->dir.role == ROLE_SINK) return true;
    if (checkpoint_sink_came(&ep->dir)) return ep->is_line = true;
    if (st->writes_out && !out_flush(&st->out, &e)) return false;
    for (int ms = 0; ms < LINE_READY_MS && !checkpoint_sink_came(&ep->dir); ms++) {
        struct pollfd out = {.fd = STDOUT_FILENO};
        if (poll(&out, 1, 1) > 0 && out.revents & (POLLERR | POLLHUP)) return false;
        if (report_stopped()) break;
    }
    return ep->is_line = true;
}

static void wait_for_line(struct stage *st) {
    if (!line_comes(st))
        epochs_fail(st, EXIT_IO, "a later stage of the pipeline is gone: start it again");
}

/* Rule 3. */
void epochs_plan(struct stage *st, bool final) {
    struct epochs *ep = st->epochs;
    struct err e;
    wait_for_line(st);
    struct plan p = {.epoch = ep->last + 1,
        .records = taken(st),
        .at = inputs_at(st->inputs),
        .clock = epochs_clock(st),
        .final = final};
    positions_keep(&p.at, &ep->position.at);
    if (ep->journal) {
        p.journaled = true;
        epochs_must(st, source_journal_seal(ep->journal, p.epoch, &p.journal, &e), &e);
    }
    plan_chain(&p, ep->plan);
    ep->plan = p.chain;
    epochs_must(st, plan_write(ep->dir.folder, &p, &e), &e);
    plan_free(&ep->position);
    ep->position = p;
}

/* Of a line that has not come together nothing is planned. */
void epochs_salvage(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (!ep || !ep->source || !ep->journal || ep->replay.epoch || ep->is_salvaged) return;
    if (!st->inputs || !taken(st) || ep->over || ep->position.epoch > ep->last) return;
    ep->is_salvaged = true;
    if (line_comes(st)) epochs_plan(st, false);
}

static void cut(struct stage *st) {
    inputs_meet_ends(st->inputs); /* which may make due what is held */
    stage_check_epoch(st);
    epochs_plan(st, false);
    epochs_close(st, st->epochs->position.epoch, false);
    begin_epoch(st);
}

int64_t epochs_clock(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (ep->replay.epoch) return ep->replay.clock;
    if (!ep->clock) ep->clock = clock_us(CLOCK_REALTIME);
    return ep->clock;
}

static bool is_due(struct stage *st) {
    struct epochs *ep = st->epochs;
    uint64_t n = taken(st);
    if (!n) return false;
    if (st->o.has_max_per_trigger && n >= (uint64_t)st->o.max_per_trigger) return true;
    return clock_us(CLOCK_MONOTONIC_COARSE) - ep->began_us >= st->o.trigger;
}

int epochs_wait_ms(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (!ep->source || !st->inputs || !taken(st)) return -1;
    int64_t left = st->o.trigger - (clock_us(CLOCK_MONOTONIC) - ep->began_us);
    return left > 0 ? (int)(left / 1000 + 1) : 0;
}

/* ---- replaying: rule 7 ---- */

/* Streams bring their watermarks beside the texts that positions know. */
static _Noreturn void refuse_watermark(struct stage *st) {
    bool journaled = st->epochs->replay.journaled;
    if (journaled && st->epochs->is_new)
        epochs_fail(st, EXIT_CONFIG,
            "the journal has events that were planned with other times: say --time and --lateness "
            "as before, or begin anew with --reset-state");
    epochs_fail(st, journaled ? EXIT_BUG : EXIT_BAD_DATA,
        journaled ? "an epoch comes from the journal with another watermark than was planned"
                  : "the watermarks of an input have changed where an earlier run had read them: "
                    "put it back, or begin anew with --reset-state");
}

static void check_replay(struct stage *st) {
    struct epochs *ep = st->epochs;
    wait_for_line(st);
    if (taken(st) != ep->replay.records)
        epochs_fail(st, ep->replay.journaled ? EXIT_CONFIG : EXIT_BAD_DATA,
            "less can be read of an epoch than was planned; put back what is missing, or begin "
            "anew with --reset-state");
    struct positions at = inputs_at(st->inputs);
    struct position_index planned = position_index_new(&ep->replay.at);
    /* The journal has its own checksum. */
    for (size_t i = 0; i < at.n && !ep->replay.journaled; i++) {
        const struct input_position *want = position_index_find(&planned, at.of[i].path);
        struct err e;
        if (want && want->records == at.of[i].records && want->check == at.of[i].check) continue;
        position_changed(&e);
        err_at(&e, "%s", at.of[i].path);
        stage_fail(st, &e);
    }
    if (at.stream != ep->replay.at.stream) refuse_watermark(st);
    position_index_free(&planned);
    positions_free(&at);
}

static void reopen(struct stage *st) {
    st->books.blank_before += inputs_blank(st->inputs);
    inputs_close(st->inputs);
    st->inputs = NULL;
    stage_open_inputs(st);
    begin_epoch(st);
}

/* The epoch that was read again has ended; the next one that is planned, or what nobody has read yet. */
static void next_plan(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    plan_free(&ep->position);
    ep->position = ep->replay;
    ep->replay = (struct plan){0};
    if (ep->last < ep->planned)
        epochs_must(st, plan_read(ep->dir.folder, ep->last + 1, &ep->replay, &e), &e);
    reopen(st);
}

bool epochs_replay(const struct stage *st) { return st->epochs && st->epochs->replay.epoch; }

static bool end_replay(struct stage *st) {
    struct epochs *ep = st->epochs;
    inputs_meet_ends(st->inputs);
    check_replay(st);
    ep->plan = ep->replay.chain;
    stage_check_epoch(st);
    epochs_close(st, ep->replay.epoch, false);
    next_plan(st);
    st->ended_early = st->has_enough && !epochs_replay(st);
    return !st->ended_early && epochs_go_on(st);
}

static bool replay_on(struct stage *st) {
    const struct plan *p = &st->epochs->replay;
    return taken(st) < p->records || p->final || end_replay(st);
}

/* ---- the end ---- */

static _Noreturn void refuse_more(struct stage *st) {
    epochs_fail(st, EXIT_CONFIG,
        "there is new input, but the stream was brought to its final end; begin anew with "
        "--reset-state");
}

void epochs_look_behind(struct stage *st) {
    struct event ev;
    struct err e;
    enum decoded d;
    if (st->has_enough) return;
    epochs_wait_for_sink(st);
    st->writes_out = false; /* all is said */
    next_plan(st);
    while ((d = inputs_next(st->inputs, &ev, &e)) == DECODED_CONTROL) continue;
    if (d == DECODED_FAILED || d == DECODED_ABORT) stage_fail(st, &e);
    if (d != DECODED_END) refuse_more(st);
}

_Noreturn void epochs_pause_source(struct stage *st) {
    if (taken(st)) cut(st);
    epochs_pause(st);
}

bool epochs_input_ends(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (!ep || !ep->source) return false;
    if (ep->replay.epoch && !ep->replay.final) return end_replay(st);
    if (ep->replay.epoch) {
        check_replay(st);
        ep->plan = ep->replay.chain;
        return false;
    }
    if (ep->over) epochs_end_again(st);
    if (st->o.final) return false;
    epochs_pause_source(st);
}

bool epochs_go_on(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (!ep->source || !st->inputs) return true;
    if (ep->replay.epoch) return replay_on(st);
    if (report_stopped()) epochs_pause_source(st);
    if (ep->over && taken(st)) refuse_more(st);
    if (is_due(st)) cut(st);
    return true;
}
