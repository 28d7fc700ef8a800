#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/io.h"
#include "sink/folder.h"
#include "sink/replace.h"
#include "sink/writer.h"

/* The log is read twice: first for what was removed and who has written last, then each file that is left is written
 * on as it comes. So memory is bounded by what a thousand records remove. */
struct summary {
    int fd;
    struct log_view view;
    struct names removed;
    struct buf out;
    uint64_t lines;
    struct buf owner;   /* the txn line of the files at hand */
    size_t owner_key;   /* its key */
    bool owner_waits;   /* it is not written yet */
    size_t written_key; /* of the last one written */
    bool any;
};

static bool collect(void *ctx, const struct log_line *l, struct err *e) {
    struct summary *s = ctx;
    (void)e;
    if (l->kind == LOG_TXN) view_note(&s->view, l);
    if (l->kind == LOG_REMOVE) view_remove(&s->view, l->path), names_add(&s->removed, l->path);
    return true;
}

static bool put_line(struct summary *s, const struct log_line *l, struct err *e) {
    log_line_write(&s->out, l);
    s->lines++;
    if (s->out.n < WRITER_BLOCK) return true;
    size_t n = s->out.n;
    s->out.n = 0;
    return io_write(s->fd, s->out.p, n, e);
}

static void begin_owner(struct summary *s, const struct log_line *txn) {
    view_note(&s->view, txn);
    s->owner.n = 0;
    log_line_write(&s->owner, txn);
    s->owner_key = s->view.last;
    s->owner_waits = !s->any || s->owner_key != s->written_key;
}

static void write_owner(struct summary *s) {
    if (!s->owner_waits) return;
    buf_add_slice(&s->out, buf_slice(&s->owner));
    s->lines++;
    s->any = true;
    s->written_key = s->owner_key;
    s->owner_waits = false;
}

static bool pass_on(void *ctx, const struct log_line *l, struct err *e) {
    struct summary *s = ctx;
    if (l->kind == LOG_TXN) begin_owner(s, l);
    if (l->kind != LOG_ADD || names_has(&s->removed, l->path)) return true;
    write_owner(s);
    return put_line(s, l, e);
}

static int by_order(const void *a, const void *b) {
    uint64_t x = (*(struct log_key *const *)a)->order, y = (*(struct log_key *const *)b)->order;
    return (x > y) - (x < y);
}

/* Last of all who has written last, in order, and what may still have to be moved away. */
static bool write_newest(struct summary *s, const struct log_view *v, struct err *e) {
    struct log_key **keys = mem_grow(NULL, v->n + 1, sizeof(struct log_key *));
    for (size_t i = 0; i < v->n; i++) keys[i] = &v->keys[i];
    qsort(keys, v->n, sizeof *keys, by_order);
    bool ok = true;
    for (size_t i = 0; ok && i < v->n; i++) {
        struct log_line txn = view_line(keys[i]);
        ok = put_line(s, &txn, e);
        for (size_t j = 0; ok && j < keys[i]->removes.n; j++) {
            struct slice path = slice_of(keys[i]->removes.all[j]);
            ok = put_line(s, &(struct log_line){.kind = LOG_REMOVE, .path = path}, e);
        }
    }
    free(keys);
    return ok;
}

static bool write_lines(struct folder *f, struct summary *s, uint64_t upto, struct err *e) {
    if (!log_each(f->dir, upto, collect, s, NULL, e)) return false;
    names_sort(&s->removed);
    struct log_view newest = s->view;
    s->view = (struct log_view){0};
    log_line_write(&s->out, &(struct log_line){.kind = LOG_BEGIN});
    bool ok = log_each(f->dir, upto, pass_on, s, NULL, e) && write_newest(s, &newest, e);
    view_free(&newest);
    if (!ok) return false;
    log_line_write(&s->out, &(struct log_line){.kind = LOG_END, .lines = s->lines});
    return io_write(s->fd, s->out.p, s->out.n, e) && fsync(s->fd) == 0;
}

static bool write_temp(struct folder *f, const char *temp, uint64_t upto) {
    struct err ignored;
    struct summary s = {
        .fd = openat(f->tmp, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666)};
    bool ok = s.fd >= 0 && write_lines(f, &s, upto, &ignored);
    if (s.fd >= 0 && close(s.fd) != 0) ok = false;
    view_free(&s.view);
    names_free(&s.removed);
    buf_free(&s.out);
    buf_free(&s.owner);
    return ok;
}

bool link_to_log(struct folder *f, const char *temp, const char *name) {
    return linkat(f->tmp, temp, f->log, name, 0) == 0;
}

/* A reader may still want the one before the newest. */
static void remove_older(struct folder *f, uint64_t before) {
    struct log_range r;
    struct err ignored;
    while (log_range(f->dir, UINT64_MAX, &r, &ignored) && r.oldest_summary &&
           r.oldest_summary < before) {
        char name[LOG_NAME_MAX];
        log_summary_name(name, r.oldest_summary);
        if (unlinkat(f->log, name, 0) != 0) return;
    }
}

static void write_summary(struct folder *f, const char *name, uint64_t upto, uint64_t epoch) {
    struct err ignored;
    struct buf temp = {0};
    buf_printf(&temp, "%.*ssummary%c", (int)f->own.n, f->own.p, 0);
    bool ok = write_temp(f, temp.p, upto);
    if (ok) crash_point("summary-written", epoch);
    ok = ok && link_to_log(f, temp.p, name);
    if (ok) crash_point("summary-linked", epoch);
    if (ok && io_sync_folder(f->log, &ignored)) remove_older(f, f->seen.summary);
    (void)unlinkat(f->tmp, temp.p, 0);
    buf_free(&temp);
}

void summarize(struct folder *f, uint64_t epoch) {
    uint64_t due = f->seen.newest / LOG_SUMMARY_EVERY * LOG_SUMMARY_EVERY;
    if (due <= f->seen.summary) return;
    char name[LOG_NAME_MAX];
    log_summary_name(name, due);
    if (faccessat(f->log, name, F_OK, 0) != 0) write_summary(f, name, due, epoch);
    f->seen.summary = due;
}
