#include <inttypes.h>
#include <stdlib.h>

#include "cli/aside.h"
#include "cli/epochs_inside.h"
#include "cli/query.h"
#include "state/manifest.h"
#include "state/sealed.h"

/* ---- what the stream tells ---- */

static void take_pipeline(struct stage *st, const struct control *open) {
    struct epochs *ep = st->epochs;
    ep->pipeline = mem_str(slice_of(open->pipeline.name));
    ep->uuid = mem_str(slice_of(open->pipeline.uuid));
    ep->generation = open->pipeline.generation;
    ep->keeps_output = open->pipeline.keeps;
    if (open->pipeline.stages) ep->stages = mem_str(slice_of(open->pipeline.stages));
    ep->restored = ep->last = ep->committed = open->epoch;
    ep->planned = open->planned;
}

/* A tool upstream that failed before it could begin a stream has said why in a line of text. */
static _Noreturn void refuse_text(struct stage *st) {
    struct event ev;
    struct err e;
    enum decoded what = inputs_next(st->inputs, &ev, &e);
    if (what == DECODED_ABORT || what == DECODED_FAILED) stage_fail(st, &e);
    if (what == DECODED_END)
        epochs_fail(st, EXIT_IO, "the stream ends before it begins: a tool upstream was killed");
    epochs_fail(st, EXIT_USAGE,
        "under a checkpoint plain text is not enough: evcat FILE | in front, or EV_WIRE=control, "
        "whose lines jq can read");
}

/* The source stage has said there whose it is, before it began the stream. */
static void check_folder(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    struct json_t *o = sealed_read(ep->dir.root, "pipeline", (uint64_t)ep->generation + 1, &e);
    bool same = o && slice_is(members_text(o, "uuid"), ep->uuid);
    members_free(o);
    if (same) return;
    err_set(&e, EXIT_CONFIG,
        "%s: is not the checkpoint of the stages upstream: export one EV_CHECKPOINT, an absolute "
        "path, before all of them",
        ep->dir.path);
    stage_fail(st, &e);
}

void epochs_take(struct stage *st) {
    const struct control *open = inputs_stream(st->inputs);
    bool told = open && open->pipeline.name;
    if (st->is_source && st->epochs && told)
        epochs_fail(st, EXIT_USAGE,
            "the stream that comes in has its source already: under a checkpoint evcat, and a tool "
            "with -i, begins a line; those behind it filter with --where");
    if (st->is_source) return;
    if (told && !st->epochs)
        epochs_fail(st, EXIT_CONFIG,
            "the stream that comes in is part of a checkpoint, of which this stage was not told: "
            "export EV_CHECKPOINT");
    if (!st->epochs) return;
    if (!open) refuse_text(st);
    if (!told)
        epochs_fail(st, EXIT_CONFIG,
            "the stream that comes in is not part of a checkpoint: export EV_CHECKPOINT before "
            "all stages");
    take_pipeline(st, open);
    check_folder(st);
}

void epochs_complete_open(const struct stage *st, struct control *open) {
    const struct epochs *ep = st->epochs;
    if (!ep) return;
    struct buf stages = {0};
    buf_printf(&stages, "%s%s/%c", ep->stages ? ep->stages : "", ep->dir.id, 0);
    open->pipeline = (struct control_pipeline){.name = mem_str(slice_of(ep->pipeline)),
        .uuid = mem_str(slice_of(ep->uuid)),
        .generation = ep->generation,
        .stages = stages.p,
        .keeps = ep->keeps_output};
    open->epoch = ep->restored;
    open->planned = ep->planned;
}

/* ---- restoring ---- */

static bool load(void *ctx, const struct state_entry *entry, struct err *e) {
    struct stage *st = ctx;
    return st->keeps && st->keeps->load(st, entry, e);
}

static struct json_t *restore_state(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    struct state_options o = {.folder = ep->dir.folder,
        .tables = st->keeps ? st->keeps->tables : NULL,
        .n_tables = st->keeps ? st->keeps->n_tables : 0,
        .keep_us = STATE_KEEP_US};
    ep->state = state_open(&o, ep->restored, load, st, &e);
    epochs_must(st, ep->state, &e);
    return ep->restored ? members_copy(state_meta(ep->state)) : NULL;
}

static struct json_t *read_manifest(struct stage *st, uint64_t epoch) {
    struct epochs *ep = st->epochs;
    struct manifest m;
    struct err e;
    bool ok = manifest_read(&m, ep->dir.folder, epoch, &e);
    epochs_must(st, ok, &e);
    struct json_t *meta = members_copy(m.meta);
    manifest_free(&m);
    return meta;
}

static struct json_t *read_sealed(struct stage *st, const char *role, uint64_t epoch) {
    struct epochs *ep = st->epochs;
    struct err e;
    struct json_t *o = sealed_read(ep->dir.folder, role, epoch, &e);
    epochs_must(st, o, &e);
    return o;
}

/* A stage that has ended already, with this id, left records of its own kind. */
static void check_id(struct stage *st) {
    struct epochs *ep = st->epochs;
    for (enum role r = ROLE_STAGE; r <= ROLE_PASSING_SINK; r++) {
        struct err e;
        uint64_t epoch = 0;
        if (r == ep->dir.role) continue;
        epochs_must(st, sealed_newest(ep->dir.folder, role_record(r), &epoch, &e), &e);
        if (!epoch) continue;
        err_set(&e, EXIT_USAGE,
            "another stage of this pipeline has the id %s: --id names one of them otherwise",
            ep->dir.id);
        stage_fail(st, &e);
    }
}

/* What the stage recorded last: what it has published up to there is not published again. */
static struct json_t *newest_record(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    bool ok = sealed_newest(ep->dir.folder, role_record(ep->dir.role), &ep->recorded, &e) &&
              sealed_newest(ep->dir.folder, "begun", &ep->begun, &e);
    epochs_must(st, ok, &e);
    if (!ep->recorded) return NULL;
    return ep->dir.role == ROLE_STAGE ? read_manifest(st, ep->recorded)
                                      : read_sealed(st, role_record(ep->dir.role), ep->recorded);
}

static struct json_t *restore_record(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (ep->dir.role == ROLE_STAGE) return restore_state(st);
    return ep->restored ? read_sealed(st, role_record(ep->dir.role), ep->restored) : NULL;
}

static void check_identity(struct stage *st, const struct json_t *record) {
    struct epochs *ep = st->epochs;
    struct err e;
    if (!record || (slice_is(members_text(record, "uuid"), ep->uuid) &&
                       members_number(record, "generation") == ep->generation))
        return;
    err_set(&e, EXIT_CONFIG,
        "%s/%s is of another pipeline than the stream that comes in: give each its own "
        "EV_CHECKPOINT",
        ep->dir.path, ep->dir.id);
    stage_fail(st, &e);
}

/* One that is left out now: what an epoch has published that comes again goes with it. */
static bool leave_side(const struct stage *st, const struct json_t *saved, struct err *e) {
    bool again = st->epochs->planned > st->epochs->recorded;
    return !again || !saved || side_take_back(saved, e);
}

/* A file may have been of another kind so far, and goes on then. */
const struct json_t *epochs_side_of(const struct stage *st, enum aside which) {
    const struct json_t *sides = st->epochs->sides;
    const struct json_t *own = members_get(sides, aside_option(which) + 2);
    for (enum aside k = 0; !own && st->aside[which] && k < ASIDES; k++) {
        const struct json_t *other = members_get(sides, aside_option(k) + 2);
        if (slice_is(members_text(other, "dest"), st->aside_dest[which])) own = other;
    }
    return own;
}

/* Of what was begun only the names count: how far it has come nobody knows. */
static void take_sides(struct stage *st, const struct json_t *newest, const struct json_t *begun) {
    const struct json_t *sides = members_get(newest, "sides");
    struct json_t *all = st->epochs->sides = sides ? members_copy(sides) : members_new();
    for (enum aside k = 0; k < ASIDES; k++) {
        const char *name = aside_option(k) + 2;
        const struct json_t *side = members_get(members_get(begun, "sides"), name);
        if (!side || members_get(all, name)) continue;
        struct json_t *o = members_new();
        members_set_text(o, "dest", members_text(side, "dest"));
        members_set_flag(o, "stream", members_flag(side, "stream"));
        members_set(all, name, o);
    }
}

static void restore_sides(struct stage *st) {
    struct err e;
    for (enum aside k = 0; k < ASIDES; k++) {
        const struct json_t *saved = epochs_side_of(st, k);
        bool ok = st->aside[k] ? side_restore(st->aside[k], saved, &e) : leave_side(st, saved, &e);
        stage_must(st, ok || err_at(&e, "%s", aside_option(k)), &e);
    }
}

struct txn epochs_txn(const struct stage *st, uint64_t epoch) {
    const struct epochs *ep = st->epochs;
    return (struct txn){ep->pipeline, ep->uuid, ep->dir.id, ep->generation, epoch, ep->plan};
}

static _Noreturn void refuse_foreign(struct stage *st, const struct txn *found) {
    const struct epochs *ep = st->epochs;
    bool is_reset = strcmp(found->uuid, ep->uuid) == 0;
    struct err e;
    err_set(&e, EXIT_CONFIG, "%s: %s %s has written up to epoch %" PRIu64 " there%s; %s", st->dest,
        is_reset ? "pipeline" : "another pipeline named", ep->pipeline, found->epoch,
        is_reset ? " before it was reset" : "",
        is_reset ? "a folder is not replaced: empty it, or keep what is there: --reset-state "
                   "--output keep"
                 : "begin this one under another name: --reset-state --output keep --pipeline NAME "
                   "at its first stage");
    stage_fail(st, &e);
}

/* Of the generation before, which stays. */
static bool is_kept(const struct epochs *ep, const struct txn *found) {
    return ep->keeps_output && found->epoch && strcmp(found->uuid, ep->uuid) == 0 &&
           found->generation < ep->generation;
}

/* Another one may have what was begun. */
static void check_destination(struct stage *st, const struct json_t *known) {
    struct slice to = members_text(known, "to");
    struct err e;
    if (!known || slice_is(to, st->dest)) return;
    err_set(&e, EXIT_CONFIG,
        "%s: this checkpoint has written into %s so far; name that, or begin anew with "
        "--reset-state",
        st->dest, QUOTED(to));
    stage_fail(st, &e);
}

/* Rule 5: a destination that is ahead by epochs that are planned is believed. */
static void ask_destination(struct stage *st, const struct json_t *known) {
    struct epochs *ep = st->epochs;
    struct txn mine = epochs_txn(st, ep->restored), found = {0};
    struct err e;
    stage_must(st, st->sink->recorded(st->sink, &mine, &found, &e), &e);
    if (is_kept(ep, &found)) found = (struct txn){0};
    if (!found.epoch && !ep->restored) {
        check_destination(st, known);
        return;
    }
    if (found.epoch && (strcmp(found.uuid, ep->uuid) != 0 || found.generation != ep->generation))
        refuse_foreign(st, &found);
    if (found.epoch >= ep->restored && found.epoch <= ep->planned) return;
    err_set(&e, EXIT_CONFIG,
        "%s: has epoch %" PRIu64 ", and the checkpoint is at epoch %" PRIu64
        ": bring back the one that is behind, or begin anew with --reset-state",
        st->dest, found.epoch, ep->restored);
    stage_fail(st, &e);
}

/* Where the output of the generation before ends is known before anything comes behind it. */
static void keep_output(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    uint64_t kept;
    struct json_t *o = NULL;
    epochs_must(st, sealed_newest(ep->dir.folder, "kept", &kept, &e), &e);
    if (kept) {
        o = sealed_read(ep->dir.folder, "kept", 1, &e);
        epochs_must(st, o != NULL, &e);
        stage_must(st, st->sink->restore(st->sink, members_get(o, "dest"), &e), &e);
        members_free(o);
        return;
    }
    stage_must(st, st->sink->keep(st->sink, &e), &e);
    o = members_new();
    members_set(o, "dest", st->sink->save(st->sink));
    epochs_must(st, sealed_write(ep->dir.folder, "kept", 1, o, &e), &e);
}

static void restore_sink(
    struct stage *st, const struct json_t *newest, const struct json_t *known) {
    struct epochs *ep = st->epochs;
    struct err e;
    if (!st->sink) return;
    if (!newest && !st->sink->recorded) check_destination(st, known);
    if (!newest && ep->keeps_output && st->sink->keep) keep_output(st);
    else if (newest && st->sink->restore)
        stage_must(st, st->sink->restore(st->sink, members_get(newest, "dest"), &e), &e);
    if (st->sink->recorded) ask_destination(st, known);
}

/* Once a field was in an event it counts as seen by all later runs. */
static void restore_seen(struct stage *st) {
    if (st->epochs->restored) st->n_unseen = 0;
}

/* A line that was changed cannot go on: with a stage more that one has no state, with one less its state stays behind. */
static void check_part(struct stage *st, const struct json_t *newest, const struct json_t *known) {
    struct epochs *ep = st->epochs;
    struct slice was = members_text(known, "stages"), is = slice_of(ep->stages ? ep->stages : "");
    struct err e;
    bool ok = ep->dir.role != ROLE_SINK ||
              (checkpoint_is_line(&ep->dir, &e) && checkpoint_has_only(&ep->dir, is.p, &e));
    stage_must(st, ok, &e);
    if (ep->restored && !newest)
        err_set(&e, EXIT_CONFIG,
            "%s: %s was not in the line that has come to epoch %" PRIu64
            ": run that one, or begin anew with --reset-state",
            ep->dir.path, ep->dir.id, ep->restored);
    else if (known && !slice_eq(was, is))
        err_set(&e, EXIT_CONFIG,
            "%s: the stages in front of %s were %s and are %s: run the line as it was, or begin "
            "anew with --reset-state",
            ep->dir.path, ep->dir.id, was.n ? QUOTED(was) : "none", is.n ? QUOTED(is) : "none");
    else return;
    stage_fail(st, &e);
}

void epochs_restore(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    if (!ep) return;
    check_id(st);
    struct json_t *newest = newest_record(st);
    struct json_t *begun = ep->begun > ep->recorded ? read_sealed(st, "begun", ep->begun) : NULL;
    const struct json_t *known = begun ? begun : newest;
    check_identity(st, known);
    check_part(st, newest, known);
    stage_must(st, query_check(st, &ep->dir, known != NULL, &e), &e);
    struct json_t *record = restore_record(st);
    check_identity(st, record);
    take_sides(st, newest, begun);
    restore_sides(st);
    restore_sink(st, newest, known);
    books_restore(&st->books, members_get(record, "books"));
    restore_seen(st);
    if (st->keeps) stage_must(st, st->keeps->restore(st, members_get(record, "tool"), &e), &e);
    members_free(record);
    members_free(begun);
    members_free(newest);
    epochs_must(st, checkpoint_ready(&ep->dir, &e), &e);
}
