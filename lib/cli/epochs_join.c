#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/epochs_inside.h"
#include "cli/query.h"
#include "json/value.h"
#include "source/logged.h"
#include "state/sealed.h"

_Noreturn void epochs_fail(struct stage *st, enum exit_code code, const char *text) {
    struct err e;
    err_set(&e, code, "%s", text);
    stage_fail(st, &e);
}

void epochs_must(struct stage *st, bool ok, struct err *e) {
    const struct epochs *ep = st->epochs;
    stage_must(st, ok || err_at(e, "%s/%s", ep->dir.path, ep->dir.id), e);
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

/* The checkpoint keeps names as JSON does. */
static void check_name(struct stage *st, const char *name) {
    struct err e;
    if (!name || utf8_valid(slice_of(name), NULL)) return;
    err_set(
        &e, EXIT_USAGE, "%s: is a name that is not UTF-8, which the checkpoint cannot keep", name);
    stage_fail(st, &e);
}

static void write_pipeline(struct stage *st, const char *as) {
    struct epochs *ep = st->epochs;
    struct err e;
    struct json_t *o = members_new();
    members_set_text(o, "pipeline", slice_of(ep->pipeline));
    members_set_text(o, "uuid", slice_of(ep->uuid));
    members_set_flag(o, "keep", ep->keeps_output);
    bool ok = sealed_write(ep->dir.root, as, (uint64_t)ep->generation + 1, o, &e);
    stage_must(st, ok || err_at(&e, "%s", ep->dir.path), &e);
}

/* A name that was given once stays, unless all begins anew. */
static void name_pipeline(struct stage *st, uint64_t newest) {
    struct epochs *ep = st->epochs;
    struct err e;
    struct json_t *o = newest ? sealed_read(ep->dir.root, "pipeline", newest, &e) : NULL;
    stage_must(st, o || !newest || err_at(&e, "%s", ep->dir.path), &e);
    ep->generation = newest ? (int64_t)newest - 1 : 0;
    bool keeps = o && !(st->o.reset_state && st->o.pipeline);
    ep->pipeline = keeps            ? mem_str(members_text(o, "pipeline"))
                   : st->o.pipeline ? mem_str(slice_of(st->o.pipeline))
                                    : default_name(ep->dir.path);
    ep->uuid = o ? mem_str(members_text(o, "uuid")) : new_uuid();
    check_name(st, ep->pipeline);
    ep->keeps_output = members_flag(o, "keep");
    members_free(o);
    if (!st->o.pipeline || strcmp(st->o.pipeline, ep->pipeline) == 0) return;
    err_set(&e, EXIT_CONFIG,
        "--pipeline %s: the checkpoint is that of %s; give this one its own, or begin anew with "
        "--reset-state",
        st->o.pipeline, ep->pipeline);
    stage_fail(st, &e);
}

/* ---- joining ---- */

const char *epochs_wanted(const struct stage *st) {
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
        {"--journal", offsetof(struct stage_options, journal)},
        {"--reset-state", offsetof(struct stage_options, reset_state)}};
    struct err e;
    for (size_t i = 0; i < sizeof needing / sizeof *needing; i++) {
        if (!*((const char *)&st->o + needing[i].at)) continue;
        if (epochs_wanted(st) && st->is_source) continue;
        err_set(&e, EXIT_USAGE,
            epochs_wanted(st)
                ? "%s belongs to the stage that reads the source, the first of the line"
                : "%s needs a checkpoint: export EV_CHECKPOINT=DIR",
            needing[i].name);
        stage_fail(st, &e);
    }
    if (st->o.pipeline && !*st->o.pipeline) stage_usage(st, "--pipeline: is no name: \"\"");
    if (st->o.output && !st->o.reset_state) stage_usage(st, "--output belongs to --reset-state");
    if (st->o.reset_state && !st->o.output)
        stage_usage(st,
            "--reset-state: and what stands in DEST? --output keep goes on behind it, --output "
            "replace begins it anew");
    if (st->o.has_max_future && epochs_wanted(st) && !st->is_source)
        stage_usage(
            st, "--max-future belongs to the stage that reads the source: it knows the clock");
}

/* What a redirection takes would be there twice after a crash. */
static void check_stdout(struct stage *st) {
    struct stat out;
    if (!st->writes_out || fstat(STDOUT_FILENO, &out) != 0 || !S_ISREG(out.st_mode)) return;
    epochs_fail(st, EXIT_USAGE,
        "standard output is a file, which cannot be written by epochs: put | evsink FILE in the "
        "place of > FILE, or run without the checkpoint: env -u EV_CHECKPOINT");
}

/* A reset is whole: who finds one that was begun completes it. */
static void complete_reset(struct stage *st) {
    const struct checkpoint *c = &st->epochs->dir;
    char name[SEALED_NAME];
    struct err e;
    uint64_t begun;
    bool ok = sealed_newest(c->root, "reset", &begun, &e);
    if (ok && begun && !sealed_is_there(c->root, "pipeline", begun)) {
        struct json_t *o = sealed_read(c->root, "reset", begun, &e);
        ok = o && checkpoint_clear(c, &e) && sealed_write(c->root, "pipeline", begun, o, &e);
    }
    stage_must(st, ok || err_at(&e, "%s", c->path), &e);
    if (begun) (void)unlinkat(c->root, sealed_name(name, "reset", begun), 0);
}

static void reset(struct stage *st, bool is_first) {
    struct epochs *ep = st->epochs;
    struct err e;
    bool ignore;
    ep->generation += !is_first;
    ep->keeps_output = strcmp(st->o.output, "keep") == 0;
    write_pipeline(st, "reset");
    bool ok =
        sealed_remove_beyond(ep->dir.root, "reset", (uint64_t)ep->generation + 1, &ignore, &e);
    stage_must(st, ok || err_at(&e, "%s", ep->dir.path), &e);
    complete_reset(st);
}

/* Of what only the source has planned nobody knows yet: another query cuts it anew. What a journal has can be cut but once. */
static void forget_plan(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct plan first = {0};
    struct err e, ignored;
    bool ignore;
    if (query_check_early(st, &ep->dir, true, &ignored)) return;
    epochs_must(st, plan_read(ep->dir.folder, 1, &first, &e), &e);
    bool stays = first.journaled;
    plan_free(&first);
    if (stays) return;
    epochs_must(st, sealed_remove_beyond(ep->dir.folder, "plan", 0, &ignore, &e), &e);
    ep->planned = 0;
}

static void start_source(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    uint64_t newest;
    bool back;
    int naming = checkpoint_lock_name(&ep->dir);
    if (!st->o.reset_state) complete_reset(st);
    bool listed = sealed_newest(ep->dir.root, "pipeline", &newest, &e);
    stage_must(st, listed || err_at(&e, "%s", ep->dir.path), &e);
    name_pipeline(st, newest);
    if (st->o.reset_state) reset(st, !newest);
    stage_must(st, checkpoint_choose(&ep->dir, &ep->restored, &ep->planned, &back, &e), &e);
    if (!newest && ep->planned) {
        err_set(&e, EXIT_CONFIG,
            "%s/pipeline-1 is missing: it says whose checkpoint this is; bring it back from a "
            "copy, or begin anew in another folder",
            ep->dir.path);
        stage_fail(st, &e);
    }
    if (!newest && !st->o.reset_state) write_pipeline(st, "pipeline");
    if (naming >= 0) close(naming);
    if (back)
        stage_note(st, "%s: parts of the checkpoint are missing, it goes back to epoch %" PRIu64,
            ep->dir.path, ep->restored);
    if (ep->restored)
        epochs_must(st, plan_read(ep->dir.folder, ep->restored, &ep->position, &e), &e);
    ep->over = ep->position.final;
    ep->plan = ep->position.chain;
    /* Read in another way the inputs would seem to have changed. */
    stage_must(st, checkpoint_is_new(&ep->dir, &ep->is_new, &e), &e);
    if (!ep->is_new) stage_must(st, query_check_early(st, &ep->dir, false, &e), &e);
    else if (ep->planned) forget_plan(st);
    if (ep->planned > ep->restored)
        epochs_must(st, plan_read(ep->dir.folder, ep->restored + 1, &ep->replay, &e), &e);
    ep->last = ep->committed = ep->restored;
    ep->journaled = ep->restored ? ep->restored - 1 : 0;
}

void epochs_join(struct stage *st) {
    struct err e;
    const char *path = epochs_wanted(st);
    check_alone(st);
    if (!path || st->looks_only) return;
    check_stdout(st);
    check_name(st, st->dest);
    check_name(st, st->o.reject);
    for (enum aside k = 0; k < ASIDES; k++) check_name(st, st->aside_dest[k]);
    struct epochs *ep = st->epochs = mem_zero(1, sizeof *ep);
    const char *id = st->o.id ? st->o.id : st->tool->name;
    enum role role = !st->is_sink ? ROLE_STAGE : st->writes_out ? ROLE_PASSING_SINK : ROLE_SINK;
    crash_stage(id);
    ep->source = st->is_source;
    ep->began_us = clock_us(CLOCK_MONOTONIC);
    stage_must(st, checkpoint_join(&ep->dir, path, id, role, &e), &e);
    if (ep->source) start_source(st);
}

int epochs_folder(const struct stage *st) { return st->epochs ? st->epochs->dir.folder : -1; }

int64_t epochs_generation(const struct stage *st) {
    return st->epochs ? st->epochs->generation : 0;
}

struct state *epochs_state(const struct stage *st) {
    return st->epochs ? st->epochs->state : NULL;
}

/* ---- what is read ---- */

bool epochs_have_read(const struct stage *st) {
    return st->epochs && (st->epochs->position.epoch || st->epochs->replay.epoch);
}

/* Was it at its end before the plan, too? It may be gone since. */
static bool was_over(
    const struct plan *p, const struct position_index *before, const struct input_position *at) {
    if (p->at.merges) return at->first == TIME_END;
    const struct input_position *was = position_index_find(before, at->path);
    return was && was->ended && at->ended && was->records == at->records;
}

/* What the plan reads. A journal knows the sources by their numbers among all. */
static struct source_list paths_of(const struct plan *p, const struct positions *before) {
    struct source_list l = {.paths = mem_zero(p->at.n + 1, sizeof *l.paths)};
    struct position_index index = position_index_new(before);
    for (size_t i = 0; i < p->at.n; i++) {
        const struct input_position *at = &p->at.of[i];
        if (!at->absent && (p->journaled || !was_over(p, &index, at)))
            l.paths[l.n++] = mem_str(slice_of(at->path));
    }
    position_index_free(&index);
    return l;
}

/* Standard input is known by the file that it is. */
static void name_standard_input(struct stage *st) {
    char path[PATH_MAX];
    struct stat in;
    for (size_t i = 0; i < st->sources.n; i++) {
        if (strcmp(st->sources.paths[i], "-") != 0) continue;
        ssize_t n = readlink("/proc/self/fd/0", path, sizeof path);
        bool file = fstat(STDIN_FILENO, &in) == 0 && S_ISREG(in.st_mode) && n > 0;
        if (!file && st->o.journal) continue;
        if (!file)
            epochs_fail(st, EXIT_USAGE,
                "standard input is a pipe, which cannot be read again after a crash: name the "
                "files, or say --journal where each start brings new events");
        free(st->sources.paths[i]);
        st->sources.paths[i] = mem_str((struct slice){path, (size_t)n});
    }
}

static void open_journal(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    if (!ep->journal) ep->journal = source_journal_open(ep->dir.folder, &e);
    epochs_must(st, ep->journal != NULL, &e);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The sources' names in order; to be freed. */
static char **sorted_names(const struct stage *st) {
    size_t n = st->sources.n;
    char **names = mem_zero(n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++) names[i] = st->sources.paths[i];
    qsort(names, n, sizeof *names, by_name);
    return names;
}

/* A source is known by its name. */
static void check_twice(struct stage *st) {
    size_t n = st->sources.n;
    char **names = sorted_names(st);
    for (size_t i = 1; i < n; i++) {
        struct err e;
        if (strcmp(names[i - 1], names[i]) != 0) continue;
        err_set(&e, EXIT_USAGE,
            "%s: is named twice, and under a checkpoint each source is read once", names[i]);
        stage_fail(st, &e);
    }
    free(names);
}

/* What can be read but once goes into the journal; so does all else then, in the order of reading. */
static void check_sources(struct stage *st) {
    name_standard_input(st);
    check_twice(st);
    for (size_t i = 0; i < st->sources.n; i++) {
        const char *path = st->sources.paths[i];
        check_name(st, path);
        if (!source_is_regular(path)) open_journal(st);
    }
}

/* What was not read to its end may not go away in silence. */
static void check_gone(struct stage *st) {
    const struct plan *p = &st->epochs->position;
    struct err e;
    for (size_t i = 0; i < p->at.n; i++) {
        const struct input_position *at = &p->at.of[i];
        bool whole = at->ended ? !at->left : at->offset && at->offset == at->size;
        if (whole || access(at->path, F_OK) == 0 || errno != ENOENT) continue;
        err_set(&e, EXIT_BAD_DATA,
            "%s: is gone, and an earlier run had not read it to its end: put it back, or begin "
            "anew with --reset-state",
            at->path);
        stage_fail(st, &e);
    }
}

static bool is_below(const char *path, const char *folder) {
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && path[n] == '/';
}

static bool is_among(char *const *sorted, size_t n, const char *path) {
    return n && bsearch(&path, sorted, n, sizeof *sorted, by_name);
}

/* What was read, and a later commit of its folder has removed: what stands in its place would count as well. */
static void check_removed_of(struct stage *st, char *const *names, const char *folder) {
    const struct positions *at = &st->epochs->position.at;
    struct source_list removed = {0};
    struct err e;
    for (size_t i = 0; i < at->n; i++) {
        const char *path = at->of[i].path;
        if (!at->of[i].records || !is_below(path, folder) || is_among(names, st->sources.n, path))
            continue;
        if (!removed.n) stage_must(st, logged_removed(folder, &removed, &e), &e);
        if (!removed.n) break;
        if (!is_among(removed.paths, removed.n, path)) continue;
        err_set(&e, EXIT_BAD_DATA,
            "%s: was read, and a later commit of %s has removed it: what came in its place would "
            "be published beside it; begin anew with --reset-state",
            path, folder);
        stage_fail(st, &e);
    }
    source_list_free(&removed);
}

static void check_removed(struct stage *st) {
    char **names = sorted_names(st);
    for (size_t k = 0; k < st->sources.n_logged; k++)
        check_removed_of(st, names, st->sources.logged[k]);
    free(names);
}

static void replay_journal(struct stage *st) {
    struct epochs *ep = st->epochs;
    struct err e;
    ep->replayed = source_journal_read(ep->dir.folder, ep->replay.epoch, ep->replay.journal, &e);
    epochs_must(st, ep->replayed != NULL, &e);
}

void epochs_choose_inputs(struct stage *st, struct inputs_options *o) {
    struct epochs *ep = st->epochs;
    if (!ep || !ep->source) return;
    bool replays = ep->replay.epoch > 0;
    if (!replays) check_sources(st);
    if (!replays) check_gone(st), check_removed(st);
    source_journal_reader_close(ep->replayed);
    ep->replayed = NULL;
    if (ep->replay.journaled) replay_journal(st);
    o->is_resumed = true;
    o->sources = replays ? paths_of(&ep->replay, &ep->position.at) : st->sources;
    o->journal = replays ? NULL : ep->journal;
    o->replay = ep->replayed;
    o->from = ep->position.epoch ? &ep->position.at : NULL;
    o->upto = replays && !ep->replayed;
    o->told = replays ? &ep->replay.at : o->from;
    o->decode.whole_lines = !replays && !st->o.final;
    ep->base = 0;
}
