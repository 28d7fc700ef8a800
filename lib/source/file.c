#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "source/gzip.h"
#include "source/logged.h"
#include "wire/frames.h"

struct file {
    struct bytes base;
    int fd;
    bool may_wait;           /* no regular file */
    uint64_t at, size;       /* size: of a regular file, else 0 */
    unsigned char peeked[2]; /* read to see whether it is a gzip, not handed out yet */
    size_t n_peeked;
    bool ended;          /* met there already: a terminal would ask for a second Ctrl-D */
    struct gunzip *gzip; /* NULL: it is none */
};

static bool read_stored(void *from, void *to, size_t room, size_t *got, struct err *e) {
    struct file *f = from;
    size_t n = f->n_peeked;
    if (n) memcpy(to, f->peeked, n);
    f->n_peeked = 0;
    *got = 0;
    if (!f->ended && !io_read(f->fd, (char *)to + n, room - n, f->may_wait, got, e)) return false;
    f->at += *got;
    *got += n;
    return true;
}

static bool read_plain(struct bytes *b, void *to, size_t room, size_t *got, struct err *e) {
    return read_stored(b, to, room, got, e);
}

static bool read_gzip(struct bytes *b, void *to, size_t room, size_t *got, struct err *e) {
    return gunzip_read(((struct file *)b)->gzip, to, room, got, e);
}

static void file_close(struct bytes *b) {
    struct file *f = (struct file *)b;
    if (!f) return;
    gunzip_free(f->gzip);
    if (f->fd != STDIN_FILENO) close(f->fd);
    free((char *)f->base.name);
    free(f);
}

/* What would else be bad JSON in its first line. No text begins with these; a CSV may with BZ. */
static const char *packer(const struct file *f) {
    struct slice name = slice_of(f->base.name), head = {(const char *)f->peeked, f->n_peeked};
    if (slice_is(head, "\x28\xB5")) return "zstd";
    if (slice_is(head, "\xFD\x37")) return "xz";
    return slice_is(head, "BZ") && slice_ends(name, ".bz2") ? "bzip2" : NULL;
}

/* A pipe cannot be rewound, so the first bytes are kept. */
static bool peek(struct file *f, struct err *e) {
    for (size_t got = 1; got && f->n_peeked < sizeof f->peeked; f->n_peeked += got)
        if (!io_read(f->fd, f->peeked + f->n_peeked, sizeof f->peeked - f->n_peeked, f->may_wait,
                &got, e))
            return err_at(e, "%s", f->base.name);
    f->ended = f->n_peeked < sizeof f->peeked;
    f->at = f->n_peeked;
    if (f->n_peeked == 2 && f->peeked[0] == 0x1F && f->peeked[1] == 0x8B) {
        f->gzip = gunzip_new(read_stored, f);
        f->base.read = read_gzip;
    }
    struct slice head = {(const char *)f->peeked, f->n_peeked};
    f->base.frames = head.n && memcmp(head.p, FRAMES_MAGIC, head.n) == 0;
    const char *by = packer(f);
    return !by || err_set(e, EXIT_BAD_DATA,
                      "%s: packed by %s, and only gzip is read here; put %s -dc in front",
                      f->base.name, by, by);
}

static bool look_at(struct file *f, struct err *e) {
    struct stat st;
    if (fstat(f->fd, &st) < 0) return err_errno(e, EXIT_NO_INPUT, errno, "%s", f->base.name);
    if (S_ISDIR(st.st_mode)) return err_set(e, EXIT_NO_INPUT, "%s: is a directory", f->base.name);
    f->may_wait = !S_ISREG(st.st_mode);
    if (!f->may_wait) f->size = (uint64_t)st.st_size;
    posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return true;
}

/* It is opened at once, so that what is to be done while its writer is waited for can be done. */
static int open_fifo(const char *path) {
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct pollfd writer = {.fd = fd, .events = POLLIN};
    if (fd < 0) return fd;
    if (io_hooks.before_read && !io_hooks.before_read(fd, true)) return fd;
    while (poll(&writer, 1, -1) < 0 && errno == EINTR) io_check();
    (void)fcntl(fd, F_SETFL, O_RDONLY);
    return fd;
}

static int open_to_read(const char *path, bool *logged) {
    struct stat st;
    int fd;
    if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode)) return open_fifo(path);
    if (io_hooks.before_read) (void)io_hooks.before_read(-1, !source_is_regular(path));
    while ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 && errno == EINTR) io_check();
    return fd < 0 && errno == ENOENT ? logged_open(path, logged) : fd;
}

static void cannot_open(const char *path, bool logged, struct err *e) {
    if (logged && errno == ENOENT)
        err_set(e, EXIT_BAD_DATA,
            "%s: was removed from its folder too long ago to be read still (evsink --keep-old)",
            path);
    else err_errno(e, EXIT_NO_INPUT, errno, "%s", path);
}

struct bytes *source_open(const char *path, struct err *e) {
    bool standard = strcmp(path, "-") == 0, logged = false;
    int fd = standard ? STDIN_FILENO : open_to_read(path, &logged);
    if (fd < 0) {
        cannot_open(path, logged, e);
        return NULL;
    }
    struct file *f = mem_zero(1, sizeof *f);
    *f = (struct file){
        .base = {.name = mem_str(slice_of(path)), .read = read_plain, .close = file_close},
        .fd = fd};
    if (look_at(f, e) && peek(f, e)) return &f->base;
    file_close(&f->base);
    return NULL;
}

void source_position(const struct bytes *b, uint64_t *at, uint64_t *size) {
    const struct file *f = (const struct file *)b;
    *at = f->at;
    *size = f->size;
}

bool source_skip(struct bytes *b, uint64_t offset) {
    struct file *f = (struct file *)b;
    if (f->gzip || b->frames || lseek(f->fd, (off_t)offset, SEEK_SET) < 0) return false;
    f->n_peeked = 0;
    f->ended = false;
    f->at = offset;
    return true;
}

bool source_tail(const char *path, uint64_t end, size_t n, struct buf *out) {
    bool logged;
    int fd = n <= end ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 && n <= end && errno == ENOENT) fd = logged_open(path, &logged);
    struct stat st;
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && end <= (uint64_t)st.st_size &&
              pread(fd, buf_reserve(out, n), n, (off_t)(end - n)) == (ssize_t)n;
    if (ok) out->n += n;
    if (fd >= 0) close(fd);
    return ok;
}

bool source_is_regular(const char *path) {
    struct stat st;
    bool logged;
    if (strcmp(path, "-") == 0) return false;
    if (stat(path, &st) == 0) return S_ISREG(st.st_mode);
    int fd = errno == ENOENT ? logged_open(path, &logged) : -1;
    if (fd >= 0) close(fd);
    return fd >= 0;
}
