#include "sink/backends.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/io.h"
#include "sink/partition.h"
#include "sink/replace.h"
#include "sink/writer.h"

/* Each partition gathers text, and its file is open only while a block is appended (as a gzip member of
 * its own): so ten thousand partitions need no descriptors, and memory is bounded by what is pending.
 * Blocks are so large that opening costs nothing and compression loses nothing. */
enum { FOLDER_BLOCK = 256 << 10, PENDING_MAX = 16 << 20 };

struct part_file {
    char *path; /* its folder below ours, "" for ours */
    uint64_t hash;
    size_t seq;
    struct encoder *encoder;
    struct buf out;
    bool in_tmp; /* stands under _tmp */
};

struct folder {
    struct sink sink;
    char *dest;
    int dir, tmp, lock;
    enum out_format format;
    bool gzip;
    struct buf prefix; /* of the names of this run's files: ID-RUN- */
    size_t id_n;       /* its bytes up to and with the first '-' */
    struct partition *partition;
    struct part_file **files; /* by seq */
    size_t n;
    struct part_file **table; /* by hash of path, open addressing; size is a power of two */
    size_t table_size;
    uint64_t seed;
    struct buf path; /* of the event at hand */
    size_t pending;  /* bytes in all out */
    bool rehearsal;  /* a sweep only sees whether it could remove */
};

static const char *const extensions[] = {
    [OUT_NDJSON] = "ndjson", [OUT_CSV] = "csv", [OUT_TSV] = "tsv"};
enum { EXTENSIONS = sizeof extensions / sizeof *extensions };

/* The file name of a part, with NUL. */
static void write_name(const struct folder *f, size_t seq, struct buf *out) {
    buf_add_slice(out, buf_slice(&f->prefix));
    buf_printf(out, "%zu.%s%s%c", seq, extensions[f->format], f->gzip ? ".gz" : "", 0);
}

/* ---- partitions ---- */

static void place(struct folder *f, struct part_file *p) {
    size_t i = p->hash & (f->table_size - 1);
    while (f->table[i]) i = (i + 1) & (f->table_size - 1);
    f->table[i] = p;
}

static void grow_table(struct folder *f) {
    free(f->table);
    f->table_size = f->table_size ? 2 * f->table_size : 64;
    f->table = mem_zero(f->table_size, sizeof *f->table);
    for (size_t i = 0; i < f->n; i++) place(f, f->files[i]);
}

static struct part_file *add_file(struct folder *f, struct slice path, uint64_t hash) {
    struct part_file *p = mem_zero(1, sizeof *p);
    *p = (struct part_file){
        .path = mem_str(path), .hash = hash, .seq = f->n, .encoder = encoder_new(f->format)};
    f->files = mem_grow(f->files, f->n + 1, sizeof *f->files);
    if (2 * (f->n + 1) > f->table_size) grow_table(f);
    place(f, p);
    f->files[f->n++] = p;
    return p;
}

static struct part_file *find_file(struct folder *f, struct slice path) {
    uint64_t hash = hash_bytes(path.p, path.n, f->seed);
    for (size_t i = hash; f->table_size; i++) {
        struct part_file *p = f->table[i & (f->table_size - 1)];
        if (!p) break;
        if (p->hash == hash && slice_is(path, p->path)) return p;
    }
    return add_file(f, path, hash);
}

/* ---- writing under _tmp ---- */

static bool append(struct folder *f, struct part_file *p, int fd, struct err *e) {
    struct writer w = {.fd = fd, .gzip = f->gzip, .out = p->out};
    f->pending -= p->out.n;
    p->out = (struct buf){0};
    bool ok = writer_end(&w, e);
    f->sink.bytes += w.bytes;
    writer_free(&w);
    return ok;
}

static bool write_file(struct folder *f, struct part_file *p, struct err *e) {
    struct buf name = {0};
    write_name(f, p->seq, &name);
    int fd = openat(
        f->tmp, name.p, O_WRONLY | O_APPEND | O_CLOEXEC | (p->in_tmp ? 0 : O_CREAT | O_EXCL), 0666);
    bool ok = fd >= 0 || err_errno(e, EXIT_NO_OUTPUT, errno, "cannot create _tmp/%s", name.p);
    buf_free(&name);
    if (!ok) return false;
    p->in_tmp = true;
    if (p->out.n) ok = append(f, p, fd, e);
    if (close(fd) != 0 && ok) ok = err_errno(e, EXIT_IO, errno, "cannot write");
    return ok;
}

static bool write_pending(struct folder *f, struct err *e) {
    for (size_t i = 0; i < f->n; i++)
        if (f->files[i]->out.n && !write_file(f, f->files[i], e)) return false;
    return true;
}

static bool folder_put(struct sink *s, const struct event *ev, struct err *e) {
    struct folder *f = (struct folder *)s;
    f->path.n = 0;
    if (f->partition && !partition_of(f->partition, ev, &f->path, e)) return false;
    struct part_file *p = find_file(f, buf_slice(&f->path));
    size_t before = p->out.n;
    if (!p->encoder->put(p->encoder, ev->text, &p->out, e)) {
        p->out.n = before;
        return false;
    }
    bool ok = true;
    f->pending += p->out.n - before;
    if (p->out.n >= FOLDER_BLOCK) ok = write_file(f, p, e);
    else if (f->pending > PENDING_MAX) ok = write_pending(f, e);
    return ok || err_at(e, "%s", f->dest);
}

static bool folder_flush(struct sink *s, struct err *e) {
    (void)s, (void)e;
    return true;
}

/* ---- publishing ---- */

static bool sync_path(int at, const char *path, struct err *e) {
    int fd = openat(at, *path ? path : ".", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_errno(e, EXIT_IO, errno, "cannot open %s", path);
    bool ok = sync_folder(fd, e);
    close(fd);
    return ok;
}

/* flags: AT_SYMLINK_NOFOLLOW, or 0 */
static bool is_folder(int at, const char *path, int flags) {
    struct stat st;
    return fstatat(at, path, &st, flags) == 0 && S_ISDIR(st.st_mode);
}

static bool is_link(int at, const char *path) {
    struct stat st;
    return fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

static bool has_tmp(int at, const char *path) {
    struct buf tmp = {0};
    buf_printf(&tmp, "%s/_tmp%c", path, 0);
    bool has = is_folder(at, tmp.p, 0);
    buf_free(&tmp);
    return has;
}

/* May files lie in a folder below ours? Not where sweep_below() would not find them again. */
static bool is_swept(int at, const char *path, struct err *e) {
    if (is_link(at, path))
        return err_set(e, EXIT_NO_OUTPUT, "%s is a link, where a rerun would not look", path);
    return !has_tmp(at, path) ||
           err_set(e, EXIT_NO_OUTPUT, "%s has a _tmp/: it is a destination of its own", path);
}

/* Durably, so not in a folder that cannot be opened. Another id may make it at the same time. */
static bool make_new(int at, const char *path, const char *parent, struct err *e) {
    int fd = openat(at, *parent ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool made = fd >= 0 && (mkdirat(at, path, 0777) == 0 || errno == EEXIST);
    bool ok =
        made ? sync_folder(fd, e) : err_errno(e, EXIT_NO_OUTPUT, errno, "cannot create %s", path);
    if (fd >= 0) close(fd);
    return ok;
}

static bool make_one(int at, const char *path, const char *parent, struct err *e) {
    struct stat st;
    if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) != 0) return make_new(at, path, parent, e);
    if (at != AT_FDCWD && !is_swept(at, path, e)) return false;
    return is_folder(at, path, 0) || err_errno(e, EXIT_NO_OUTPUT, EEXIST, "cannot create %s", path);
}

/* mkdir -p */
static bool make_path(int at, const char *path, struct err *e) {
    char *copy = mem_str(slice_of(path)), *parent = mem_str(slice_of(*path == '/' ? "/" : ""));
    bool ok = true;
    for (size_t i = 1; ok && i <= strlen(path); i++) {
        if ((path[i] && path[i] != '/') || path[i - 1] == '/') continue;
        copy[i] = 0;
        ok = make_one(at, copy, parent, e);
        free(parent);
        parent = mem_str(slice_of(copy));
        copy[i] = path[i];
    }
    free(copy);
    free(parent);
    return ok;
}

static bool finish_file(struct folder *f, struct part_file *p, struct err *e) {
    size_t before = p->out.n;
    bool ok = p->encoder->finish(p->encoder, &p->out, e);
    f->pending += p->out.n - before;
    return ok && write_file(f, p, e);
}

static bool sync_file(struct folder *f, struct part_file *p, struct err *e) {
    struct buf name = {0};
    write_name(f, p->seq, &name);
    bool ok = sync_path(f->tmp, name.p, e);
    buf_free(&name);
    return ok;
}

static bool rename_file(struct folder *f, struct part_file *p, struct err *e) {
    struct buf from = {0}, to = {0};
    write_name(f, p->seq, &from);
    buf_printf(&to, "%s%s%s%c", p->path, *p->path ? "/" : "", from.p, 0);
    bool ok = renameat(f->tmp, from.p, f->dir, to.p) == 0 ||
              err_errno(e, EXIT_IO, errno, "cannot rename _tmp/%s to %s", from.p, to.p);
    if (ok) p->in_tmp = false;
    buf_free(&from);
    buf_free(&to);
    return ok;
}

static bool can_take(struct folder *f, int folder, const char *name, struct err *e) {
    struct stat tmp, at, there;
    if (!may_replace(folder, name) || fstat(f->tmp, &tmp) != 0 || fstat(folder, &at) != 0)
        return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot write");
    if (at.st_dev != tmp.st_dev) return err_set(e, EXIT_NO_OUTPUT, "is on another file system");
    if (has_writer(folder, name)) return err_set(e, EXIT_NO_OUTPUT, "another writer has it");
    if (fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(there.st_mode))
        return true;
    return err_set(e, EXIT_NO_OUTPUT, "is a folder: remove it");
}

/* What would fail the rename must show before the first one. */
static bool check_place(struct folder *f, struct part_file *p, struct err *e) {
    struct buf name = {0};
    write_name(f, p->seq, &name);
    int folder = openat(f->dir, *p->path ? p->path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = folder >= 0 ? can_take(f, folder, name.p, e)
                          : err_errno(e, EXIT_NO_OUTPUT, errno, "cannot open the folder");
    if (!ok) err_at(e, "%s%s%s", p->path, *p->path ? "/" : "", name.p);
    if (folder >= 0) close(folder);
    buf_free(&name);
    return ok;
}

static bool make_folder(struct folder *f, struct part_file *p, struct err *e) {
    return make_path(f->dir, p->path, e) && check_place(f, p, e);
}

static bool sync_names(struct folder *f, struct part_file *p, struct err *e) {
    return sync_path(f->dir, p->path, e);
}

/* ---- what an earlier run of the same ID and RUN left ---- */

/* Is it PREFIX, digits, and an extension of ours? RUN may hold '-', so nothing less will do. */
static bool is_own_name(const struct folder *f, const char *name, size_t *seq) {
    if (strncmp(name, f->prefix.p, f->prefix.n) != 0) return false;
    const char *at = name + f->prefix.n;
    size_t digits = strspn(at, "0123456789");
    if (!digits || at[digits] != '.') return false;
    *seq = strtoull(at, NULL, 10);
    struct slice ext = slice_of(at + digits + 1);
    if (slice_ends(ext, ".gz")) ext.n -= 3;
    for (size_t i = 0; i < EXTENSIONS; i++)
        if (slice_is(ext, extensions[i])) return true;
    return false;
}

static bool was_written(const struct folder *f, const char *path, const char *name, size_t seq) {
    if (seq >= f->n || strcmp(f->files[seq]->path, path) != 0) return false;
    struct buf own = {0};
    write_name(f, seq, &own);
    bool same = strcmp(own.p, name) == 0;
    buf_free(&own);
    return same;
}

/* NULL with errno; ENOTDIR or ELOOP where it is no folder of ours. */
static DIR *list_folder(int at, const char *name) {
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0) close(fd);
    return d;
}

/* Like a lost+found, what others have closed holds nothing of ours. */
static bool is_mine(int at, const char *name) {
    struct stat st;
    return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == geteuid();
}

static bool sweep_below(
    struct folder *f, int at, const char *name, const char *path, struct err *e);

static bool sweep_entry(
    struct folder *f, int fd, const char *name, const char *path, struct err *e) {
    size_t seq;
    if (is_own_name(f, name, &seq) &&
        !is_folder(fd, name, AT_SYMLINK_NOFOLLOW)) /* which may be a partition's */
        return was_written(f, path, name, seq) ||
               (f->rehearsal ? may_replace(fd, name) : unlinkat(fd, name, 0) == 0) ||
               errno == ENOENT ||
               err_errno(e, f->rehearsal ? EXIT_NO_OUTPUT : EXIT_IO, errno,
                   "cannot remove %s%s%s of an earlier run", path, *path ? "/" : "", name);
    struct buf below = {0};
    buf_printf(&below, "%s%s%s%c", path, *path ? "/" : "", name, 0);
    bool ok = sweep_below(f, fd, name, below.p, e);
    buf_free(&below);
    return ok;
}

/* Removes files of our names that this run did not write, in a folder and in those below it; a folder below with a
 * _tmp is a destination of its own. */
static bool sweep_below(
    struct folder *f, int at, const char *name, const char *path, struct err *e) {
    DIR *d = list_folder(at, name);
    if (!d)
        return errno == ENOTDIR || errno == ELOOP || errno == ENOENT ||
               (errno == EACCES && !is_mine(at, name)) ||
               err_errno(e, f->rehearsal ? EXIT_NO_OUTPUT : EXIT_IO, errno,
                   "cannot look for an earlier run's files in %s", path);
    bool ok = true, others = *path && has_tmp(dirfd(d), ".");
    for (struct dirent *x; ok && !others && (x = readdir(d));)
        if (x->d_name[0] != '.' && x->d_name[0] != '_')
            ok = sweep_entry(f, dirfd(d), x->d_name, path, e);
    closedir(d);
    return ok;
}

/* ---- publishing ---- */

/* A signal ends it until the first file has its name: what others may see is not left half done. */
static bool each(struct folder *f,
    bool (*step)(struct folder *f, struct part_file *p, struct err *e), struct err *e) {
    for (size_t i = 0; i < f->n; i++) {
        if (f->files[0]->in_tmp) io_check();
        if (!step(f, f->files[i], e)) return false;
    }
    return true;
}

static bool sweep(struct folder *f, bool rehearsal, struct err *e) {
    f->rehearsal = rehearsal;
    return sweep_below(f, f->dir, ".", "", e);
}

/* Whatever can fail for want of space, of a permission or by a name in the way comes before the first rename. Each step
 * is done for all files before the next: the first fsync of many then does most of the work of the others. */
static bool publish(struct folder *f, struct err *e) {
    return each(f, finish_file, e) && each(f, sync_file, e) && each(f, make_folder, e) &&
           sweep(f, true, e) && each(f, rename_file, e) && each(f, sync_names, e) &&
           sweep(f, false, e);
}

static bool folder_commit(struct sink *s, const struct txn *t, struct err *e) {
    struct folder *f = (struct folder *)s;
    (void)t;
    s->files = f->n;
    return publish(f, e) || err_at(e, "%s", f->dest);
}

/* ---- opening and closing ---- */

static void remove_temps(struct folder *f) {
    struct buf name = {0};
    for (size_t i = 0; i < f->n; i++) {
        name.n = 0;
        write_name(f, i, &name);
        if (f->files[i]->in_tmp) unlinkat(f->tmp, name.p, 0);
    }
    buf_free(&name);
}

static void folder_close(struct sink *s) {
    struct folder *f = (struct folder *)s;
    remove_temps(f);
    for (size_t i = 0; i < f->n; i++) {
        struct part_file *p = f->files[i];
        p->encoder->free(p->encoder);
        buf_free(&p->out);
        free(p->path);
        free(p);
    }
    if (f->lock >= 0) close(f->lock);
    if (f->tmp >= 0) close(f->tmp);
    if (f->dir >= 0) close(f->dir);
    partition_free(f->partition);
    buf_free(&f->prefix);
    buf_free(&f->path);
    free(f->files);
    free(f->table);
    free(f->dest);
    free(f);
}

/* A killed run of the same ID may have left files of any RUN. Under the lock nobody else writes them. */
static bool remove_leftovers(struct folder *f, struct err *e) {
    DIR *d = list_folder(f->tmp, ".");
    if (!d) return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot read _tmp");
    bool ok = true;
    for (struct dirent *x; ok && (x = readdir(d));)
        if (strncmp(x->d_name, f->prefix.p, f->id_n) == 0 && unlinkat(f->tmp, x->d_name, 0) != 0)
            ok = err_errno(e, EXIT_NO_OUTPUT, errno, "cannot remove _tmp/%s", x->d_name);
    closedir(d);
    return ok;
}

static bool take_lock(struct folder *f, struct err *e) {
    struct buf name = {0};
    buf_printf(&name, "%.*s.lock%c", (int)f->id_n - 1, f->prefix.p, 0);
    f->lock = lock_file(f->tmp, name.p, 0666);
    buf_free(&name);
    if (f->lock >= 0) return true;
    if (errno == EWOULDBLOCK)
        return err_set(e, EXIT_NO_OUTPUT, "another writer of this id has it; --id names this one");
    return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot lock _tmp");
}

static bool open_folders(struct folder *f, struct err *e) {
    if (!make_path(AT_FDCWD, f->dest, e)) return false;
    f->dir = open(f->dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0) return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot open");
    if (!make_path(f->dir, "_tmp", e)) return false;
    f->tmp = openat(f->dir, "_tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->tmp < 0) return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot open _tmp");
    return take_lock(f, e) && remove_leftovers(f, e);
}

/* '-' is escaped in ID, so that the names of two ids never begin alike. */
static bool make_prefix(struct folder *f, const char *id, const char *run, struct err *e) {
    enum { LONGEST_REST = 32 }; /* a number, extensions, NUL */
    if (!*id || !*run) return err_set(e, EXIT_USAGE, "%s: is empty", *id ? "--run" : "--id");
    name_escape(&f->prefix, slice_of(id), "-");
    buf_addc(&f->prefix, '-');
    f->id_n = f->prefix.n;
    name_escape(&f->prefix, slice_of(run), "");
    buf_addc(&f->prefix, '-');
    return f->prefix.n + LONGEST_REST <= NAME_MAX_BYTES ||
           err_set(e, EXIT_USAGE, "--id and --run are too long for file names");
}

static bool prepare(struct folder *f, const struct sink_options *o, struct err *e) {
    if (f->format == OUT_TABLE)
        return err_set(
            e, EXIT_USAGE, "--format table is for reading, not for a folder; ndjson csv tsv are");
    if (!make_prefix(f, o->id ? o->id : "evsink", o->run ? o->run : "0", e)) return false;
    if (o->partition) f->partition = partition_new(o, e);
    if (o->partition && !f->partition) return false;
    return open_folders(f, e) || err_at(e, "%s", f->dest);
}

struct sink *folder_open(
    const char *dest, const struct sink_options *o, enum out_format format, struct err *e) {
    struct folder *f = mem_zero(1, sizeof *f);
    *f = (struct folder){
        .sink = {.put = folder_put,
            .flush = folder_flush,
            .commit = folder_commit,
            .close = folder_close},
        .dest = mem_str(slice_of(dest)),
        .dir = -1,
        .tmp = -1,
        .lock = -1,
        .format = format,
        .gzip = o->gzip,
        .seed = hash_seed(),
    };
    if (prepare(f, o, e)) return &f->sink;
    folder_close(&f->sink);
    return NULL;
}
