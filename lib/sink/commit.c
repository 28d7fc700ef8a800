#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/io.h"
#include "sink/folder.h"
#include "sink/replace.h"

struct commit {
    struct folder *f;
    uint64_t epoch; /* 0: none */
    struct log_line txn;
};

/* A signal ends it until the record is there. */
static bool each(struct commit *c,
    bool (*step)(struct commit *c, struct part_file *p, struct err *e), struct err *e) {
    for (size_t i = 0; i < c->f->n; i++) {
        if (!c->f->recorded) io_check();
        if (!step(c, c->f->files[i], e)) return false;
    }
    return true;
}

static bool each_removed(struct commit *c,
    bool (*step)(struct folder *f, const char *path, struct err *e), struct err *e) {
    for (size_t i = 0; !c->epoch && i < c->f->mine.n; i++)
        if (!step(c->f, c->f->mine.all[i], e)) return false;
    return true;
}

/* ---- before the record: whatever can fail for want of space, of a permission or by a name in the way ---- */

static bool finish_file(struct commit *c, struct part_file *p, struct err *e) {
    size_t before = p->out.n;
    bool ok = p->encoder->finish(p->encoder, &p->out, e);
    c->f->pending += p->out.n - before;
    return ok && part_write(c->f, p, e);
}

static bool sync_file(struct commit *c, struct part_file *p, struct err *e) {
    struct buf name = {0};
    part_name(c->f, &c->f->prefix, p->seq, &name);
    bool ok = sync_path(c->f->tmp, name.p, e);
    buf_free(&name);
    return ok;
}

/* Files were spooled before their epoch was known. Where this breaks off, the next writer of the id removes both names. */
static bool rename_spool(struct commit *c, struct err *e) {
    struct buf from = {0}, to = {0}, prefix = {0};
    make_prefix(c->f, c->txn.rerun, c->epoch, &prefix);
    bool ok = true;
    for (size_t i = 0; ok && i < c->f->n; i++) {
        from.n = to.n = 0;
        part_name(c->f, &c->f->prefix, i, &from);
        part_name(c->f, &prefix, i, &to);
        ok = renameat(c->f->tmp, from.p, c->f->tmp, to.p) == 0 ||
             err_errno(e, EXIT_IO, errno, "cannot rename _tmp/%s", from.p);
    }
    buf_free(&from);
    buf_free(&to);
    buf_free(&c->f->prefix);
    c->f->prefix = prefix;
    return ok;
}

/* Whoever has made the folder may have died before it was durable. */
static bool make_durable(struct folder *f, const char *path, struct err *e) {
    if (names_has(&f->durable, slice_of(path))) return true;
    char *above = mem_str(slice_of(path));
    bool ok = true;
    for (char *end = above + strlen(above); ok && *above;) {
        while (end > above && *end != '/') end--;
        *end = 0;
        ok = sync_path(f->dir, above, e);
    }
    free(above);
    names_add(&f->durable, slice_of(path));
    return ok;
}

static bool make_place(struct commit *c, struct part_file *p, struct err *e) {
    struct buf path = {0};
    part_path(c->f, p, &path);
    bool ok = make_path(c->f->dir, p->path, e) && make_durable(c->f, p->path, e) &&
              can_appear(c->f, path.p, e);
    buf_free(&path);
    return ok;
}

static bool make_places(struct commit *c, struct err *e) {
    size_t before = c->f->durable.n;
    bool ok = before || (io_sync_above(c->f->dir, e) && sync_path(c->f->dir, "", e));
    ok = ok && each(c, make_place, e);
    if (c->f->durable.n > before) names_sort(&c->f->durable);
    return ok;
}

static bool check_removed(struct commit *c, struct err *e) {
    if (c->epoch || !c->f->mine.n) return true;
    if (!make_path(c->f->dir, "_old", e)) return false;
    if (faccessat(c->f->dir, "_old", W_OK | X_OK, AT_EACCESS) != 0)
        return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot write _old");
    return each_removed(c, can_vanish, e);
}

static bool prepare(struct commit *c, struct err *e) {
    return each(c, finish_file, e) && each(c, sync_file, e) && (!c->epoch || rename_spool(c, e)) &&
           make_places(c, e) && check_removed(c, e) && io_sync_folder(c->f->tmp, e);
}

/* ---- the record ---- */

static void add_lines(const struct commit *c, struct buf *out) {
    struct folder *f = c->f;
    struct buf path = {0};
    uint64_t lines = 1 + f->n + (c->epoch ? 0 : f->mine.n);
    log_line_write(out, &(struct log_line){.kind = LOG_BEGIN});
    log_line_write(out, &c->txn);
    for (size_t i = 0; i < f->n; i++) {
        const struct part_file *p = f->files[i];
        part_path(f, p, &path);
        log_line_write(out, &(struct log_line){.kind = LOG_ADD,
                                .path = slice_of(path.p),
                                .size = p->size,
                                .rows = p->rows,
                                .least = p->least,
                                .greatest = p->greatest});
    }
    for (size_t i = 0; !c->epoch && i < f->mine.n; i++)
        log_line_write(
            out, &(struct log_line){.kind = LOG_REMOVE, .path = slice_of(f->mine.all[i])});
    log_line_write(out, &(struct log_line){.kind = LOG_END, .lines = lines});
    buf_free(&path);
}

static bool record(struct commit *c, struct err *e) {
    struct buf lines = {0};
    add_lines(c, &lines);
    bool ok = journal_append(c->f, buf_slice(&lines), c->epoch, e);
    buf_free(&lines);
    return ok;
}

/* ---- behind the record: what whoever opens the folder next would do as well ---- */

static bool rename_file(struct commit *c, struct part_file *p, struct err *e) {
    struct buf path = {0};
    part_path(c->f, p, &path);
    const char *name = log_name_of(slice_of(path.p)).p;
    /* Somebody who opened the folder meanwhile may have done it. */
    bool ok = renameat(c->f->tmp, name, c->f->dir, path.p) == 0 ||
              (errno == ENOENT && faccessat(c->f->dir, path.p, F_OK, AT_SYMLINK_NOFOLLOW) == 0) ||
              err_errno(e, EXIT_IO, errno, "cannot rename _tmp/%s to %s", name, path.p);
    if (ok) crash_point("file-named", c->epoch);
    buf_free(&path);
    return ok;
}

static bool sync_names(struct commit *c, struct part_file *p, struct err *e) {
    return sync_path(c->f->dir, p->path, e);
}

/* Where new files went that was done already. */
static bool sync_folder_of(struct folder *f, const char *path, struct err *e) {
    char *folder = folder_of(path);
    bool ok = part_lies_in(f, folder) || !io_is_folder(f->dir, *folder ? folder : ".", 0) ||
              sync_path(f->dir, folder, e);
    free(folder);
    return ok;
}

static bool show(struct commit *c, struct err *e) {
    if (!each(c, rename_file, e)) return false;
    crash_point("files-named", c->epoch);
    if (!each_removed(c, journal_retire, e)) return false;
    crash_point("files-retired", c->epoch);
    return each(c, sync_names, e) && each_removed(c, sync_folder_of, e);
}

/* Each step is done for all files before the next: the first fsync of many then does most of the work of the others. */
static bool publish(struct commit *c, struct err *e) {
    if (!prepare(c, e)) return false;
    crash_point("spooled", c->epoch);
    if (!record(c, e) || !show(c, e)) return false;
    crash_point("folder-synced", c->epoch);
    return true;
}

static bool is_recorded(const struct folder *f, const struct txn *t) {
    const struct log_key *k = journal_newest(f, t->pipeline);
    return k && strcmp(k->uuid, t->uuid) == 0 && k->generation == t->generation &&
           k->epoch >= t->epoch;
}

/* A copied checkpoint may have planned its epochs anew, with the folder still ahead of it. */
static bool is_as_planned(const struct folder *f, const struct txn *t, struct err *e) {
    const struct log_key *k = journal_newest(f, t->pipeline);
    return k->epoch > t->epoch || !k->plan || !t->plan || k->plan == t->plan ||
           err_set(e, EXIT_CONFIG,
               "has another epoch %llu: the checkpoint is a copy of one that went on; go on with "
               "that, or begin anew with --reset-state",
               (unsigned long long)t->epoch);
}

static struct log_line txn_line(const struct folder *f, const struct txn *t) {
    struct log_line l = {.kind = LOG_TXN, .sink = slice_of(f->id), .run = slice_of(f->run)};
    l.rerun = t ? journal_rerun(f, t) : f->plain_rerun;
    if (!t) return l;
    l.pipeline = slice_of(t->pipeline);
    l.uuid = slice_of(t->uuid);
    l.generation = t->generation;
    l.epoch = t->epoch;
    l.plan = t->plan;
    return l;
}

static bool commit(struct folder *f, const struct txn *t, struct err *e) {
    struct commit c = {.f = f, .epoch = t ? t->epoch : 0, .txn = txn_line(f, t)};
    if (t && (!t->epoch || strcmp(t->sink, f->id) != 0))
        return err_set(e, EXIT_BUG, "epoch %llu of %s", (unsigned long long)t->epoch, t->sink);
    if (t && is_recorded(f, t)) {
        parts_forget(f);
        return is_as_planned(f, t, e);
    }
    if (!publish(&c, e)) return false;
    view_note(&f->view, &c.txn);
    f->sink.files += f->n;
    parts_forget(f);
    summarize(f, c.epoch);
    return true;
}

bool folder_commit(struct sink *s, const struct txn *t, struct err *e) {
    struct folder *f = (struct folder *)s;
    return commit(f, t, e) || err_at(e, "%s", f->dest);
}
