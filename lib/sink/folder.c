#include "sink/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/io.h"
#include "json/value.h"
#include "sink/backends.h"
#include "sink/replace.h"
#include "sink/writer.h"

/* Each partition gathers text, and its file is open only while a block is appended (as a gzip member of
 * its own): so ten thousand partitions need no descriptors, and memory is bounded by what is pending.
 * Blocks are so large that opening costs nothing and compression loses nothing. */
enum { FOLDER_BLOCK = 256 << 10, PENDING_MAX = 16 << 20 };

static const char *const extensions[] = {
    [OUT_NDJSON] = "ndjson", [OUT_CSV] = "csv", [OUT_TSV] = "tsv"};

void part_name(const struct folder *f, const struct buf *prefix, size_t seq, struct buf *out) {
    buf_add_slice(out, buf_slice(prefix));
    buf_printf(out, "%zu.%s%s%c", seq, extensions[f->format], f->gzip ? ".gz" : "", 0);
}

void part_path(const struct folder *f, const struct part_file *p, struct buf *out) {
    out->n = 0;
    buf_printf(out, "%s%s", p->path, *p->path ? "/" : "");
    part_name(f, &f->prefix, p->seq, out);
}

void make_prefix(const struct folder *f, uint64_t rerun, uint64_t epoch, struct buf *out) {
    out->n = 0;
    buf_add_slice(out, buf_slice(&f->base));
    if (rerun) buf_printf(out, ".%" PRIu64, rerun);
    if (epoch) buf_printf(out, "-%" PRIu64, epoch);
    buf_addc(out, '-');
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
    *p = (struct part_file){.path = mem_str(path),
        .hash = hash,
        .seq = f->n,
        .encoder = encoder_new(f->format),
        .least = TIME_NONE,
        .greatest = TIME_NONE};
    f->files = mem_grow(f->files, f->n + 1, sizeof *f->files);
    if (2 * (f->n + 1) > f->table_size) grow_table(f);
    place(f, p);
    f->files[f->n++] = p;
    return p;
}

static struct part_file *look_up(const struct folder *f, struct slice path, uint64_t hash) {
    for (size_t i = hash; f->table_size; i++) {
        struct part_file *p = f->table[i & (f->table_size - 1)];
        if (!p) break;
        if (p->hash == hash && slice_is(path, p->path)) return p;
    }
    return NULL;
}

static struct part_file *find_file(struct folder *f, struct slice path) {
    uint64_t hash = hash_bytes(path.p, path.n, f->seed);
    struct part_file *p = look_up(f, path, hash);
    return p ? p : add_file(f, path, hash);
}

bool part_lies_in(const struct folder *f, const char *path) {
    struct slice s = slice_of(path);
    return look_up(f, s, hash_bytes(s.p, s.n, f->seed)) != NULL;
}

static void remove_temps(struct folder *f) {
    struct buf name = {0};
    for (size_t i = 0; i < f->n; i++) {
        name.n = 0;
        part_name(f, &f->prefix, i, &name);
        if (f->files[i]->in_tmp) unlinkat(f->tmp, name.p, 0);
    }
    buf_free(&name);
}

void parts_forget(struct folder *f) {
    if (!f->recorded) remove_temps(f);
    for (size_t i = 0; i < f->n; i++) {
        struct part_file *p = f->files[i];
        p->encoder->free(p->encoder);
        buf_free(&p->out);
        free(p->path);
        free(p);
    }
    free(f->files);
    free(f->table);
    f->files = f->table = NULL;
    f->n = f->table_size = f->pending = 0;
    f->recorded = false;
    make_prefix(f, f->plain_rerun, 0, &f->prefix);
}

/* ---- writing under _tmp ---- */

static bool append(struct folder *f, struct part_file *p, int fd, struct err *e) {
    struct writer w = {.fd = fd, .gzip = f->gzip, .out = p->out};
    f->pending -= p->out.n;
    p->out = (struct buf){0};
    bool ok = writer_end(&w, e);
    f->sink.bytes += w.bytes;
    p->size += w.bytes;
    writer_free(&w);
    return ok;
}

bool part_write(struct folder *f, struct part_file *p, struct err *e) {
    struct buf name = {0};
    part_name(f, &f->prefix, p->seq, &name);
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
        if (f->files[i]->out.n && !part_write(f, f->files[i], e)) return false;
    return true;
}

static void count(struct part_file *p, int64_t time) {
    p->rows++;
    if (time == TIME_NONE) return;
    if (p->least == TIME_NONE || time < p->least) p->least = time;
    if (p->greatest == TIME_NONE || time > p->greatest) p->greatest = time;
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
    count(p, ev->time);
    bool ok = true;
    f->pending += p->out.n - before;
    if (p->out.n >= FOLDER_BLOCK) ok = part_write(f, p, e);
    else if (f->pending > PENDING_MAX) ok = write_pending(f, e);
    return ok || err_at(e, "%s", f->dest);
}

static bool folder_flush(struct sink *s, struct err *e) {
    (void)s, (void)e;
    return true;
}

static bool folder_recorded(
    struct sink *s, const struct txn *of, struct txn *found, struct err *e) {
    struct folder *f = (struct folder *)s;
    *found = (struct txn){.pipeline = of->pipeline, .sink = of->sink};
    if (strcmp(of->sink, f->id) != 0)
        return err_set(e, EXIT_BUG, "%s: the sink %s asks for %s", f->dest, f->id, of->sink);
    const struct log_key *k = journal_newest(f, of->pipeline);
    if (!k) return true;
    found->uuid = k->uuid;
    found->generation = k->generation;
    found->epoch = k->epoch;
    return true;
}

/* ---- opening and closing ---- */

static void folder_close(struct sink *s) {
    struct folder *f = (struct folder *)s;
    parts_forget(f);
    view_free(&f->view);
    names_free(&f->mine);
    names_free(&f->durable);
    if (f->log >= 0) close(f->log);
    if (f->lock >= 0) close(f->lock);
    if (f->tmp >= 0) close(f->tmp);
    if (f->dir >= 0) close(f->dir);
    partition_free(f->partition);
    buf_free(&f->own);
    buf_free(&f->base);
    buf_free(&f->prefix);
    buf_free(&f->path);
    free(f->id);
    free(f->run);
    free(f->dest);
    free(f);
}

static bool take_lock(struct folder *f, struct err *e) {
    struct buf name = {0};
    buf_printf(&name, "%.*s.lock%c", (int)f->own.n - 1, f->own.p, 0);
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
    return take_lock(f, e) && journal_open(f, e);
}

/* '-' is escaped in ID, so that the names of two ids never begin alike, and '.' in RUN, where K follows. */
static bool make_names(struct folder *f, struct err *e) {
    enum { LONGEST_REST = 80 }; /* three numbers, extensions, NUL */
    const char *empty = !*f->id ? "--id" : !*f->run ? "--run" : NULL;
    if (empty) return err_set(e, EXIT_USAGE, "%s: is empty", empty);
    if (!utf8_valid(slice_of(f->id), NULL) || !utf8_valid(slice_of(f->run), NULL))
        return err_set(e, EXIT_USAGE, "--id and --run are UTF-8");
    name_escape(&f->own, slice_of(f->id), "-");
    buf_addc(&f->own, '-');
    buf_add_slice(&f->base, buf_slice(&f->own));
    name_escape(&f->base, slice_of(f->run), ".");
    return f->base.n + LONGEST_REST <= NAME_MAX_BYTES ||
           err_set(e, EXIT_USAGE, "--id and --run are too long for file names");
}

static bool prepare(struct folder *f, const struct sink_options *o, struct err *e) {
    if (f->format == OUT_TABLE)
        return err_set(
            e, EXIT_USAGE, "--format table is for reading, not for a folder; ndjson csv tsv are");
    if (!make_names(f, e)) return false;
    if (o->partition && !utf8_valid(slice_of(o->partition), NULL))
        return err_set(e, EXIT_USAGE, "--partition: is not UTF-8");
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
            .recorded = folder_recorded,
            .close = folder_close},
        .dest = mem_str(slice_of(dest)),
        .id = mem_str(slice_of(o->id ? o->id : "evsink")),
        .run = mem_str(slice_of(o->run ? o->run : "0")),
        .dir = -1,
        .tmp = -1,
        .log = -1,
        .lock = -1,
        .format = format,
        .gzip = o->gzip,
        .seed = hash_seed(),
        .keep_old_us = o->has_keep_old ? o->keep_old_us : DAY_US,
    };
    if (prepare(f, o, e)) return &f->sink;
    folder_close(&f->sink);
    return NULL;
}
