#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "json/value.h"
#include "sink/folder.h"

/* ID-RUN-SEQ.ext, as an evsink without a log has named it; RUN may hold '-'. */
struct found {
    char *id, *run, *path;
    uint64_t size;
};

struct walk {
    struct found *all;
    size_t n;
};

/* ---- names ---- */

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What name_escape() was given; NULL where that is no text. */
static char *unescaped(struct slice s) {
    struct buf out = {0};
    for (size_t i = 0; i < s.n; i++) {
        bool is = s.p[i] == '%' && s.n - i > 2 && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0;
        buf_addc(&out, is ? (char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2])) : s.p[i]);
        if (is) i += 2;
    }
    bool ok = out.n && utf8_valid(buf_slice(&out), NULL) && !memchr(out.p, 0, out.n);
    buf_addc(&out, 0);
    if (!ok) buf_free(&out);
    return out.p;
}

static bool cut_suffix(struct slice *s, const char *suffix) {
    bool has = slice_ends(*s, suffix);
    if (has) s->n -= strlen(suffix);
    return has;
}

static bool is_published(const char *name, struct found *x) {
    struct slice s = slice_of(name);
    (void)cut_suffix(&s, ".gz");
    if (!cut_suffix(&s, ".ndjson") && !cut_suffix(&s, ".csv") && !cut_suffix(&s, ".tsv"))
        return false;
    const char *last = memrchr(s.p, '-', s.n), *first = memchr(s.p, '-', s.n);
    if (!last || first == last) return false;
    size_t digits = (size_t)(s.p + s.n - (last + 1));
    if (!digits || strspn(last + 1, "0123456789") < digits) return false;
    x->id = unescaped((struct slice){s.p, (size_t)(first - s.p)});
    x->run = unescaped((struct slice){first + 1, (size_t)(last - first - 1)});
    if (x->id && x->run) return true;
    free(x->id);
    free(x->run);
    return false;
}

/* ---- the walk ---- */

/* Like a lost+found, what others have closed holds nothing of ours. */
static bool is_mine(int at, const char *name) {
    struct stat st;
    return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == geteuid();
}

static bool look_at(struct walk *w, int at, const char *name, const char *path, struct err *e) {
    struct stat st;
    struct found x;
    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) return true;
    if (!is_published(name, &x)) return true;
    x.path = mem_str(slice_of(path));
    x.size = (uint64_t)st.st_size;
    w->all = mem_grow(w->all, w->n + 1, sizeof *w->all);
    w->all[w->n++] = x;
    return utf8_valid(slice_of(path), NULL) ||
           err_set(e, EXIT_NO_OUTPUT, "%s is no UTF-8 and cannot stand in the log: rename it",
               QUOTED(slice_of(path)));
}

/* A folder below with a _tmp is a destination of its own. */
static bool walk(struct walk *w, int at, const char *name, const char *path, struct err *e) {
    DIR *d = io_list_folder(at, name);
    if (!d)
        return errno == ENOTDIR || errno == ELOOP || errno == ENOENT ||
               (errno == EACCES && !is_mine(at, name)) ||
               err_errno(e, EXIT_NO_OUTPUT, errno, "cannot look for published files in %s", path);
    bool ok = true, others = *path && has_tmp(dirfd(d), ".");
    struct buf below = {0};
    for (struct dirent *x; ok && !others && (x = readdir(d));) {
        if (x->d_name[0] == '.' || x->d_name[0] == '_') continue;
        below.n = 0;
        buf_printf(&below, "%s%s%s%c", path, *path ? "/" : "", x->d_name, 0);
        ok = io_is_folder(dirfd(d), x->d_name, AT_SYMLINK_NOFOLLOW)
                 ? walk(w, dirfd(d), x->d_name, below.p, e)
                 : look_at(w, dirfd(d), x->d_name, below.p, e);
    }
    buf_free(&below);
    closedir(d);
    return ok;
}

/* ---- the record ---- */

static int by_owner(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    int c = strcmp(x->id, y->id);
    if (!c) c = strcmp(x->run, y->run);
    return c ? c : strcmp(x->path, y->path);
}

static void write_lines(const struct walk *w, struct buf *out) {
    uint64_t lines = 0;
    log_line_write(out, &(struct log_line){.kind = LOG_BEGIN});
    for (size_t i = 0; i < w->n; i++, lines++) {
        const struct found *x = &w->all[i], *before = i ? x - 1 : NULL;
        if (!before || strcmp(before->id, x->id) != 0 || strcmp(before->run, x->run) != 0) {
            log_line_write(
                out, &(struct log_line){
                         .kind = LOG_TXN, .sink = slice_of(x->id), .run = slice_of(x->run)});
            lines++;
        }
        log_line_write(out, &(struct log_line){.kind = LOG_ADD,
                                .path = slice_of(x->path),
                                .size = x->size,
                                .rows = -1,
                                .least = TIME_NONE,
                                .greatest = TIME_NONE});
    }
    log_line_write(out, &(struct log_line){.kind = LOG_END, .lines = lines});
}

bool adopt(struct folder *f, struct buf *lines, uint64_t *n, struct err *e) {
    struct walk w = {0};
    bool ok = walk(&w, f->dir, ".", "", e);
    *n = w.n;
    if (w.n) qsort(w.all, w.n, sizeof *w.all, by_owner);
    if (ok && w.n) write_lines(&w, lines);
    for (size_t i = 0; i < w.n; i++) {
        free(w.all[i].id);
        free(w.all[i].run);
        free(w.all[i].path);
    }
    free(w.all);
    return ok;
}
