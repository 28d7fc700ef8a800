#include "sink/appended.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/hash.h"
#include "base/io.h"
#include "sink/output.h"
#include "sink/replace.h"
#include "state/members.h"

enum { TAIL_BYTES = 64 << 10, BLOCK = 256 << 10 };

struct appended {
    char *dest;
    struct output *stream; /* what is no file is written as it is */
    struct replace place;  /* held, so that there is one writer; the first epoch is written there */
    struct writer spool;   /* owns its descriptor */
    bool begun;            /* the first epoch is published */
    uint64_t offset;       /* where the last one ended */
    uint64_t tail;         /* a hash of the bytes before that */
    uint64_t inode, born;  /* the file's; a copy has others */
    uint64_t published;
};

/* ---- opening and closing ---- */

static int open_spool(int folder) {
    int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
    char name[64];
    snprintf(name, sizeof name, ".spool-%d-%p.tmp", (int)getpid(), (void *)&fd);
    fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) (void)unlinkat(folder, name, 0);
    return fd;
}

static bool is_file(const char *dest) {
    struct stat st;
    return strcmp(dest, "-") != 0 && (stat(dest, &st) != 0 || S_ISREG(st.st_mode));
}

static bool open_dest(struct appended *a, bool gzip, struct err *e) {
    if (is_file(a->dest)) return replace_open(&a->place, a->dest, e);
    a->stream = output_open(a->dest, gzip, e);
    return a->stream != NULL;
}

struct appended *appended_open(const char *dest, bool gzip, int spool, struct err *e) {
    struct appended *a = mem_zero(1, sizeof *a);
    *a = (struct appended){.dest = mem_str(slice_of(dest)),
        .place = {.fd = -1, .folder = -1},
        .spool = {.fd = open_spool(spool), .gzip = gzip}};
    if (a->spool.fd < 0)
        err_errno(
            e, EXIT_NO_OUTPUT, errno, "%s: cannot create a spool file in the checkpoint", dest);
    if (a->spool.fd >= 0 && open_dest(a, gzip, e)) return a;
    appended_close(a);
    return NULL;
}

bool appended_is_file(const struct appended *a) { return !a->stream; }

void appended_close(struct appended *a) {
    if (!a) return;
    if (a->stream) output_close(a->stream);
    else replace_close(&a->place);
    if (a->spool.fd >= 0) close(a->spool.fd);
    writer_free(&a->spool);
    free(a->dest);
    free(a);
}

struct buf *appended_out(struct appended *a) {
    return &a->spool.out;
}

bool appended_drain(struct appended *a, struct err *e) { return writer_drain(&a->spool, e); }

uint64_t appended_bytes(const struct appended *a) { return a->published; }

/* ---- what stands in the file ---- */

static bool changed(const struct appended *a, struct err *e, const char *how) {
    return err_set(e, EXIT_CONFIG,
        "%s: %s: it is not the file that this checkpoint has written; put that back, or begin anew "
        "with --reset-state",
        a->dest, how);
}

static bool io_failed(const struct appended *a, struct err *e, const char *what) {
    return err_errno(e, EXIT_IO, errno, "%s: cannot %s", a->dest, what);
}

/* n bytes, or EXIT_IO. */
static bool read_at(
    const struct appended *a, int fd, uint64_t at, void *to, size_t n, struct err *e) {
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return io_failed(a, e, "read");
        done += (size_t)got;
    }
    return true;
}

static bool hash_tail(const struct appended *a, int fd, uint64_t *tail, struct err *e) {
    size_t n = a->offset < TAIL_BYTES ? (size_t)a->offset : TAIL_BYTES;
    char *bytes = mem_alloc(n);
    bool ok = read_at(a, fd, a->offset - n, bytes, n, e);
    *tail = hash_bytes(bytes, n, a->offset);
    free(bytes);
    return ok;
}

static void identify(int fd, uint64_t *inode, uint64_t *born) {
    struct statx st = {0};
    (void)statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st);
    *inode = st.stx_ino;
    *born = (uint64_t)st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec;
}

static bool size_of(const struct appended *a, int fd, uint64_t *size, struct err *e) {
    struct stat st;
    if (fstat(fd, &st) != 0) return io_failed(a, e, "read");
    *size = (uint64_t)st.st_size;
    return *size >= a->offset || changed(a, e, "is shorter than it was");
}

/* The file as it stands; -1 where it cannot be opened. */
static int open_file(const struct appended *a, struct err *e) {
    int fd = open(a->dest, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) changed(a, e, "is gone");
    else if (fd < 0) io_failed(a, e, "open");
    return fd;
}

/* ---- publishing ---- */

/* What is done with n bytes of the spool, for a place of the file. */
typedef bool step(
    const struct appended *a, int fd, uint64_t at, const char *p, size_t n, struct err *e);

/* Does what stands there agree, as far as it goes? */
static bool agrees(
    const struct appended *a, int fd, uint64_t at, const char *p, size_t n, struct err *e) {
    char there[4096];
    uint64_t size;
    if (!size_of(a, fd, &size, e)) return false;
    for (size_t i = 0; i < n && at + i < size;) {
        size_t part = n - i < sizeof there ? n - i : sizeof there;
        if (part > size - at - i) part = (size_t)(size - at - i);
        if (!read_at(a, fd, at + i, there, part, e)) return false;
        for (size_t k = 0; k < part; k++)
            if (there[k] != p[i + k] && there[k])
                return changed(a, e, "holds something else behind what was published");
        i += part;
    }
    return true;
}

static bool write_at(
    const struct appended *a, int fd, uint64_t at, const char *p, size_t n, struct err *e) {
    while (n) {
        ssize_t done = pwrite(fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return io_failed(a, e, "write");
        p += done, at += (uint64_t)done, n -= (size_t)done;
    }
    return true;
}

static bool write_on(
    const struct appended *a, int fd, uint64_t at, const char *p, size_t n, struct err *e) {
    (void)at;
    return io_write(fd, p, n, e) || err_at(e, "%s", a->stream->name);
}

static bool each_block(const struct appended *a, step *take, int fd, uint64_t from, struct err *e) {
    char *block = mem_alloc(BLOCK);
    bool ok = true;
    for (uint64_t at = 0; ok && at < a->spool.bytes;) {
        uint64_t left = a->spool.bytes - at;
        size_t n = left < BLOCK ? (size_t)left : BLOCK;
        ok = read_at(a, a->spool.fd, at, block, n, e) && take(a, fd, from + at, block, n, e);
        at += n;
    }
    free(block);
    return ok;
}

/* The file is durable up to the end of the epoch: so far it reaches now. */
static bool note_end(struct appended *a, int fd, uint64_t offset, struct err *e) {
    a->offset = offset;
    identify(fd, &a->inode, &a->born);
    return hash_tail(a, fd, &a->tail, e);
}

static bool publish_first(struct appended *a, struct err *e) {
    uint64_t n = a->spool.bytes;
    int fd = openat(a->place.folder, a->place.temp, O_RDWR | O_CLOEXEC);
    if (fd < 0) return io_failed(a, e, "open");
    bool ok = each_block(a, write_at, fd, 0, e);
    crash_point("file-written", 1);
    ok = ok && (replace_publish(&a->place, e) || err_at(e, "%s", a->dest));
    crash_point("file-renamed", 1);
    replace_close(&a->place);
    /* The name is held as before. */
    ok = ok && replace_open(&a->place, a->dest, e) && note_end(a, fd, n, e);
    close(fd);
    a->begun = ok;
    return ok;
}

static bool append(struct appended *a, struct err *e) {
    int fd = open_file(a, e);
    if (fd < 0) return false;
    /* All agrees before a byte is written. */
    bool ok = each_block(a, agrees, fd, a->offset, e) &&
              each_block(a, write_at, fd, a->offset, e) &&
              (fsync(fd) == 0 || io_failed(a, e, "write")) &&
              note_end(a, fd, a->offset + a->spool.bytes, e);
    close(fd);
    return ok;
}

static bool empty_spool(struct appended *a, struct err *e) {
    a->published += a->spool.bytes;
    a->spool.bytes = 0;
    return (ftruncate(a->spool.fd, 0) == 0 && lseek(a->spool.fd, 0, SEEK_SET) == 0) ||
           err_errno(e, EXIT_IO, errno, "cannot empty the spool");
}

bool appended_drop(struct appended *a, struct err *e) {
    uint64_t published = a->published;
    bool ok = writer_end(&a->spool, e) && empty_spool(a, e);
    a->published = published;
    return ok;
}

/* An epoch without a row adds nothing, not even an empty gzip member. */
static bool is_empty(const struct appended *a) {
    return !a->spool.bytes && !a->spool.out.n && !a->spool.member;
}

bool appended_publish(struct appended *a, struct err *e) {
    if (is_empty(a) && (a->begun || a->stream)) return true;
    if (!writer_end(&a->spool, e)) return err_at(e, "%s", a->dest);
    bool ok = a->stream  ? each_block(a, write_on, a->stream->writer.fd, 0, e)
              : a->begun ? append(a, e)
                         : publish_first(a, e);
    return ok && empty_spool(a, e);
}

/* Is there nothing but zeros behind the last epoch? */
static bool only_zeros(
    const struct appended *a, int fd, uint64_t size, bool *zeros, struct err *e) {
    char there[4096];
    *zeros = true;
    for (uint64_t at = a->offset; *zeros && at < size;) {
        size_t n = size - at < sizeof there ? (size_t)(size - at) : sizeof there;
        if (!read_at(a, fd, at, there, n, e)) return false;
        for (size_t i = 0; i < n; i++) *zeros = *zeros && !there[i];
        at += n;
    }
    return true;
}

static bool cut(const struct appended *a, int fd, struct err *e) {
    return (ftruncate(fd, (off_t)a->offset) == 0 && fsync(fd) == 0) || io_failed(a, e, "cut");
}

static bool cut_zeros(struct appended *a, int fd, struct err *e) {
    uint64_t size;
    bool zeros;
    if (!size_of(a, fd, &size, e) || !only_zeros(a, fd, size, &zeros, e)) return false;
    if (!zeros) return changed(a, e, "holds something else behind what was published");
    return size == a->offset || cut(a, fd, e);
}

bool appended_finish(struct appended *a, struct err *e) {
    if (!a->begun) return true;
    int fd = open_file(a, e);
    bool ok = fd >= 0 && cut_zeros(a, fd, e);
    if (fd >= 0) close(fd);
    return ok;
}

void appended_fail(struct appended *a) {
    struct buf name = {0};
    struct replace to;
    struct err ignored;
    bool ended = !is_empty(a) && writer_end(&a->spool, &ignored);
    buf_printf(&name, "%s.failed%c", a->dest, 0);
    if (ended && !a->stream && replace_open(&to, name.p, &ignored)) {
        if (each_block(a, write_at, to.fd, 0, &ignored)) (void)replace_publish(&to, &ignored);
        replace_close(&to);
    }
    buf_free(&name);
}

/* ---- from run to run ---- */

struct json_t *appended_save(const struct appended *a) {
    struct json_t *o = members_new();
    members_set_text(o, "dest", slice_of(a->dest));
    if (a->stream) members_set_flag(o, "stream", true);
    if (!a->begun) return o;
    members_set_number(o, "offset", (int64_t)a->offset);
    members_set_hash(o, "tail", a->tail);
    members_set_hash(o, "inode", a->inode);
    members_set_hash(o, "born", a->born);
    return o;
}

static bool is_known(int fd, const struct json_t *saved) {
    uint64_t inode, born;
    identify(fd, &inode, &born);
    return members_get(saved, "inode") && members_hash(saved, "inode") == inode &&
           members_hash(saved, "born") == born;
}

/* Also of what an earlier run has published only the record is known to be durable. */
static bool go_on(struct appended *a, int fd, const struct json_t *saved, struct err *e) {
    uint64_t size, tail;
    a->offset = (uint64_t)members_number(saved, "offset");
    if (fsync(fd) != 0) return io_failed(a, e, "sync");
    if (!size_of(a, fd, &size, e) || !hash_tail(a, fd, &tail, e)) return false;
    if (tail != members_hash(saved, "tail")) return changed(a, e, "was changed");
    /* A copy: nobody follows it, and what it holds beyond may be of epochs that will be cut otherwise. */
    a->begun = is_known(fd, saved) || cut(a, fd, e);
    a->tail = tail;
    identify(fd, &a->inode, &a->born);
    return a->begun;
}

bool appended_restore(struct appended *a, const struct json_t *saved, struct err *e) {
    struct slice dest = members_text(saved, "dest");
    if (!slice_is(dest, a->dest))
        return err_set(e, EXIT_CONFIG,
            "%s: this checkpoint has written into %s so far; name that, or begin anew "
            "with --reset-state",
            a->dest, dest.n ? QUOTED(dest) : "a folder");
    if (a->stream || !members_get(saved, "offset")) return true;
    int fd = open_file(a, e);
    bool ok = fd >= 0 && go_on(a, fd, saved, e);
    if (fd >= 0) close(fd);
    return ok;
}

bool appended_take_back(const struct json_t *saved, struct err *e) {
    struct buf dest = {0};
    buf_add_slice(&dest, members_text(saved, "dest"));
    buf_addc(&dest, 0);
    struct appended a = {.dest = dest.p, .offset = (uint64_t)members_number(saved, "offset")};
    int fd = members_get(saved, "offset") ? open(a.dest, O_RDWR | O_CLOEXEC) : -1;
    struct stat st;
    bool is_longer = fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size > a.offset;
    bool ok = !is_longer || !is_known(fd, saved) || cut(&a, fd, e);
    if (fd >= 0) close(fd);
    buf_free(&dest);
    return ok;
}

/* Else the first new line would be a part of it. */
static bool ends_a_line(const struct appended *a, int fd, uint64_t size, struct err *e) {
    char last = '\n';
    if (!a->spool.gzip && size && !read_at(a, fd, size - 1, &last, 1, e)) return false;
    return last == '\n' ||
           err_set(e, EXIT_CONFIG, "%s: its last line has no newline: add one, or take it away",
               a->dest);
}

bool appended_keep(struct appended *a, struct err *e) {
    int fd = a->stream ? -1 : open(a->dest, O_RDWR | O_CLOEXEC);
    uint64_t size;
    if (fd < 0) return a->stream || errno == ENOENT || io_failed(a, e, "open");
    bool ok = size_of(a, fd, &size, e) && ends_a_line(a, fd, size, e) &&
              (fsync(fd) == 0 || io_failed(a, e, "sync")) && note_end(a, fd, size, e);
    close(fd);
    a->begun = ok;
    return ok;
}
