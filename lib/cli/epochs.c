#include "cli/epochs.h"

#include <inttypes.h>

#include "cli/epochs_inside.h"

static void check_order(struct stage *st, const struct control *c) {
    struct epochs *ep = st->epochs;
    struct err e;
    bool repeats = c->kind == CONTROL_END && c->epoch == ep->last;
    if (repeats || (c->previous == ep->last && c->epoch > ep->last)) return;
    err_set(&e, EXIT_IO,
        "the barrier of epoch %" PRIu64 " comes behind that of epoch %" PRIu64
        ": a filter between the tools dropped one",
        c->epoch, ep->last);
    stage_fail(st, &e);
}

bool epochs_control(struct stage *st, const struct control *c) {
    struct epochs *ep = st->epochs;
    if (!ep || ep->source) return true;
    check_order(st, c);
    if (c->committed > ep->committed) ep->committed = c->committed;
    ep->plan = c->plan;
    if (c->kind == CONTROL_BARRIER) {
        stage_check_epoch(st);
        epochs_close(st, c->epoch, false);
        return true;
    }
    if (!c->final) epochs_pause(st);
    if (c->epoch == ep->last) epochs_end_again(st);
    ep->end = c->epoch;
    return false;
}

_Noreturn void epochs_end(struct stage *st) {
    struct epochs *ep = st->epochs;
    uint64_t epoch = ep->source ? ep->last + 1 : ep->end;
    /* The tool has left input unread: a later run goes on. */
    if (ep->source && !st->o.final && !ep->replay.final) epochs_pause_source(st);
    if (ep->source && !ep->replay.epoch) epochs_plan(st, true);
    epochs_close(st, epoch, true);
    if (ep->replay.epoch) epochs_look_behind(st);
    epochs_leave(st);
}
