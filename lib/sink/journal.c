#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/io.h"
#include "sink/folder.h"
#include "sink/replace.h"

/* ---- reading the log ---- */

struct opening {
    struct folder *f;
    struct names tmp;     /* what stands in _tmp, sorted */
    struct names waiting; /* paths that a record names while their files stand in _tmp */
    struct names named;   /* the names of these */
    struct names removed; /* paths */
    bool own;             /* the lines at hand are of a plain run of this id and run */
};

/* An opener that reads the log for nothing but K, its own files and what is undone keeps no more than that. */
static bool visit(void *ctx, const struct log_line *l, struct err *e) {
    struct opening *o = ctx;
    (void)e;
    switch (l->kind) {
    case LOG_TXN:
        view_note(&o->f->view, l);
        o->own = !l->pipeline.p && slice_is(l->sink, o->f->id) && slice_is(l->run, o->f->run);
        break;
    case LOG_ADD:
        if (o->own) names_add(&o->f->mine, l->path);
        if (names_has(&o->tmp, log_name_of(l->path))) names_add(&o->waiting, l->path);
        break;
    case LOG_REMOVE:
        view_remove(&o->f->view, l->path);
        names_add(&o->removed, l->path);
        break;
    default: break;
    }
    return true;
}

static bool list_names(int at, struct names *out, struct err *e) {
    DIR *d = io_list_folder(at, ".");
    if (!d) return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot list");
    for (struct dirent *x; (x = readdir(d));)
        if (x->d_name[0] != '.') names_add(out, slice_of(x->d_name));
    closedir(d);
    names_sort(out);
    return true;
}

/* _tmp is listed first: of what it shows then, the log knows all that will ever be known. */
static bool read_log(struct folder *f, struct opening *o, struct err *e) {
    if (!list_names(f->tmp, &o->tmp, e)) return err_at(e, "_tmp");
    if (!log_each(f->dir, UINT64_MAX, visit, o, &f->seen, e)) return false;
    /* Who wrote a record may have died before its name was durable, and now we rely on it. */
    if (!io_sync_folder(f->log, e)) return false;
    names_sort(&o->removed);
    names_without(&f->mine, &o->removed);
    names_without(&o->waiting, &o->removed);
    for (size_t i = 0; i < o->waiting.n; i++)
        names_add(&o->named, log_name_of(slice_of(o->waiting.all[i])));
    names_sort(&o->named);
    return true;
}

/* ---- finishing what commits before have left undone; two may be at it at a time ---- */

static bool is_own(const struct folder *f, const char *name) {
    return strncmp(name, f->own.p, f->own.n) == 0;
}

static bool name_file(struct folder *f, const char *path, struct err *e) {
    char *folder = folder_of(path);
    const char *name = log_name_of(slice_of(path)).p;
    bool ok = make_path(f->dir, folder, e);
    if (ok && renameat(f->tmp, name, f->dir, path) != 0 && errno != ENOENT)
        ok = err_errno(e, EXIT_IO, errno, "cannot rename _tmp/%s to %s", name, path);
    ok = ok && sync_path(f->dir, folder, e);
    free(folder);
    return ok;
}

bool journal_retire(struct folder *f, const char *path, struct err *e) {
    struct buf to = {0};
    buf_printf(&to, "_old/%s%c", log_name_of(slice_of(path)).p, 0);
    bool ok = renameat(f->dir, path, f->dir, to.p) == 0 || errno == ENOENT || errno == ENOTDIR ||
              err_errno(e, EXIT_IO, errno, "cannot move %s to %s", path, to.p);
    buf_free(&to);
    return ok;
}

/* A folder that is gone holds no name. */
static bool sync_if_there(struct folder *f, const char *path, struct err *e) {
    char *folder = folder_of(path);
    bool ok = !io_is_folder(f->dir, *folder ? folder : ".", 0) || sync_path(f->dir, folder, e);
    free(folder);
    return ok;
}

/* Whoever moved it before may have died before that was durable; after our next record nobody would look. For the
 * removals of others that is theirs to see to. */
static bool retire_file(struct folder *f, const char *path, bool own, struct err *e) {
    bool is_there = faccessat(f->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there && !own) return true;
    return (!is_there || (make_path(f->dir, "_old", e) && journal_retire(f, path, e))) &&
           sync_if_there(f, path, e);
}

/* What other ids could not do may be beyond our rights, too: it is theirs to fail over. */
static bool finish(struct folder *f, struct opening *o, struct err *e) {
    struct err ignored;
    for (size_t i = 0; i < o->waiting.n; i++) {
        const char *path = o->waiting.all[i];
        bool own = is_own(f, log_name_of(slice_of(path)).p);
        if (!name_file(f, path, own ? e : &ignored) && own) return false;
    }
    for (size_t i = 0; i < f->view.n; i++) {
        const struct log_key *k = &f->view.keys[i];
        bool own = strcmp(k->sink, f->id) == 0;
        for (size_t j = 0; j < k->removes.n; j++)
            if (!retire_file(f, k->removes.all[j], own, own ? e : &ignored) && own) return false;
    }
    view_forget_removes(&f->view);
    return true;
}

/* A killed run of the same ID may have left files of any RUN. Under the lock nobody else writes them. */
static bool remove_leftovers(struct folder *f, const struct opening *o, struct err *e) {
    for (size_t i = 0; i < o->tmp.n; i++) {
        const char *name = o->tmp.all[i];
        if (is_own(f, name) && !names_has(&o->named, slice_of(name)) &&
            unlinkat(f->tmp, name, 0) != 0 && errno != ENOENT)
            return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot remove _tmp/%s", name);
    }
    return true;
}

/* To be moved there changes a file's ctime. What cannot be swept now can be later. */
static void sweep_old(struct folder *f) {
    int fd = openat(f->dir, "_old", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct names old = {0};
    struct err ignored;
    int64_t now = (int64_t)time(NULL) * SECOND_US;
    if (fd >= 0) (void)list_names(fd, &old, &ignored);
    for (size_t i = 0; i < old.n; i++) {
        struct stat st;
        if (fstatat(fd, old.all[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            now - (int64_t)st.st_ctime * SECOND_US >= f->keep_old_us)
            (void)unlinkat(fd, old.all[i], 0);
    }
    names_free(&old);
    if (fd >= 0) close(fd);
}

/* ---- records ---- */

static bool write_temp(struct folder *f, const char *temp, struct slice lines, struct err *e) {
    int fd = openat(f->tmp, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot create _tmp/%s", temp);
    return io_write_whole(fd, lines.p, lines.n, e);
}

static bool is_linked(struct folder *f, const char *temp) {
    struct stat st;
    return fstatat(f->tmp, temp, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink > 1;
}

/* Of two writers that want a number the second fails, and takes the next one. */
static bool take_number(struct folder *f, const char *temp, bool only_first, struct err *e) {
    for (uint64_t n = f->seen.newest + 1;; n++) {
        char name[LOG_NAME_MAX];
        log_record_name(name, n);
        io_check();
        if (link_to_log(f, temp, name)) {
            f->seen.newest = n;
            f->recorded = true;
            return true;
        }
        if (errno == EEXIST && only_first) return true;
        if (errno == EEXIST) continue;
        int why = errno;
        /* Of a file system over a network, the link may stand although its answer was lost. */
        f->recorded = is_linked(f, temp);
        return err_errno(e, EXIT_IO, why, "cannot link " LOG_FOLDER "/%s", name);
    }
}

static bool append(
    struct folder *f, struct slice lines, uint64_t epoch, bool only_first, struct err *e) {
    struct buf temp = {0};
    buf_printf(&temp, "%.*srecord%c", (int)f->own.n, f->own.p, 0);
    bool ok = write_temp(f, temp.p, lines, e);
    if (ok) crash_point("log-written", epoch);
    ok = ok && take_number(f, temp.p, only_first, e);
    if (ok) crash_point("log-linked", epoch);
    ok = ok && io_sync_folder(f->log, e);
    if (ok) crash_point("log-synced", epoch);
    (void)unlinkat(f->tmp, temp.p, 0);
    buf_free(&temp);
    return ok;
}

bool journal_append(struct folder *f, struct slice lines, uint64_t epoch, struct err *e) {
    return append(f, lines, epoch, false, e);
}

/* ---- names ---- */

/* May names of these two runs be alike? They share K where the run is the same, and 14 is an epoch of the run 2025-11 in the
 * names of the run 2025-11-14. */
static bool is_related(const char *run, bool epochs, const char *other, bool other_epochs) {
    size_t n = strlen(run);
    if (n > strlen(other)) return is_related(other, other_epochs, run, epochs);
    if (strncmp(run, other, n) != 0) return false;
    const char *rest = other + n;
    if (!*rest) return true;
    return epochs && !other_epochs && *rest == '-' && rest[1] &&
           !rest[1 + strspn(rest + 1, "0123456789")];
}

static bool goes_on(const struct log_key *k, const struct folder *f, const struct txn *t) {
    return t && k->pipeline && strcmp(k->pipeline, t->pipeline) == 0 &&
           strcmp(k->uuid, t->uuid) == 0 && k->generation == t->generation &&
           strcmp(k->run, f->run) == 0;
}

uint64_t journal_rerun(const struct folder *f, const struct txn *t) {
    uint64_t next = 0;
    for (size_t i = 0; i < f->view.n; i++) {
        const struct log_key *k = &f->view.keys[i];
        if (strcmp(k->sink, f->id) != 0) continue;
        if (goes_on(k, f, t)) return k->rerun;
        if (is_related(k->run, k->pipeline, f->run, t) && k->rerun >= next) next = k->rerun + 1;
    }
    return next;
}

const struct log_key *journal_newest(const struct folder *f, const char *pipeline) {
    const struct log_key *newest = NULL;
    for (size_t i = 0; i < f->view.n; i++) {
        const struct log_key *k = &f->view.keys[i];
        if (k->pipeline && strcmp(k->pipeline, pipeline) == 0 && strcmp(k->sink, f->id) == 0 &&
            (!newest || k->order > newest->order))
            newest = k;
    }
    return newest;
}

/* ---- opening ---- */

static bool adopt_files(struct folder *f, struct err *e) {
    struct buf lines = {0};
    uint64_t n;
    bool ok = adopt(f, &lines, &n, e) && (!n || append(f, buf_slice(&lines), 0, true, e));
    buf_free(&lines);
    f->recorded = false;
    return ok;
}

static bool open_log(struct folder *f, struct err *e) {
    if (!make_path(f->dir, LOG_FOLDER, e)) return false;
    f->log = openat(f->dir, LOG_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->log < 0 || faccessat(f->log, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot write " LOG_FOLDER);
    struct log_range range;
    return log_range(f->dir, UINT64_MAX, &range, e) && (range.newest || adopt_files(f, e));
}

bool journal_open(struct folder *f, struct err *e) {
    struct opening o = {.f = f};
    bool ok =
        open_log(f, e) && read_log(f, &o, e) && finish(f, &o, e) && remove_leftovers(f, &o, e);
    names_free(&o.tmp);
    names_free(&o.waiting);
    names_free(&o.named);
    names_free(&o.removed);
    if (!ok) return false;
    sweep_old(f);
    summarize(f, 0);
    f->plain_rerun = journal_rerun(f, NULL);
    parts_forget(f);
    return true;
}
