#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "source/logged.h"

void source_list_add(struct source_list *l, const char *path) {
    l->paths = mem_grow(l->paths, l->n + 1, sizeof *l->paths);
    l->paths[l->n++] = mem_str(slice_of(path));
}

/* access() is enough for what is no regular file: to open a FIFO would wait for its writer. */
static bool can_read(const char *path, const struct stat *st) {
    if (!S_ISREG(st->st_mode)) return access(path, R_OK) == 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static bool add_file(
    struct source_list *l, const char *path, const struct stat *st, struct err *e) {
    if (!can_read(path, st)) return err_errno(e, EXIT_NO_INPUT, errno, "%s", path);
    source_list_add(l, path);
    return true;
}

/* ---- folders ---- */

static void cut(struct source_list *l, size_t n) {
    while (l->n > n) free(l->paths[--l->n]);
}

static bool enter(struct source_list *l, FTS *tree, FTSENT *f, struct err *e) {
    bool logged;
    f->fts_number = (long)l->n;
    if (!logged_is(f->fts_path, &logged, e)) return false;
    if (logged) fts_set(tree, f, FTS_SKIP);
    return true;
}

/* The first commit may have come while the folder was listed: then some of its files were seen and others not. */
static bool leave(struct source_list *l, FTSENT *f, struct err *e) {
    bool logged;
    if (!logged_is(f->fts_path, &logged, e)) return false;
    if (!logged) return true;
    cut(l, (size_t)f->fts_number);
    l->logged = mem_grow(l->logged, l->n_logged + 1, sizeof *l->logged);
    l->logged[l->n_logged++] = mem_str(slice_of(f->fts_path));
    return logged_list(f->fts_path, l, e);
}

static bool visit(struct source_list *l, FTS *tree, FTSENT *f, struct err *e) {
    if (f->fts_level > 0 && (f->fts_name[0] == '.' || f->fts_name[0] == '_')) {
        fts_set(tree, f, FTS_SKIP);
        return true;
    }
    switch (f->fts_info) {
    case FTS_D: return enter(l, tree, f, e);
    case FTS_DP: return leave(l, f, e);
    case FTS_F: return add_file(l, f->fts_path, f->fts_statp, e);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS: return err_errno(e, EXIT_NO_INPUT, f->fts_errno, "%s", f->fts_path);
    case FTS_SLNONE: return err_errno(e, EXIT_NO_INPUT, ENOENT, "%s", f->fts_path);
    case FTS_DC: return err_set(e, EXIT_NO_INPUT, "%s: a link to a folder above it", f->fts_path);
    default: return true;
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_folder(struct source_list *l, const char *path, struct err *e) {
    size_t first = l->n;
    char *root = mem_str(slice_of(path));
    for (size_t n = strlen(root); n > 1 && root[n - 1] == '/'; n--) root[n - 1] = 0;
    FTS *tree = fts_open((char *[]){root, NULL}, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    bool good = tree != NULL;
    if (!good) err_errno(e, EXIT_NO_INPUT, errno, "%s", path);
    FTSENT *f;
    while (good && (errno = 0, f = fts_read(tree))) good = visit(l, tree, f, e);
    if (good && errno) good = err_errno(e, EXIT_NO_INPUT, errno, "%s", path);
    if (tree) fts_close(tree);
    free(root);
    if (!good) return false;
    if (l->n == first && !l->may_be_empty)
        return err_set(e, EXIT_NO_INPUT,
            "%s: no file in this folder (names with . or _ in front do not count)", path);
    if (l->n > first) qsort(l->paths + first, l->n - first, sizeof *l->paths, by_name);
    return true;
}

/* ---- one source ---- */

static bool add_path(
    struct source_list *l, const char *path, const struct stat *st, struct err *e) {
    return S_ISDIR(st->st_mode) ? add_folder(l, path, e) : add_file(l, path, st, e);
}

static bool add_match(struct source_list *l, const char *path, struct err *e) {
    struct stat st;
    if (stat(path, &st) < 0) return err_errno(e, EXIT_NO_INPUT, errno, "%s", path);
    return add_path(l, path, &st, e);
}

/* As in folders, what begins with _ is not meant (evsink has its _tmp there) unless the pattern says so; with '.' in
 * front glob(3) does the same. */
static bool is_meant(const char *pattern, const char *path) {
    for (;;) {
        pattern += strspn(pattern, "/");
        path += strspn(path, "/");
        if (*path == '_' && *pattern != '_' && strncmp(pattern, "\\_", 2) != 0) return false;
        if (!*path) return true;
        pattern += strcspn(pattern, "/");
        path += strcspn(path, "/");
    }
}

static bool add_glob(struct source_list *l, const char *pattern, struct err *e) {
    glob_t g = {0};
    int result = glob(pattern, GLOB_NOSORT | GLOB_ERR, NULL, &g);
    if (result && result != GLOB_NOMATCH) return err_errno(e, EXIT_NO_INPUT, errno, "%s", pattern);
    if (!result) qsort(g.gl_pathv, g.gl_pathc, sizeof *g.gl_pathv, by_name);
    bool good = true, any = false;
    for (size_t i = 0; i < g.gl_pathc && good; i++) {
        if (!is_meant(pattern, g.gl_pathv[i])) continue;
        any = true;
        good = add_match(l, g.gl_pathv[i], e);
    }
    globfree(&g);
    if (!good || any || l->may_be_empty) return good;
    return err_set(e, EXIT_NO_INPUT, "no file matches %s", QUOTED(slice_of(pattern)));
}

/* kafka://..., s3://...: a name is possible, and not meant. */
static bool has_scheme(const char *source) {
    size_t letters = strspn(source, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
    return letters && strncmp(source + letters, "://", 3) == 0;
}

static bool add_source(struct source_list *l, const char *source, struct err *e) {
    struct stat st;
    if (strcmp(source, "-") == 0) {
        source_list_add(l, source);
        return true;
    }
    if (stat(source, &st) == 0) return add_path(l, source, &st, e);
    int why = errno;
    if (!*source) return err_set(e, EXIT_USAGE, "a source has no name; - is standard input");
    if (why == ENOENT && has_scheme(source))
        return err_set(
            e, EXIT_USAGE, "%s: this version reads files, folders and standard input only", source);
    if (why == ENOENT && strpbrk(source, "*?[")) return add_glob(l, source, e);
    return err_errno(e, EXIT_NO_INPUT, why, "%s", source);
}

bool source_expand(const char *const *sources, size_t n, struct source_list *out, struct err *e) {
    size_t bad = 0;
    *out = (struct source_list){.may_be_empty = out->may_be_empty};
    for (size_t i = 0; i < n; i++) {
        struct err other;
        if (!add_source(out, sources[i], bad ? &other : e)) bad++;
    }
    if (!bad) return true;
    size_t len = strlen(e->text);
    if (bad > 1)
        snprintf(
            e->text + len, sizeof e->text - len, " (and %zu more that cannot be read)", bad - 1);
    source_list_free(out);
    return false;
}

void source_list_free(struct source_list *l) {
    for (size_t i = 0; i < l->n; i++) free(l->paths[i]);
    for (size_t i = 0; i < l->n_logged; i++) free(l->logged[i]);
    free(l->paths);
    free(l->logged);
    *l = (struct source_list){0};
}
