#include "source/logged.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "wire/logfolder.h"

static int open_folder(const char *folder) {
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool logged_is(const char *folder, bool *is, struct err *e) {
    struct log_range range = {0};
    int fd = open_folder(folder);
    /* Whoever lists the folder says what is wrong with it. */
    bool ok = fd < 0 || log_range(fd, UINT64_MAX, &range, e) || err_at(e, "%s", folder);
    if (fd >= 0) close(fd);
    *is = range.newest > 0;
    return ok;
}

/* ---- live files: what was added and not removed ---- */

struct logged_file {
    char *path;
    uint64_t size;
};

struct live {
    struct logged_file *added, *removed;
    size_t n_added, n_removed;
};

static void add(struct logged_file **all, size_t *n, const struct log_line *l) {
    if ((*n & (*n - 1)) == 0) *all = mem_grow(*all, *n ? 2 * *n : 1, sizeof **all);
    (*all)[(*n)++] = (struct logged_file){mem_str(l->path), l->size};
}

static bool visit(void *ctx, const struct log_line *l, struct err *e) {
    struct live *live = ctx;
    (void)e;
    if (l->kind == LOG_ADD) add(&live->added, &live->n_added, l);
    if (l->kind == LOG_REMOVE) add(&live->removed, &live->n_removed, l);
    return true;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct logged_file *)a)->path, ((const struct logged_file *)b)->path);
}

static bool is_removed(const struct live *live, const struct logged_file *f) {
    return live->n_removed &&
           bsearch(f, live->removed, live->n_removed, sizeof *live->removed, by_path);
}

static void live_free(struct live *live) {
    for (size_t i = 0; i < live->n_added; i++) free(live->added[i].path);
    for (size_t i = 0; i < live->n_removed; i++) free(live->removed[i].path);
    free(live->added);
    free(live->removed);
}

/* ---- listing ---- */

static bool check_size(const char *path, int fd, uint64_t size, struct err *e) {
    struct stat st;
    if (fstat(fd, &st) != 0) return err_errno(e, EXIT_NO_INPUT, errno, "%s", path);
    return (uint64_t)st.st_size == size ||
           err_set(e, EXIT_BAD_DATA, "%s: has %jd bytes, and the log of its folder says %" PRIu64,
               path, (intmax_t)st.st_size, size);
}

static bool list_file(
    struct source_list *l, const char *folder, const struct logged_file *f, struct err *e) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s%c", folder, f->path, 0);
    bool logged;
    int fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) fd = logged_open(path.p, &logged);
    bool ok = fd >= 0 ? check_size(path.p, fd, f->size, e)
                      : err_errno(e, errno == ENOENT ? EXIT_BAD_DATA : EXIT_NO_INPUT, errno,
                            "%s: the log of its folder names it", path.p);
    if (fd >= 0) close(fd);
    if (ok) source_list_add(l, path.p);
    buf_free(&path);
    return ok;
}

static bool read_log(const char *folder, struct live *live, struct err *e) {
    int fd = open_folder(folder);
    if (fd < 0) return err_errno(e, EXIT_NO_INPUT, errno, "%s", folder);
    bool ok = log_each(fd, UINT64_MAX, visit, live, NULL, e) || err_at(e, "%s", folder);
    close(fd);
    if (live->n_removed) qsort(live->removed, live->n_removed, sizeof *live->removed, by_path);
    return ok;
}

bool logged_removed(const char *folder, struct source_list *l, struct err *e) {
    struct live live = {0};
    struct buf path = {0};
    bool ok = read_log(folder, &live, e);
    for (size_t i = 0; ok && i < live.n_removed; i++) {
        path.n = 0;
        buf_printf(&path, "%s/%s%c", folder, live.removed[i].path, 0);
        source_list_add(l, path.p);
    }
    buf_free(&path);
    live_free(&live);
    return ok;
}

bool logged_list(const char *folder, struct source_list *l, struct err *e) {
    struct live live = {0};
    bool ok = read_log(folder, &live, e);
    for (size_t i = 0; ok && i < live.n_added; i++)
        if (!is_removed(&live, &live.added[i])) ok = list_file(l, folder, &live.added[i], e);
    live_free(&live);
    return ok;
}

/* ---- where a file may stand besides ---- */

static int open_at(const char *root, const char *below, const char *name) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s/%s%c", root, below, name, 0);
    int fd = open(path.p, O_RDONLY | O_CLOEXEC);
    buf_free(&path);
    return fd;
}

static bool has_log(const char *root) {
    struct buf path = {0};
    struct stat st;
    buf_printf(&path, "%s/" LOG_FOLDER "%c", root, 0);
    bool has = stat(path.p, &st) == 0 && S_ISDIR(st.st_mode);
    buf_free(&path);
    return has;
}

/* The nearest folder above a path that has a log, to be freed, or NULL. */
static char *find_root(const char *path) {
    char *root = mem_str(slice_of(path));
    for (char *slash; (slash = strrchr(root, '/')) && slash > root;) {
        *slash = 0;
        if (has_log(root)) return root;
    }
    free(root);
    return *path != '/' && has_log(".") ? mem_str(slice_of(".")) : NULL;
}

/* In the order in which a file goes: whoever looks so does not miss one that moves meanwhile. */
int logged_open(const char *path, bool *logged) {
    char *root = find_root(path);
    const char *name = log_name_of(slice_of(path)).p;
    *logged = root != NULL;
    errno = ENOENT;
    if (!root) return -1;
    int fd = open_at(root, "_tmp", name);
    if (fd < 0 && errno == ENOENT) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) fd = open_at(root, "_old", name);
    int why = errno;
    free(root);
    errno = why;
    return fd;
}
