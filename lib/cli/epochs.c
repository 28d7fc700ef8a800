#include "cli/epochs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/io.h"
#include "cli/aside.h"
#include "cli/checkpoint.h"
#include "cli/plan.h"
#include "cli/query.h"
#include "cli/report.h"
#include "json/value.h"
#include "state/manifest.h"
#include "state/members.h"
#include "state/sealed.h"

enum { TRIGGER_US = 10 * SECOND_US, RELEASE_US = 60 * SECOND_US, SINK_LEFT_MS = 3000, POLL_MS = 2 };
enum { LOOK_AT_CLOCK = 64 }; /* each so many events */

struct epochs {
    struct checkpoint dir;
    char *pipeline, *uuid; /* owned */
    int64_t generation;
    uint64_t restored, planned; /* C and P */
    uint64_t last;              /* the newest that has ended here */
    uint64_t committed;
    struct state *state;
    uint64_t recorded; /* by the stage, up to this epoch: its outputs have what comes again */
    uint64_t plan;     /* the hash of the epoch that ends */
    int64_t released_us;
    /* of a later stage */
    struct control end; /* its final end */
    /* of the source stage */
    bool source;
    struct plan position; /* where the epoch at hand begins; of the last that was planned */
    struct plan replay;   /* the epoch at hand, where replay.epoch is not 0 */
    bool over;            /* the final end was acknowledged by an earlier run */
    uint64_t base;        /* records that had been taken when the epoch at hand began */
    int64_t clock;        /* its time, once it has a record */
    int64_t began_us;     /* by the monotonic clock */
    unsigned until_look;
};

static int64_t now_us(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * (int64_t)SECOND_US + t.tv_nsec / 1000;
}

static _Noreturn void fail(struct stage *st, enum exit_code code, const char *text) {
    struct err e;
    err_set(&e, code, "%s", text);
    stage_fail(st, &e);
}

/* ---- whose pipeline it is ---- */

/* Version 4 of RFC 9562. */
static char *new_uuid(void) {
    unsigned char r[16];
    struct buf text = {0};
    if (getrandom(r, sizeof r, 0) != sizeof r) abort();
    r[6] = (r[6] & 0x0F) | 0x40;
    r[8] = (r[8] & 0x3F) | 0x80;
    for (int i = 0; i < 16; i++)
        buf_printf(&text, "%02x%s", r[i], i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "");
    buf_addc(&text, 0);
    return text.p;
}

static char *default_name(const char *path) {
    char *real = realpath(path, NULL);
    const char *slash = real ? strrchr(real, '/') : NULL;
    char *name = mem_str(slice_of(slash && slash[1] ? slash + 1 : "pipeline"));
    free(real);
    return name;
}

static void write_pipeline(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    struct json_t *o = members_new();
    members_set_text(o, "pipeline", slice_of(ep->pipeline));
    members_set_text(o, "uuid", slice_of(ep->uuid));
    stage_must(st, sealed_write(ep->dir.root, "pipeline", (uint64_t)ep->generation + 1, o, &e), &e);
}

/* Of a generation that begins; a name that was given once stays. */
static void name_pipeline(struct stage *st, uint64_t newest) {
    struct epochs *ep = st->epochs;
    struct err e;
    struct json_t *o = newest ? sealed_read(ep->dir.root, "pipeline", newest, &e) : NULL;
    stage_must(st, o || !newest, &e);
    ep->generation = newest ? (int64_t)newest - 1 : 0;
    ep->pipeline = o                ? mem_str(members_text(o, "pipeline"))
                   : st->o.pipeline ? mem_str(slice_of(st->o.pipeline))
                                    : default_name(ep->dir.path);
    ep->uuid = o ? mem_str(members_text(o, "uuid")) : new_uuid();
    members_free(o);
    if (!st->o.pipeline || strcmp(st->o.pipeline, ep->pipeline) == 0) return;
    err_set(&e, EXIT_CONFIG, "--pipeline %s: the checkpoint is that of %s", st->o.pipeline,
        ep->pipeline);
    stage_fail(st, &e);
}

/* ---- joining ---- */

static const char *wanted(const struct stage *st) {
    const char *dir = st->o.checkpoint ? st->o.checkpoint : getenv("EV_CHECKPOINT");
    return dir && *dir ? dir : NULL;
}

static void check_alone(struct stage *st) {
    static const struct {
        const char *name;
        size_t at; /* of a bool */
    } needing[] = {{"--trigger", offsetof(struct stage_options, has_trigger)},
        {"--max-per-trigger", offsetof(struct stage_options, has_max_per_trigger)},
        {"--final", offsetof(struct stage_options, final)},
        {"--reset-state", offsetof(struct stage_options, reset_state)}};
    struct err e;
    for (size_t i = 0; i < sizeof needing / sizeof *needing; i++) {
        if (!*((const char *)&st->o + needing[i].at)) continue;
        if (wanted(st) && st->is_source) continue;
        err_set(&e, EXIT_USAGE,
            wanted(st) ? "%s belongs to the stage that reads the source, the first of the line"
                       : "%s needs a checkpoint: export EV_CHECKPOINT=DIR",
            needing[i].name);
        stage_fail(st, &e);
    }
}

/* What a redirection takes would be there twice after a crash. */
static void check_stdout(struct stage *st) {
    struct stat out;
    if (!st->writes_out || fstat(STDOUT_FILENO, &out) != 0 || !S_ISREG(out.st_mode)) return;
    fail(st, EXIT_USAGE,
        "standard output is a file, which cannot be written by epochs: put | evsink FILE in the "
        "place of > FILE, or run without the checkpoint: env -u EV_CHECKPOINT");
}

static void start_source(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    uint64_t newest;
    bool back;
    stage_must(st, sealed_newest(ep->dir.root, "pipeline", &newest, &e), &e);
    name_pipeline(st, newest);
    if (st->o.reset_state) {
        stage_must(st, checkpoint_clear(&ep->dir, &e), &e);
        ep->generation += newest > 0;
    }
    if (st->o.reset_state || !newest) write_pipeline(st);
    stage_must(st, checkpoint_choose(&ep->dir, &ep->restored, &ep->planned, &back, &e), &e);
    if (back)
        stage_note(st, "%s: parts of the checkpoint are missing, it goes back to epoch %" PRIu64,
            ep->dir.path, ep->restored);
    if (ep->restored)
        stage_must(st, plan_read(ep->dir.folder, ep->restored, &ep->position, &e), &e);
    ep->over = ep->position.final;
    if (ep->planned > ep->restored)
        stage_must(st, plan_read(ep->dir.folder, ep->restored + 1, &ep->replay, &e), &e);
    ep->last = ep->committed = ep->restored;
}

void epochs_join(struct stage *st) {
    struct err e;
    const char *path = wanted(st);
    check_alone(st);
    if (!path || st->looks_only) return;
    check_stdout(st);
    struct epochs *ep = st->epochs = mem_zero(1, sizeof *ep);
    const char *id = st->o.id ? st->o.id : st->tool->name;
    enum role role = !st->is_sink ? ROLE_STAGE : st->writes_out ? ROLE_PASSING_SINK : ROLE_SINK;
    crash_stage(id);
    ep->source = st->is_source;
    ep->began_us = now_us(CLOCK_MONOTONIC);
    stage_must(st, checkpoint_join(&ep->dir, path, id, role, &e), &e);
    if (role == ROLE_SINK) stage_must(st, checkpoint_is_line(&ep->dir, &e), &e);
    if (ep->source) start_source(st);
}

int epochs_folder(const struct stage *st) { return st->epochs ? st->epochs->dir.folder : -1; }

struct state *epochs_state(const struct stage *st) {
    return st->epochs ? st->epochs->state : NULL;
}

/* ---- what is read ---- */

static struct source_list paths_of(const struct positions *p) {
    struct source_list l = {.paths = mem_zero(p->n + 1, sizeof *l.paths), .n = p->n};
    for (size_t i = 0; i < p->n; i++) l.paths[i] = mem_str(slice_of(p->of[i].path));
    return l;
}

/* Standard input is known by the file that it is. */
static void name_standard_input(struct stage *st) {
    char path[PATH_MAX];
    struct stat in;
    for (size_t i = 0; i < st->sources.n; i++) {
        if (strcmp(st->sources.paths[i], "-") != 0) continue;
        ssize_t n = readlink("/proc/self/fd/0", path, sizeof path);
        if (fstat(STDIN_FILENO, &in) != 0 || !S_ISREG(in.st_mode) || n <= 0)
            fail(st, EXIT_USAGE,
                "standard input is a pipe, which cannot be read again after a crash: name the "
                "files");
        free(st->sources.paths[i]);
        st->sources.paths[i] = mem_str((struct slice){path, (size_t)n});
    }
}

static void check_sources(struct stage *st) {
    struct err e;
    name_standard_input(st);
    for (size_t i = 0; i < st->sources.n; i++) {
        const char *path = st->sources.paths[i];
        size_t at;
        bool named = utf8_valid(slice_of(path), &at);
        if (named && source_is_regular(path)) continue;
        err_set(&e, EXIT_USAGE, "%s: %s", path,
            named ? "is no file, and cannot be read again after a crash"
                  : "is a name that is not UTF-8, which the checkpoint cannot keep");
        stage_fail(st, &e);
    }
}

void epochs_choose_inputs(struct stage *st, struct inputs_options *o) {
    struct epochs *ep = st->epochs;
    if (!ep || !ep->source) return;
    bool replays = ep->replay.epoch > 0;
    if (!replays) check_sources(st);
    o->is_resumed = true;
    o->sources = replays ? paths_of(&ep->replay.at) : st->sources;
    o->from = ep->position.epoch ? &ep->position.at : NULL;
    o->upto = replays ? &ep->replay.at : NULL;
    o->decode.whole_lines = !replays && !st->o.final;
    ep->base = 0;
}

/* ---- what the stream tells ---- */

static void take_pipeline(struct stage *st, const struct control *open) {
    struct epochs *ep = st->epochs;
    ep->pipeline = mem_str(slice_of(open->pipeline.name));
    ep->uuid = mem_str(slice_of(open->pipeline.uuid));
    ep->generation = open->pipeline.generation;
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
        fail(st, EXIT_IO, "the stream ends before it begins: a tool upstream was killed");
    fail(st, EXIT_USAGE,
        "under a checkpoint plain text is not enough: evcat FILE | in front, or EV_WIRE=control, "
        "whose "
        "lines jq can read");
}

void epochs_take(struct stage *st) {
    const struct control *open = inputs_stream(st->inputs);
    bool told = open && open->pipeline.name;
    if (st->is_source) return;
    if (told && !st->epochs)
        fail(st, EXIT_CONFIG,
            "the stream that comes in is part of a checkpoint, of which this stage was not told: "
            "export EV_CHECKPOINT");
    if (!st->epochs) return;
    if (!open) refuse_text(st);
    if (!told)
        fail(st, EXIT_CONFIG,
            "the stream that comes in is not part of a checkpoint: export EV_CHECKPOINT before "
            "all stages");
    take_pipeline(st, open);
}

void epochs_complete_open(const struct stage *st, struct control *open) {
    const struct epochs *ep = st->epochs;
    if (!ep) return;
    open->pipeline = (struct control_pipeline){
        mem_str(slice_of(ep->pipeline)), mem_str(slice_of(ep->uuid)), ep->generation};
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
    stage_must(st, ep->state || err_at(&e, "%s/%s", ep->dir.path, ep->dir.id), &e);
    return ep->restored ? members_copy(state_meta(ep->state)) : NULL;
}

static struct json_t *read_manifest(struct stage *st, uint64_t epoch) {
    struct epochs *ep = st->epochs;
    struct manifest m;
    struct err e;
    bool ok = manifest_read(&m, ep->dir.folder, epoch, &e);
    stage_must(st, ok || err_at(&e, "%s/%s", ep->dir.path, ep->dir.id), &e);
    struct json_t *meta = members_copy(m.meta);
    manifest_free(&m);
    return meta;
}

static struct json_t *read_sealed(struct stage *st, uint64_t epoch) {
    struct epochs *ep = st->epochs;
    struct err e;
    struct json_t *o = sealed_read(ep->dir.folder, role_record(ep->dir.role), epoch, &e);
    stage_must(st, o || err_at(&e, "%s/%s", ep->dir.path, ep->dir.id), &e);
    return o;
}

/* What the stage recorded last: what it has published up to there is not published again. */
static struct json_t *newest_record(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    stage_must(st, sealed_newest(ep->dir.folder, role_record(ep->dir.role), &ep->recorded, &e), &e);
    if (!ep->recorded) return NULL;
    return ep->dir.role == ROLE_STAGE ? read_manifest(st, ep->recorded)
                                      : read_sealed(st, ep->recorded);
}

static struct json_t *restore_record(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (ep->dir.role == ROLE_STAGE) return restore_state(st);
    return ep->restored ? read_sealed(st, ep->restored) : NULL;
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

static void restore_sides(struct stage *st, const struct json_t *sides) {
    struct err e;
    for (enum aside k = 0; k < ASIDES; k++) {
        if (!st->aside[k]) continue;
        bool ok = side_restore(st->aside[k], members_get(sides, aside_option(k) + 2), &e);
        stage_must(st, ok || err_at(&e, "%s", aside_option(k)), &e);
    }
}

static struct txn txn_of(const struct stage *st, uint64_t epoch) {
    const struct epochs *ep = st->epochs;
    return (struct txn){ep->pipeline, ep->uuid, ep->dir.id, ep->generation, epoch, ep->plan};
}

/* Rule 5: a destination that is ahead by epochs that are planned is believed. */
static void ask_destination(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct txn mine = txn_of(st, ep->restored), found = {0};
    struct err e;
    stage_must(st, st->sink->recorded(st->sink, &mine, &found, &e), &e);
    if (found.epoch > ep->recorded) ep->recorded = found.epoch;
    if (!found.epoch && !ep->restored) return;
    if (found.epoch && (strcmp(found.uuid, ep->uuid) != 0 || found.generation != ep->generation)) {
        err_set(&e, EXIT_CONFIG,
            "%s: another pipeline named %s has written up to epoch %" PRIu64
            " there; --pipeline names this one otherwise",
            st->dest, ep->pipeline, found.epoch);
        stage_fail(st, &e);
    }
    if (found.epoch >= ep->restored && found.epoch <= ep->planned) return;
    err_set(&e, EXIT_CONFIG,
        "%s: has epoch %" PRIu64 ", and the checkpoint is at epoch %" PRIu64
        ": bring back the one that is behind, or begin anew with --reset-state",
        st->dest, found.epoch, ep->restored);
    stage_fail(st, &e);
}

static void restore_sink(struct stage *st, const struct json_t *newest) {
    struct err e;
    if (!st->sink) return;
    if (st->sink->restore)
        stage_must(st, st->sink->restore(st->sink, members_get(newest, "dest"), &e), &e);
    if (st->sink->recorded) ask_destination(st);
}

/* Once a field was in an event it counts as seen by all later runs. */
static void restore_seen(struct stage *st) {
    if (st->epochs->restored) st->n_unseen = 0;
}

void epochs_restore(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    if (!ep) return;
    struct json_t *newest = newest_record(st), *record = restore_record(st);
    check_identity(st, record);
    check_identity(st, newest);
    stage_must(st, query_check(st, ep->dir.folder, newest != NULL, &e), &e);
    restore_sides(st, members_get(newest, "sides"));
    restore_sink(st, newest);
    books_restore(&st->books, members_get(record, "books"));
    restore_seen(st);
    if (st->keeps) stage_must(st, st->keeps->restore(st, members_get(record, "tool"), &e), &e);
    members_free(record);
    members_free(newest);
}

/* ---- the end of an epoch ---- */

static struct json_t *save_sides(const struct stage *st) {
    struct json_t *o = members_new();
    for (enum aside k = 0; k < ASIDES; k++)
        if (st->aside[k]) members_set(o, aside_option(k) + 2, side_save(st->aside[k]));
    return o;
}

static struct json_t *make_record(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct json_t *o = members_new();
    report_count(st);
    members_set_text(o, "pipeline", slice_of(ep->pipeline));
    members_set_text(o, "uuid", slice_of(ep->uuid));
    members_set_number(o, "generation", ep->generation);
    members_set(o, "books", books_save(&st->books));
    members_set(o, "sides", save_sides(st));
    if (st->sink && st->sink->save) members_set(o, "dest", st->sink->save(st->sink));
    return o;
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
    struct txn t = txn_of(st, epoch);
    struct err e;
    bool has = epoch <= ep->recorded;
    bool ok = has ? st->sink->drop(st->sink, &e) : st->sink->commit(st->sink, &t, &e);
    ok = ok && (!final || !st->sink->finish || st->sink->finish(st->sink, &e));
    stage_must(st, ok, &e);
    crash_point("sink-published", epoch);
    if (has) return;
    ok = sealed_write(ep->dir.folder, role_record(ep->dir.role), epoch, make_record(st), &e);
    stage_must(st, ok || err_at(&e, "%s/%s", ep->dir.path, ep->dir.id), &e);
}

static void save_state(struct stage *st, uint64_t epoch) {
    struct epochs *ep = st->epochs;
    struct json_t *record = make_record(st), *tool = NULL;
    struct err e;
    bool ok = !st->keeps || st->keeps->save(st, ep->state, &tool, &e);
    if (tool) members_set(record, "tool", tool);
    ok = ok && state_snapshot(ep->state, epoch, record, &e);
    stage_must(st, ok || err_at(&e, "%s/%s", ep->dir.path, ep->dir.id), &e);
}

/* Rule 6: only now may go what was committed before. */
static void release(struct stage *st) {
    struct epochs *ep = st->epochs;
    int64_t now = now_us(CLOCK_MONOTONIC);
    if (now - ep->released_us < RELEASE_US) return;
    ep->released_us = now;
    if (ep->state) state_release(ep->state, ep->committed);
    else sealed_release(ep->dir.folder, role_record(ep->dir.role), ep->committed, STATE_KEEP_US);
    if (ep->source) sealed_release(ep->dir.folder, "plan", ep->committed, STATE_KEEP_US);
}

static void tell(struct stage *st, struct control c) {
    struct err e;
    if (!st->writes_out) return;
    out_watermark(&st->out, stage_watermark(st));
    out_control(&st->out, &c);
    stage_must(st, out_flush(&st->out, &e), &e);
}

/* What the barrier announces. */
static uint64_t committed_at(struct stage *st, uint64_t epoch) {
    struct epochs *ep = st->epochs;
    struct err e;
    if (ep->source && ep->dir.role == ROLE_SINK) ep->committed = epoch;
    else if (ep->source) stage_must(st, checkpoint_committed(&ep->dir, &ep->committed, &e), &e);
    return ep->committed < epoch ? ep->committed : epoch;
}

static void close_epoch(struct stage *st, uint64_t epoch, bool final) {
    struct epochs *ep = st->epochs;
    crash_point("epoch-ends", epoch);
    publish_sides(st, epoch, final);
    if (st->sink) publish_sink(st, epoch, final);
    else save_state(st, epoch);
    tell(st, (struct control){.kind = final ? CONTROL_END : CONTROL_BARRIER,
                 .final = final,
                 .epoch = epoch,
                 .previous = ep->last,
                 .committed = committed_at(st, epoch)});
    crash_point("barrier-sent", epoch);
    ep->last = epoch;
    release(st);
    if (st->o.stats && !final) report_books(st);
}

/* ---- the source stage ---- */

static uint64_t taken(struct stage *st) { return inputs_taken(st->inputs) - st->epochs->base; }

static void begin_epoch(struct stage *st) {
    struct epochs *ep = st->epochs;
    ep->base = inputs_taken(st->inputs);
    ep->began_us = now_us(CLOCK_MONOTONIC);
    ep->clock = 0;
}

/* Rule 3. */
static void plan_epoch(struct stage *st, bool final) {
    struct epochs *ep = st->epochs;
    struct err e;
    struct plan p = {.epoch = ep->last + 1,
        .records = taken(st),
        .at = inputs_at(st->inputs),
        .clock = ep->clock,
        .final = final};
    plan_chain(&p, ep->plan);
    ep->plan = p.chain;
    bool ok = plan_write(ep->dir.folder, &p, &e) || err_at(&e, "%s/%s", ep->dir.path, ep->dir.id);
    plan_free(&ep->position);
    ep->position = p;
    stage_must(st, ok, &e);
}

static void cut(struct stage *st) {
    stage_check_epoch(st);
    plan_epoch(st, false);
    close_epoch(st, st->epochs->position.epoch, false);
    begin_epoch(st);
}

static bool is_due(struct stage *st) {
    struct epochs *ep = st->epochs;
    uint64_t n = taken(st);
    if (!n) return false;
    if (!ep->clock) ep->clock = now_us(CLOCK_REALTIME);
    if (st->o.has_max_per_trigger && n >= (uint64_t)st->o.max_per_trigger) return true;
    if (ep->until_look--) return false;
    ep->until_look = LOOK_AT_CLOCK;
    int64_t trigger = st->o.has_trigger ? st->o.trigger : TRIGGER_US;
    return now_us(CLOCK_MONOTONIC) - ep->began_us >= trigger;
}

int epochs_wait_ms(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (!ep->source || !st->inputs || !taken(st)) return -1;
    int64_t trigger = st->o.has_trigger ? st->o.trigger : TRIGGER_US;
    int64_t left = trigger - (now_us(CLOCK_MONOTONIC) - ep->began_us);
    return left > 0 ? (int)(left / 1000 + 1) : 0;
}

/* ---- replaying: rule 7 ---- */

static void check_replay(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct positions at = inputs_at(st->inputs);
    for (size_t i = 0; i < at.n; i++) {
        const struct input_position *want = positions_find(&ep->replay.at, at.of[i].path);
        struct err e;
        if (want && want->records == at.of[i].records && want->check == at.of[i].check) continue;
        position_changed(&e);
        err_at(&e, "%s", at.of[i].path);
        stage_fail(st, &e);
    }
    positions_free(&at);
}

static void reopen(struct stage *st) {
    st->books.blank_before += inputs_blank(st->inputs);
    inputs_close(st->inputs);
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
        stage_must(st, plan_read(ep->dir.folder, ep->last + 1, &ep->replay, &e), &e);
    reopen(st);
}

static bool replay_on(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (taken(st) < ep->replay.records || ep->replay.final) return true;
    check_replay(st);
    ep->plan = ep->replay.chain;
    stage_check_epoch(st);
    close_epoch(st, ep->replay.epoch, false);
    next_plan(st);
    return epochs_go_on(st);
}

/* ---- the end ---- */

/* Rule 10. */
static void wait_for_sink(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    if (ep->dir.role == ROLE_SINK) return;
    for (int gone_ms = 0; gone_ms < SINK_LEFT_MS; gone_ms += POLL_MS) {
        stage_must(st, checkpoint_committed(&ep->dir, &ep->committed, &e), &e);
        if (ep->committed >= ep->last) return;
        if (checkpoint_has_sink(&ep->dir)) gone_ms = 0;
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000}, NULL);
        report_check();
    }
    err_set(&e, EXIT_IO,
        "epoch %" PRIu64 " was not acknowledged: evsink at the end is gone, or there is none",
        ep->last);
    stage_fail(st, &e);
}

static _Noreturn void leave(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (ep->source) wait_for_sink(st);
    exit(stage_leave(st));
}

static _Noreturn void end_pause(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct buf open = {0};
    if (st->left_open) st->left_open(st, &open);
    if (open.n)
        stage_note(st, "%.*s; a later run goes on, with --final at its source it closes them",
            (int)open.n, open.p);
    buf_free(&open);
    tell(st, (struct control){.kind = CONTROL_END,
                 .epoch = ep->last,
                 .previous = ep->last,
                 .committed = committed_at(st, ep->last)});
    leave(st);
}

/* Rule 8: nothing is left to be done. */
static _Noreturn void end_again(struct stage *st) {
    struct epochs *ep = st->epochs;
    tell(st, (struct control){.kind = CONTROL_END,
                 .final = true,
                 .epoch = ep->last,
                 .previous = ep->last,
                 .committed = committed_at(st, ep->last)});
    leave(st);
}

static _Noreturn void pause_source(struct stage *st) {
    if (taken(st)) cut(st);
    end_pause(st);
}

bool epochs_input_ends(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (!ep || !ep->source) return false;
    if (ep->replay.epoch) {
        check_replay(st);
        ep->plan = ep->replay.chain;
        return false;
    }
    if (ep->over) end_again(st);
    if (st->o.final) return false;
    pause_source(st);
}

bool epochs_go_on(struct stage *st) {
    struct epochs *ep = st->epochs;
    if (!ep->source) return true;
    if (ep->replay.epoch) return replay_on(st);
    if (report_stopped()) pause_source(st);
    if (ep->over && taken(st))
        fail(st, EXIT_CONFIG,
            "there is new input, but the stream was brought to its final end; begin anew with "
            "--reset-state");
    if (is_due(st)) cut(st);
    return true;
}

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
        close_epoch(st, c->epoch, false);
        return true;
    }
    if (!c->final) end_pause(st);
    if (c->epoch == ep->last) end_again(st);
    ep->end.epoch = c->epoch;
    return false;
}

_Noreturn void epochs_end(struct stage *st) {
    struct epochs *ep = st->epochs;
    uint64_t epoch = ep->source ? ep->last + 1 : ep->end.epoch;
    /* The tool has left input unread: a later run goes on. */
    if (ep->source && !st->o.final && !ep->replay.final) pause_source(st);
    if (ep->source && !ep->replay.epoch) plan_epoch(st, true);
    close_epoch(st, epoch, true);
    leave(st);
}
