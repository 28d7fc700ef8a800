#include "state/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

static const char magic[8] = "\x89"
                             "EVR\r\n\x1a\n";
enum { RUN_VERSION = 1, HAS_VALUE = 2, DROPPED = 1, VARINT = 10, PACE = 16 << 20 };

bool checkpoint_restorable(struct err *e) {
    return err_set(e, EXIT_CONFIG,
        "%s: copy the checkpoint back from where it was kept, or begin anew with --reset-state",
        e->text);
}

bool checkpoint_damaged(struct err *e, const char *file, const char *what) {
    err_set(e, EXIT_CONFIG, "%s: %s", file, what);
    return checkpoint_restorable(e);
}

static bool here(struct err *e, const char *file) { return err_at(e, "%s", file); }

static bool failed(struct err *e, const char *file, const char *what) {
    return err_errno(e, EXIT_IO, errno, "%s: %s", file, what);
}

/* ---- numbers ---- */

static char *put_little(char *to, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) *to++ = (char)(v >> 8 * i);
    return to;
}

static uint64_t get_little(const char *p, int bytes) {
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;) v = v << 8 | (unsigned char)p[i];
    return v;
}

static char *put_varint(char *to, uint64_t v) {
    for (; v >= 0x80; v >>= 7) *to++ = (char)(v | 0x80);
    *to++ = (char)v;
    return to;
}

/* Bytes taken; 0 where the varint is cut, or longer than any number. */
static size_t get_varint(const char *p, size_t n, uint64_t *v) {
    *v = 0;
    for (size_t i = 0; i < n && i < VARINT; i++) {
        *v |= (uint64_t)(p[i] & 0x7f) << 7 * i;
        if (!(p[i] & 0x80)) return i + 1;
    }
    return 0;
}

/* ---- writing ---- */

bool run_create(struct run_writer *w, int folder, const char *name, unsigned table,
    enum state_kind kind, struct err *e) {
    *w = (struct run_writer){.folder = folder, .run = {.least = INT64_MAX, .greatest = INT64_MIN}};
    snprintf(w->run.file, sizeof w->run.file, "%s", name);
    snprintf(w->temp, sizeof w->temp, ".%s.tmp", name);
    w->fd = openat(folder, w->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (w->fd < 0) return failed(e, name, "cannot create");
    w->in_use = true;
    w->hash = hash_stream_new();
    buf_add(&w->buf, magic, sizeof magic);
    char *to = buf_reserve(&w->buf, RUN_HEADER);
    to = put_little(put_little(to, RUN_VERSION, 1), kind, 1);
    put_little(put_little(to, table, 2), 0, 4);
    w->buf.n = RUN_HEADER;
    return true;
}

static bool flush(struct run_writer *w, struct err *e) {
    hash_stream_add(w->hash, w->buf.p, w->buf.n);
    if (!io_write_file(w->fd, w->buf.p, w->buf.n, e)) return here(e, w->run.file);
    w->run.bytes += w->buf.n;
    w->buf.n = 0;
    if (!w->paced || w->run.bytes - w->synced < PACE) return true;
    w->synced = w->run.bytes;
    return fdatasync(w->fd) == 0 || failed(e, w->run.file, "cannot write");
}

bool run_add(struct run_writer *w, const struct state_entry *entry, bool dropped, struct err *e) {
    if (w->buf.n >= RUN_BUFFER && !flush(w, e)) return false;
    struct slice key = entry->key, value = entry->value;
    char *at = buf_reserve(&w->buf, 2 * VARINT + 8 + key.n + value.n), *to = at;
    to = put_varint(to, (uint64_t)key.n << 2 | (value.n ? HAS_VALUE : 0) | (dropped ? DROPPED : 0));
    if (value.n) to = put_varint(to, value.n);
    to = put_little(to, (uint64_t)entry->time, 8);
    if (key.n) memcpy(to, key.p, key.n);
    if (value.n) memcpy(to + key.n, value.p, value.n);
    size_t length = (size_t)(to - at) + key.n + value.n;
    w->buf.n += length;
    w->run.entries++;
    if (length > w->run.longest) w->run.longest = length;
    if (entry->time < w->run.least) w->run.least = entry->time;
    if (entry->time > w->run.greatest) w->run.greatest = entry->time;
    return true;
}

bool run_finish(struct run_writer *w, struct err *e) {
    if (!flush(w, e)) return false;
    w->run.sum = hash_stream_end(w->hash);
    int fd = w->fd;
    w->fd = -1;
    bool ok = fsync(fd) == 0 || failed(e, w->run.file, "cannot write");
    return (close(fd) == 0 || (ok && failed(e, w->run.file, "cannot write"))) && ok;
}

static void writer_clear(struct run_writer *w) {
    if (w->fd >= 0) close(w->fd);
    buf_free(&w->buf);
    hash_stream_free(w->hash);
    *w = (struct run_writer){.run = w->run};
}

bool run_publish(struct run_writer *w, struct err *e) {
    if (renameat(w->folder, w->temp, w->folder, w->run.file) != 0)
        return failed(e, w->run.file, "cannot rename to it");
    writer_clear(w);
    return true;
}

void run_abandon(struct run_writer *w) {
    if (!w->in_use) return;
    unlinkat(w->folder, w->temp, 0);
    writer_clear(w);
}

/* ---- reading ---- */

static bool damaged(const struct run_reader *r, const char *what, struct err *e) {
    return checkpoint_damaged(e, r->run->file, what);
}

/* Reads on behind what has not been taken yet. */
static bool refill(struct run_reader *r, struct err *e) {
    size_t rest = r->end - r->at, got;
    if (rest) memmove(r->buf, r->buf + r->at, rest);
    r->at = 0;
    r->end = rest;
    /* So a damaged length asks for no memory. */
    if (rest >= r->run->longest + RUN_HEADER)
        return damaged(r, "is damaged: an entry is too long", e);
    size_t room = r->cap - rest;
    if (room > r->unread) room = (size_t)r->unread;
    if (!io_read_file(r->fd, r->buf + rest, room, &got, e)) return here(e, r->run->file);
    if (got < room) return damaged(r, "was cut while it was read", e);
    hash_stream_add(r->hash, r->buf + rest, got);
    r->end += got;
    r->unread -= got;
    return true;
}

static bool check_header(struct run_reader *r, enum state_kind kind, struct err *e) {
    const char *p = r->buf;
    if (r->end < RUN_HEADER || memcmp(p, magic, sizeof magic) != 0)
        return damaged(r, "is damaged: no run of state begins like this", e);
    if (p[8] != RUN_VERSION)
        return damaged(r, "is damaged, or of a version that this tool does not know", e);
    if (p[9] != (char)kind || get_little(p + 10, 2) != r->table || get_little(p + 12, 4) != 0)
        return damaged(r, "belongs to another table", e);
    r->at = RUN_HEADER;
    return true;
}

bool run_open(struct run_reader *r, int folder, const struct run *run, unsigned table,
    enum state_kind kind, struct err *e) {
    struct stat is;
    *r = (struct run_reader){.run = run, .table = table, .unread = run->bytes};
    r->fd = openat(folder, run->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (r->fd < 0 && (errno == ENOENT || errno == ELOOP)) return damaged(r, "is missing", e);
    if (r->fd < 0) return failed(e, run->file, "cannot read");
    bool fits = fstat(r->fd, &is) == 0 && S_ISREG(is.st_mode) &&
                (uint64_t)is.st_size == run->bytes && run->longest <= run->bytes;
    if (!fits) {
        close(r->fd);
        return damaged(r, "is damaged: not as long as the manifest says", e);
    }
    r->hash = hash_stream_new();
    r->buf = mem_alloc(r->cap = RUN_BUFFER + (size_t)run->longest);
    bool ok = refill(r, e) && check_header(r, kind, e);
    if (!ok) run_close(r);
    return ok;
}

/* Takes the entry at the beginning of what was read. False where it is not all there. */
static bool take(struct run_reader *r) {
    const char *p = r->buf + r->at;
    size_t n = r->end - r->at;
    uint64_t head, value = 0;
    size_t used = get_varint(p, n, &head), more = 0;
    if (!used) return false;
    if (head & HAS_VALUE && !(more = get_varint(p + used, n - used, &value))) return false;
    used += more;
    uint64_t key = head >> 2;
    if (n - used < 8 || key > n - used - 8 || value > n - used - 8 - key) return false;
    r->entry = (struct state_entry){.table = r->table,
        .time = (int64_t)get_little(p + used, 8),
        .key = {p + used + 8, (size_t)key},
        .value = {p + used + 8 + key, (size_t)value}};
    r->dropped = head & DROPPED;
    r->at += used + 8 + (size_t)(key + value);
    r->entries++;
    return true;
}

static bool verify(struct run_reader *r, struct err *e) {
    struct hash128 sum = hash_stream_end(r->hash);
    if (sum.high != r->run->sum.high || sum.low != r->run->sum.low)
        return damaged(r, "is damaged: its checksum is not the manifest's", e);
    if (r->at < r->end || r->entries != r->run->entries)
        return damaged(r, "is damaged: its entries are not those of the manifest", e);
    r->ended = true;
    return true;
}

bool run_next(struct run_reader *r, struct err *e) {
    while (!take(r)) {
        if (!r->unread) return verify(r, e);
        if (!refill(r, e)) return false;
    }
    return true;
}

void run_close(struct run_reader *r) {
    if (!r->buf) return;
    close(r->fd);
    hash_stream_free(r->hash);
    free(r->buf);
    *r = (struct run_reader){0};
}
