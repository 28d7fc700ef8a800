#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/io.h"
#include "state/compact.h"
#include "state/files.h"
#include "state/merge.h"
#include "state/sealed.h"

struct table {
    enum state_kind kind;
    int64_t horizon;   /* INT64_MIN: nothing was forgotten */
    struct run **runs; /* from the oldest to the newest; used once each */
    size_t n;
    struct run_writer writer; /* what was put since the last snapshot */
    struct buf last;          /* of a map: the key that was put last, and its time */
    int64_t last_time;
    bool has_last;
};

struct state {
    int folder;
    struct table *tables;
    size_t n_tables;
    struct files files;
    uint64_t epoch;         /* of the last snapshot */
    uint64_t number, names; /* make names of runs that no other run of the stage has made */
    json_t *meta;
    struct compaction *merge; /* NULL: none is running */
    struct state_figures figures;
    struct err failure; /* once something failed; code EXIT_DONE before */
};

static bool failed(struct state *s, const struct err *e) {
    s->failure = *e;
    return false;
}

static bool is_usable(const struct state *s, struct err *e) {
    if (s->failure.code == EXIT_DONE) return true;
    *e = s->failure;
    return false;
}

static void new_name(struct state *s, char name[static RUN_NAME], uint64_t epoch, unsigned table) {
    snprintf(
        name, RUN_NAME, "run-%" PRIu64 "-%u-%016" PRIx64, epoch, table, s->number + s->names++);
}

static void append_run(struct table *t, struct run *run) {
    t->runs = mem_grow(t->runs, t->n + 1, sizeof *t->runs);
    t->runs[t->n++] = run;
}

/* ---- opening ---- */

static bool same_tables(const struct state *s, const struct manifest *m, struct err *e) {
    char name[SEALED_NAME];
    bool same = m->n_tables == s->n_tables;
    for (size_t t = 0; same && t < m->n_tables; t++) same = m->tables[t].kind == s->tables[t].kind;
    return same || checkpoint_damaged(e, sealed_name(name, MANIFEST_ROLE, m->epoch),
                       "has the tables of another query");
}

static bool take_over(struct state *s, struct manifest *m, int64_t keep_us, struct err *e) {
    struct run ***found = mem_zero(s->n_tables, sizeof *found);
    for (size_t t = 0; t < s->n_tables; t++) {
        struct table *to = &s->tables[t];
        to->horizon = m->tables[t].horizon;
        found[t] = to->runs = mem_zero(m->tables[t].n, sizeof *to->runs);
        to->n = m->tables[t].n;
    }
    bool ok = files_open(&s->files, s->folder, keep_us, m, found, e);
    free(found);
    s->meta = json_incref(m->meta);
    return ok;
}

static bool load_table(
    const struct state *s, unsigned table, state_load *load, void *ctx, struct err *e) {
    const struct table *t = &s->tables[table];
    struct merge m;
    if (!merge_open(&m, s->folder, t->runs, t->n, table, t->kind, t->horizon, e)) return false;
    bool ok;
    while ((ok = merge_next(&m, e)) && !m.ended)
        if (!m.dropped && !load(ctx, &m.entry, e)) {
            ok = false;
            break;
        }
    merge_close(&m);
    return ok;
}

static bool restore(struct state *s, int64_t keep_us, state_load *load, void *ctx, struct err *e) {
    struct manifest m;
    if (!manifest_read(&m, s->folder, s->epoch, e)) return false;
    bool ok = same_tables(s, &m, e) && take_over(s, &m, keep_us, e);
    manifest_free(&m);
    /* What was found is relied upon from here on. */
    ok = ok && io_sync_folder(s->folder, e);
    for (size_t t = 0; ok && t < s->n_tables; t++) ok = load_table(s, (unsigned)t, load, ctx, e);
    return ok;
}

struct state *state_open(
    const struct state_options *o, uint64_t epoch, state_load *load, void *ctx, struct err *e) {
    struct state *s = mem_zero(1, sizeof *s);
    *s = (struct state){.folder = o->folder,
        .epoch = epoch,
        .number = hash_seed(),
        .n_tables = o->n_tables,
        .tables = mem_zero(o->n_tables, sizeof *s->tables)};
    for (size_t t = 0; t < s->n_tables; t++)
        s->tables[t] = (struct table){.kind = o->tables[t], .horizon = INT64_MIN};
    bool ok = epoch ? restore(s, o->keep_us, load, ctx, e)
                    : files_open(&s->files, s->folder, o->keep_us, NULL, NULL, e);
    if (ok) return s;
    state_close(s);
    return NULL;
}

const json_t *state_meta(const struct state *s) { return s->meta; }

/* ---- what changes ---- */

static bool in_order(struct table *t, int64_t time, struct slice key) {
    if (t->has_last && entry_order(time, key, t->last_time, buf_slice(&t->last)) <= 0) return false;
    t->has_last = true;
    t->last_time = time;
    t->last.n = 0;
    buf_add_slice(&t->last, key);
    return true;
}

static bool create(struct state *s, unsigned table, struct err *e) {
    struct table *t = &s->tables[table];
    char name[RUN_NAME];
    new_name(s, name, s->epoch + 1, table);
    return run_create(&t->writer, s->folder, name, table, t->kind, e);
}

static bool write_entry(
    struct state *s, const struct state_entry *entry, bool dropped, struct err *e) {
    struct table *t = &s->tables[entry->table];
    if (!is_usable(s, e)) return false;
    if (t->kind == STATE_MAP && !in_order(t, entry->time, entry->key))
        return err_set(e, EXIT_BUG, "state: table %u: an entry is out of order", entry->table) ||
               failed(s, e);
    if (entry->time < t->horizon) return true;
    if (!t->writer.in_use && !create(s, entry->table, e)) return failed(s, e);
    return run_add(&t->writer, entry, dropped, e) || failed(s, e);
}

bool state_put(struct state *s, const struct state_entry *entry, struct err *e) {
    return write_entry(s, entry, false, e);
}

bool state_drop(struct state *s, unsigned table, int64_t time, struct slice key, struct err *e) {
    if (s->tables[table].kind == STATE_SET)
        return err_set(e, EXIT_BUG, "state: table %u is a set and drops nothing", table) ||
               failed(s, e);
    return write_entry(s, &(struct state_entry){.table = table, .time = time, .key = key}, true, e);
}

void state_forget(struct state *s, unsigned table, int64_t before) {
    struct table *t = &s->tables[table];
    if (before > t->horizon) t->horizon = before;
}

/* ---- merging ---- */

static void merge_clear(struct state *s) {
    for (size_t i = 0; i < s->merge->n; i++) {
        s->merge->inputs[i]->merging = false;
        files_unuse(&s->files, s->merge->inputs[i]);
    }
    free(s->merge->inputs);
    free(s->merge);
    s->merge = NULL;
}

/* Puts the output in the place of the inputs, which are neighbours and all there: they were marked. */
static void replace_inputs(struct state *s, const struct compaction *c) {
    struct table *t = &s->tables[c->table];
    size_t from = 0, to;
    while (!t->runs[from]->merging) from++;
    for (to = from; to < from + c->n; to++) files_unuse(&s->files, t->runs[to]);
    if (c->output.entries) {
        struct run *run = mem_alloc(sizeof *run);
        *run = c->output;
        t->runs[from++] = files_use(run);
    }
    memmove(t->runs + from, t->runs + to, (t->n - to) * sizeof *t->runs);
    t->n -= to - from;
}

static bool take_in(struct state *s, struct err *e) {
    struct compaction *c = s->merge;
    compaction_end(c);
    if (c->ok) {
        replace_inputs(s, c);
        s->figures.merge_bytes += c->output.bytes;
        s->figures.merges++;
    } else {
        *e = c->err;
    }
    bool ok = c->ok;
    merge_clear(s);
    return ok;
}

static bool start_merge(struct state *s, struct err *e) {
    size_t from = 0, n = 0, most = 0;
    unsigned table = 0;
    for (unsigned t = 0; t < s->n_tables; t++) {
        size_t from_here, n_here, rank;
        bool due = compaction_choose(s->tables[t].runs, s->tables[t].n, &from_here, &n_here, &rank);
        if (!due || rank <= most) continue;
        table = t;
        from = from_here;
        n = n_here;
        most = rank;
    }
    if (!n) return true;
    const struct table *t = &s->tables[table];
    struct compaction *c = s->merge = mem_zero(1, sizeof *c);
    c->folder = s->folder;
    c->epoch = s->epoch;
    c->table = table;
    c->kind = t->kind;
    c->horizon = t->horizon;
    c->oldest = from == 0;
    c->n = n;
    c->inputs = mem_zero(n, sizeof *c->inputs);
    for (size_t i = 0; i < n; i++) {
        c->inputs[i] = files_use(t->runs[from + i]);
        c->inputs[i]->merging = true;
    }
    new_name(s, c->name, s->epoch, table);
    if (compaction_start(c, e)) return true;
    merge_clear(s);
    return false;
}

/* ---- snapshots ---- */

static bool finish_run(struct state *s, struct table *t, uint64_t epoch, struct err *e) {
    if (!t->writer.in_use) return true;
    if (t->writer.run.greatest < t->horizon) run_abandon(&t->writer);
    else if (!run_finish(&t->writer, e)) return false;
    else crash_point("run-written", epoch);
    s->figures.snapshot_bytes += t->writer.in_use ? t->writer.run.bytes : 0;
    return true;
}

static bool publish_run(struct table *t, uint64_t epoch, struct err *e) {
    if (!t->writer.in_use) return true;
    if (!run_publish(&t->writer, e)) return false;
    struct run *run = mem_alloc(sizeof *run);
    *run = t->writer.run;
    append_run(t, files_use(run));
    crash_point("run-renamed", epoch);
    return true;
}

static void leave_out_forgotten(struct state *s, struct table *t) {
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (t->runs[i]->merging || t->runs[i]->greatest >= t->horizon) t->runs[n++] = t->runs[i];
        else files_unuse(&s->files, t->runs[i]);
    }
    t->n = n;
}

static bool write_runs(struct state *s, uint64_t epoch, bool renamed, struct err *e) {
    for (size_t t = 0; t < s->n_tables; t++)
        if (!finish_run(s, &s->tables[t], epoch, e)) return false;
    for (size_t t = 0; t < s->n_tables; t++) {
        renamed = renamed || s->tables[t].writer.in_use;
        if (!publish_run(&s->tables[t], epoch, e)) return false;
    }
    return !renamed || io_sync_folder(s->folder, e);
}

static bool write_manifest(struct state *s, uint64_t epoch, const json_t *meta, struct err *e) {
    struct manifest_source *tables = mem_zero(s->n_tables, sizeof *tables);
    struct run **runs = NULL;
    size_t n = 0;
    uint64_t bytes;
    for (size_t i = 0; i < s->n_tables; i++) {
        const struct table *t = &s->tables[i];
        tables[i] = (struct manifest_source){t->kind, t->horizon, t->runs, t->n};
        runs = mem_grow(runs, n + t->n, sizeof *runs);
        if (t->n) memcpy(runs + n, t->runs, t->n * sizeof *runs);
        n += t->n;
    }
    bool ok = manifest_write(s->folder, epoch, meta, tables, s->n_tables, &bytes, e);
    free(tables);
    s->figures.runs = n;
    s->figures.snapshot_bytes += bytes;
    if (ok) files_add(&s->files, epoch, runs, n);
    else free(runs);
    return ok;
}

static bool snapshot(struct state *s, uint64_t epoch, const json_t *meta, struct err *e) {
    bool merged = s->merge && atomic_load(&s->merge->done);
    if (epoch <= s->epoch)
        return err_set(
            e, EXIT_BUG, "state: a snapshot of epoch %" PRIu64 " after %" PRIu64, epoch, s->epoch);
    if (!json_is_object(meta))
        return err_set(e, EXIT_BUG, "state: what goes with a snapshot is no object");
    if (merged && !take_in(s, e)) return false;
    if (!write_runs(s, epoch, merged, e)) return false;
    for (size_t t = 0; t < s->n_tables; t++) {
        leave_out_forgotten(s, &s->tables[t]);
        s->tables[t].has_last = false;
    }
    if (!write_manifest(s, epoch, meta, e)) return false;
    s->epoch = epoch;
    return s->merge || start_merge(s, e);
}

bool state_snapshot(struct state *s, uint64_t epoch, json_t *meta, struct err *e) {
    bool ok = is_usable(s, e) && (snapshot(s, epoch, meta, e) || failed(s, e));
    json_decref(meta);
    return ok;
}

void state_release(struct state *s, uint64_t committed) { files_release(&s->files, committed); }

uint64_t state_bytes(const struct state *s) {
    uint64_t bytes = 0;
    for (size_t t = 0; t < s->n_tables; t++)
        for (size_t i = 0; i < s->tables[t].n; i++) bytes += s->tables[t].runs[i]->bytes;
    return bytes;
}

struct state_figures state_figures(const struct state *s) {
    return s->figures;
}

void state_settle(struct state *s) {
    while (s->merge && !atomic_load(&s->merge->done)) (void)poll(NULL, 0, 1);
}

/* ---- closing ---- */

static void stop_merge(struct state *s) {
    struct compaction *c = s->merge;
    if (!c) return;
    atomic_store(&c->cancelled, true);
    compaction_end(c);
    if (c->ok && c->output.entries) unlinkat(s->folder, c->output.file, 0);
    merge_clear(s);
}

void state_close(struct state *s) {
    if (!s) return;
    stop_merge(s);
    for (size_t i = 0; i < s->n_tables; i++) {
        struct table *t = &s->tables[i];
        run_abandon(&t->writer);
        buf_free(&t->last);
        /* Their files stay, also where a manifest that names them was not finished. */
        for (size_t r = 0; r < t->n; r++)
            if (t->runs[r] && !--t->runs[r]->refs) free(t->runs[r]);
        free(t->runs);
    }
    files_close(&s->files);
    json_decref(s->meta);
    free(s->tables);
    free(s);
}

/* ---- looking from outside ---- */

static bool size_is_right(int folder, const struct run *run, struct err *e) {
    struct stat is;
    if (fstatat(folder, run->file, &is, AT_SYMLINK_NOFOLLOW) != 0)
        return checkpoint_damaged(e, run->file, "is missing");
    return (S_ISREG(is.st_mode) && (uint64_t)is.st_size == run->bytes) ||
           checkpoint_damaged(e, run->file, "is damaged: not as long as the manifest says");
}

bool state_is_whole(int folder, uint64_t epoch, struct err *e) {
    struct manifest m;
    if (!epoch) return true;
    if (!manifest_read(&m, folder, epoch, e)) return false;
    bool ok = true;
    for (size_t t = 0; ok && t < m.n_tables; t++)
        for (size_t i = 0; ok && i < m.tables[t].n; i++)
            ok = size_is_right(folder, &m.tables[t].runs[i], e);
    manifest_free(&m);
    return ok;
}
