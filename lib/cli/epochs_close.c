#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/aside.h"
#include "cli/epochs_inside.h"
#include "cli/report.h"
#include "state/sealed.h"

enum { RELEASE_US = 60 * SECOND_US, SINK_LEFT_MS = 3000, POLL_MS = 2 };

/* ---- the end of an epoch ---- */

/* The one that writes there now. */
static struct side *side_of(const struct stage *st, struct slice dest) {
    for (enum aside k = 0; k < ASIDES; k++)
        if (st->aside[k] && slice_is(dest, st->aside_dest[k])) return st->aside[k];
    return NULL;
}

static struct json_t *save_sides(const struct stage *st) {
    struct json_t *o = members_new();
    for (enum aside k = 0; k < ASIDES; k++) {
        const char *name = aside_option(k) + 2;
        const struct json_t *before = members_get(st->epochs->sides, name);
        struct side *s = st->aside[k];
        if (!s && before) s = side_of(st, members_text(before, "dest"));
        if (s) members_set(o, name, side_save(s));
        else if (before) members_set(o, name, members_copy(before));
    }
    return o;
}

/* Whose it is, and where its output goes. */
static struct json_t *make_identity(const struct stage *st) {
    const struct epochs *ep = st->epochs;
    struct json_t *o = members_new();
    members_set_text(o, "pipeline", slice_of(ep->pipeline));
    members_set_text(o, "uuid", slice_of(ep->uuid));
    members_set_number(o, "generation", ep->generation);
    if (ep->stages) members_set_text(o, "stages", slice_of(ep->stages));
    if (st->dest) members_set_text(o, "to", slice_of(st->dest));
    members_set(o, "sides", save_sides(st));
    return o;
}

static struct json_t *make_record(struct stage *st) {
    struct json_t *o = make_identity(st);
    report_count(st);
    members_set(o, "books", books_save(&st->books));
    if (st->sink && st->sink->save) members_set(o, "dest", st->sink->save(st->sink));
    return o;
}

/* Is something published into of which no record tells? */
static bool begins_output(const struct stage *st) {
    const struct epochs *ep = st->epochs;
    bool begins = st->sink && !ep->recorded && !ep->begun;
    for (enum aside k = 0; k < ASIDES; k++)
        begins = begins || (st->aside[k] && !epochs_side_of(st, k));
    return begins;
}

/* Who goes on after a death in the midst of it writes the same there. */
static void begin_output(struct stage *st, uint64_t epoch) {
    struct epochs *ep = st->epochs;
    struct err e;
    uint64_t as = epoch > ep->begun ? epoch : ep->begun;
    if (epoch != ep->recorded + 1 || !begins_output(st)) return;
    epochs_must(st, sealed_write(ep->dir.folder, "begun", as, make_identity(st), &e), &e);
}

/* Rule 4: side outputs before the state. */
static void publish_sides(struct stage *st, uint64_t epoch, bool final) {
    struct err e;
    bool has = epoch <= st->epochs->recorded;
    for (enum aside k = 0; k < ASIDES; k++) {
        struct side *s = st->aside[k];
        if (!s) continue;
        bool ok = has ? side_forget(s, &e) : side_commit(s, &e);
        ok = ok && (!final || side_finish(s, &e));
        stage_must(st, ok || err_at(&e, "%s", aside_option(k)), &e);
    }
    crash_point("sides-published", epoch);
}

/* Rule 5: the output before its acknowledgement. */
static void publish_sink(struct stage *st, uint64_t epoch, bool final) {
    struct epochs *ep = st->epochs;
    struct txn t = epochs_txn(st, epoch);
    struct err e;
    bool has = epoch <= ep->recorded;
    bool ok =
        has && st->sink->drop ? st->sink->drop(st->sink, &e) : st->sink->commit(st->sink, &t, &e);
    ok = ok && (!final || !st->sink->finish || st->sink->finish(st->sink, &e));
    stage_must(st, ok, &e);
    crash_point("sink-published", epoch);
    if (has) return;
    ok = sealed_write(ep->dir.folder, role_record(ep->dir.role), epoch, make_record(st), &e);
    epochs_must(st, ok, &e);
}

static void save_state(struct stage *st, uint64_t epoch) {
    struct epochs *ep = st->epochs;
    struct json_t *record = make_record(st), *tool = NULL;
    struct err e;
    bool ok = !st->keeps || st->keeps->save(st, ep->state, &tool, &e);
    if (tool) members_set(record, "tool", tool);
    ok = ok && state_snapshot(ep->state, epoch, record, &e);
    epochs_must(st, ok, &e);
}

/* Rule 6: only now may go what was committed before. */
static void release(struct stage *st) {
    struct epochs *ep = st->epochs;
    /* Raw events are kept no longer than they must. */
    for (; ep->source && ep->journaled < ep->committed; ep->journaled++)
        source_journal_remove(ep->dir.folder, ep->journaled + 1);
    int64_t now = clock_us(CLOCK_MONOTONIC);
    if (now - ep->released_us < RELEASE_US) return;
    ep->released_us = now;
    if (ep->state) state_release(ep->state, ep->committed);
    else sealed_release(ep->dir.folder, role_record(ep->dir.role), ep->committed, STATE_KEEP_US);
    if (ep->source) sealed_release(ep->dir.folder, "plan", ep->committed, STATE_KEEP_US);
}

/* What the barrier announces. */
static uint64_t committed_at(struct stage *st, uint64_t epoch) {
    struct epochs *ep = st->epochs;
    struct err e;
    if (ep->source && ep->dir.role == ROLE_SINK) ep->committed = epoch;
    else if (ep->source) stage_must(st, checkpoint_committed(&ep->dir, &ep->committed, &e), &e);
    return ep->committed < epoch ? ep->committed : epoch;
}

static void tell(struct stage *st, enum control_kind kind, bool final, uint64_t epoch) {
    const struct epochs *ep = st->epochs;
    struct control c = {.kind = kind,
        .final = final,
        .epoch = epoch,
        .previous = ep->last,
        .committed = committed_at(st, epoch),
        .plan = ep->plan};
    struct err e;
    if (!st->writes_out) return;
    out_watermark(&st->out, stage_watermark(st));
    out_control(&st->out, &c);
    stage_must(st, out_flush(&st->out, &e), &e);
}

void epochs_close(struct stage *st, uint64_t epoch, bool final) {
    struct epochs *ep = st->epochs;
    crash_point("epoch-ends", epoch);
    begin_output(st, epoch);
    publish_sides(st, epoch, final);
    if (st->sink) publish_sink(st, epoch, final);
    else save_state(st, epoch);
    tell(st, final ? CONTROL_END : CONTROL_BARRIER, final, epoch);
    crash_point("barrier-sent", epoch);
    ep->last = epoch;
    release(st);
    if (st->o.stats && !final) report_books(st);
}

/* ---- the end ---- */

/* So that a filter behind us, which may keep all until then, comes to its end. */
static void close_stdout(void) {
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) (void)dup2(null, STDOUT_FILENO);
}

static bool is_acknowledged(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    stage_must(st, checkpoint_committed(&ep->dir, &ep->committed, &e), &e);
    return ep->committed >= ep->last;
}

/* Rule 10. One that has not come yet is waited for, some seconds; one of an earlier run, that does not die, is not ours. */
void epochs_wait_for_sink(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    if (ep->dir.role == ROLE_SINK) return;
    close_stdout();
    for (int gone_ms = 0; gone_ms < SINK_LEFT_MS; gone_ms += POLL_MS) {
        /* In this order: evsink acknowledges, and leaves. */
        bool came = checkpoint_sink_came(&ep->dir);
        bool has_sink = checkpoint_has_sink(&ep->dir);
        if (is_acknowledged(st)) return;
        if (came && !has_sink) break;
        if (came) gone_ms = 0;
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000}, NULL);
        report_check();
    }
    err_set(&e, EXIT_IO,
        "epoch %" PRIu64 " was not acknowledged: evsink at the end is gone, or there is none",
        ep->last);
    stage_fail(st, &e);
}

_Noreturn void epochs_leave(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (ep->source) epochs_wait_for_sink(st);
    release(st);
    source_journal_close(ep->journal);
    exit(stage_leave(st));
}

_Noreturn void epochs_pause(struct stage *st) {
    struct buf open = {0};
    if (st->left_open) st->left_open(st, &open);
    if (open.n)
        stage_note(st, "%.*s; a later run goes on, with --final at its source it closes them",
            (int)open.n, open.p);
    buf_free(&open);
    tell(st, CONTROL_END, false, st->epochs->last);
    epochs_leave(st);
}

/* Rule 8: nothing is left to be done. */
_Noreturn void epochs_end_again(struct stage *st) {
    tell(st, CONTROL_END, true, st->epochs->last);
    epochs_leave(st);
}
