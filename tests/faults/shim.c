/* shim - put in front of libc by LD_PRELOAD: lets calls on files fail, or records what a power loss may take.
 *
 *   EV_FAULT_ROOT   only what lies below this folder counts; absolute, without links
 *   EV_FAULT_STAGE  only in this stage: the name of the program, or what follows its --id; else in all
 *   EV_FAULT_LOG    the log, outside the root and on its file system
 *   EV_FAULT        fail:N[:ERRNO]   call N fails (EIO, or ENOSPC where that is given)
 *                   short:N          write N writes the first half of its bytes, and the next one fails: ENOSPC
 *                   full:N           from write N on every write, creation and folder fails: ENOSPC
 *                   power            all goes through, and the log says what is durable
 *                   (none)           calls are only listed
 *
 * Numbers count in one process, from 1. A line of the log is STAGE, PID, NUMBER, NUMBER AMONG WRITES, CALL, PATH.
 * tests/faults/powerloss says what the log of `power` holds; LOG.d keeps a link to every file that was written, so
 * that none is lost when its last name goes. A tool that looks at st_nlink would see that.
 *
 * Nothing here allocates or takes a lock of the C library: tools have threads, and handlers of signals that write.
 * The kernel is asked directly, so that this does not depend on when other libraries are ready. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { OFF, LISTING, FAIL, SHORT, FULL, POWER };
enum kind { OTHER, WRITE, MAKES };
enum { PASS = 0, HALF = -1 };

static struct {
    enum mode mode;
    unsigned long number;
    int error;
    char root[PATH_MAX], log[PATH_MAX], stage[128];
} shim;
static _Atomic unsigned long calls, writes, images;
static _Atomic bool cut; /* the half write was made */

/* ---- which stage this is, and what it is to suffer ---- */

static void stage_find(int argc, char **argv) {
    snprintf(shim.stage, sizeof shim.stage, "%s", program_invocation_short_name);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--id") == 0 && i + 1 < argc)
            snprintf(shim.stage, sizeof shim.stage, "%s", argv[i + 1]);
        if (strncmp(argv[i], "--id=", 5) == 0)
            snprintf(shim.stage, sizeof shim.stage, "%s", argv[i] + 5);
    }
}

static enum mode mode_of(const char *fault) {
    static const struct {
        const char *word;
        enum mode mode;
    } words[] = {{"fail:", FAIL}, {"short:", SHORT}, {"full:", FULL}, {"power", POWER}};
    if (!fault) return LISTING;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].word);
        if (strncmp(fault, words[i].word, n) != 0) continue;
        char *end = NULL;
        shim.number = strtoul(fault + n, &end, 10);
        shim.error = strcmp(end, ":ENOSPC") == 0 ? ENOSPC : EIO;
        return words[i].mode;
    }
    static const char complaint[] = "shim: EV_FAULT is none of fail:N short:N full:N power\n";
    (void)!syscall(SYS_write, 2, complaint, sizeof complaint - 1);
    abort();
}

__attribute__((constructor)) static void begin(int argc, char **argv) {
    const char *root = getenv("EV_FAULT_ROOT"), *stage = getenv("EV_FAULT_STAGE");
    const char *log = getenv("EV_FAULT_LOG");
    if (!root) return;
    stage_find(argc, argv);
    snprintf(shim.root, sizeof shim.root, "%s", root);
    snprintf(shim.log, sizeof shim.log, "%s", log ? log : "");
    enum mode mode = mode_of(getenv("EV_FAULT"));
    if (!stage || strcmp(stage, shim.stage) == 0) shim.mode = mode;
}

/* ---- paths ---- */

static bool below(const char *path) {
    size_t n = strlen(shim.root);
    return strncmp(path, shim.root, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* The path of an open descriptor, and whether it lies below the root. */
static bool fd_below(int fd, char path[PATH_MAX]) {
    char link[64];
    if (shim.mode == OFF) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    if (n < 0) return false;
    path[n] = '\0';
    return below(path);
}

struct place {
    ino_t folder;
    char path[PATH_MAX];     /* whole, for the log */
    char name[NAME_MAX + 1]; /* in its folder */
};

static long raw_open(int dirfd, const char *path, int flags, mode_t mode) {
    return syscall(SYS_openat, dirfd, path, flags | O_LARGEFILE, mode);
}

static void raw_close(long fd) {
    if (fd >= 0) syscall(SYS_close, (int)fd);
}

/* Where an entry lies; false outside the root. */
static bool place_find(int dirfd, const char *path, struct place *p) {
    char parent[PATH_MAX];
    struct stat st;
    if (shim.mode == OFF) return false;
    size_t n = (size_t)snprintf(parent, sizeof parent, "%s", path);
    if (n >= sizeof parent) return false;
    while (n > 1 && parent[n - 1] == '/') parent[--n] = '\0';
    char *slash = strrchr(parent, '/');
    const char *name = slash ? slash + 1 : parent;
    if (!*name || strlen(name) > NAME_MAX) return false;
    memcpy(p->name, name, strlen(name) + 1);
    if (slash) slash[slash == parent] = '\0';
    long fd = raw_open(dirfd, slash ? parent : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) return false;
    char folder[PATH_MAX];
    bool in = fd_below((int)fd, folder) && fstat((int)fd, &st) == 0;
    if (in) p->folder = st.st_ino;
    raw_close(fd);
    if (in && snprintf(p->path, sizeof p->path, "%s/%s", folder, p->name) >= PATH_MAX) return false;
    return in;
}

/* ---- the log, and the verdict on a call ---- */

static void log_bytes(const char *text, size_t n) {
    if (!shim.log[0]) return;
    long fd = raw_open(AT_FDCWD, shim.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || syscall(SYS_write, (int)fd, text, n) != (long)n) abort();
    raw_close(fd);
}

__attribute__((format(printf, 1, 2))) static void log_line(const char *format, ...) {
    char line[3 * PATH_MAX];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (n < 0 || (size_t)n >= sizeof line) abort();
    log_bytes(line, (size_t)n);
}

/* PASS, HALF, or the errno that the call ends with. */
static int verdict(const char *call, const char *path, enum kind kind) {
    if (shim.mode == POWER) return PASS;
    unsigned long number = atomic_fetch_add(&calls, 1) + 1;
    unsigned long among = kind == WRITE ? atomic_fetch_add(&writes, 1) + 1 : atomic_load(&writes);
    log_line("%s\t%d\t%lu\t%lu\t%s\t%s\n", shim.stage, (int)getpid(), number, among, call,
        path + strlen(shim.root));
    if (shim.mode == FAIL && number == shim.number) return shim.error;
    if (shim.mode == FULL && kind != OTHER && among >= shim.number) return ENOSPC;
    if (shim.mode == SHORT && kind == WRITE && among == shim.number) {
        atomic_store(&cut, true);
        return HALF;
    }
    return shim.mode == SHORT && kind == WRITE && atomic_exchange(&cut, false) ? ENOSPC : PASS;
}

static int failed(int error) {
    errno = error;
    return -1;
}

/* ---- power: one call at a time in all processes, each followed by its record ---- */

struct held {
    long lock;
    sigset_t signals;
    int error;
};

/* A process that is killed gives the lock back; a handler that writes must not come in between. */
static struct held hold(void) {
    struct held h;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &h.signals);
    h.lock = raw_open(AT_FDCWD, shim.log, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (h.lock < 0 || syscall(SYS_flock, (int)h.lock, LOCK_EX) != 0) abort();
    return h;
}

static void release(struct held *h) {
    int error = errno;
    raw_close(h->lock);
    sigprocmask(SIG_SETMASK, &h->signals, NULL);
    errno = error;
}

#define INO(i) ((unsigned long long)(i))
#define RECORD(format, ...) log_line("\n" format "\t.", __VA_ARGS__)

static void keep(int fd, ino_t ino) {
    char from[64], to[PATH_MAX + 64];
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    snprintf(to, sizeof to, "%s.d/%llu", shim.log, INO(ino));
    syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW);
}

/* The whole file as it is, before some of it is overwritten or cut off, which leaves `size`. */
static void image(int fd, ino_t ino, off_t size) {
    char from[64], to[PATH_MAX + 64], block[65536];
    unsigned long number = atomic_fetch_add(&images, 1);
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    snprintf(to, sizeof to, "%s.d/%llu.%d.%lu", shim.log, INO(ino), (int)getpid(), number);
    long in = raw_open(AT_FDCWD, from, O_RDONLY | O_CLOEXEC, 0);
    long out = raw_open(AT_FDCWD, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    long n = in < 0 || out < 0 ? -1 : 1;
    while (n > 0) {
        n = syscall(SYS_read, (int)in, block, sizeof block);
        if (n > 0 && syscall(SYS_write, (int)out, block, n) != n) n = -1;
    }
    if (n < 0) abort();
    raw_close(in);
    raw_close(out);
    RECORD("image\t%llu\t%d.%lu\t%lld", INO(ino), (int)getpid(), number, (long long)size);
}

/* All that is in the folder now: what a process that died just before its record did is then known too. */
static void record_folder(int fd, ino_t ino) {
    char block[16384], line[sizeof block + 64];
    long folder = raw_open(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), n;
    if (folder < 0) abort();
    log_line("\nfolder\t%llu", INO(ino));
    while ((n = syscall(SYS_getdents64, (int)folder, block, sizeof block)) > 0) {
        size_t filled = 0;
        for (char *at = block; at < block + n; at += ((struct dirent64 *)(void *)at)->d_reclen) {
            struct dirent64 *d = (void *)at;
            if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
            filled += (size_t)snprintf(line + filled, sizeof line - filled, "\t%llu%c%s",
                INO(d->d_ino), d->d_type == DT_DIR ? '/' : '=', d->d_name);
            if (filled >= sizeof line - NAME_MAX - 32) log_bytes(line, filled), filled = 0;
        }
        log_bytes(line, filled);
    }
    if (n < 0) abort();
    log_bytes("\t.", 2);
    raw_close(folder);
}

static int power_sync(int fd, long number) {
    struct stat st;
    struct held h = hold();
    bool known = fstat(fd, &st) == 0;
    int status = (int)syscall(number, fd);
    if (status == 0 && known && S_ISDIR(st.st_mode)) record_folder(fd, st.st_ino);
    if (status == 0 && known && S_ISREG(st.st_mode)) {
        keep(fd, st.st_ino);
        RECORD("file\t%llu\t%lld", INO(st.st_ino), (long long)st.st_size);
    }
    release(&h);
    return status;
}

static int power_open(int dirfd, const char *path, int flags, mode_t mode, const struct place *p) {
    struct stat st;
    struct held h = hold();
    bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
    bool was = fstatat(dirfd, path, &st, 0) == 0;
    if (was && (flags & O_TRUNC) && S_ISREG(st.st_mode) && st.st_size > 0) {
        long fd = raw_open(dirfd, path, O_RDONLY | O_CLOEXEC, 0);
        if (fd >= 0) image((int)fd, st.st_ino, 0);
        raw_close(fd);
    }
    int fd = (int)raw_open(dirfd, path, flags, mode);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        keep(fd, st.st_ino);
        if (!was && !nameless)
            RECORD("create\t%llu\t%s\t%llu", INO(p->folder), p->name, INO(st.st_ino));
    }
    release(&h);
    return fd;
}

/* Before bytes from `offset` on are written, or the file is cut there. */
static void power_before(int fd, off_t offset, bool cuts) {
    struct stat st;
    if (shim.mode != POWER || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || offset >= st.st_size)
        return;
    struct held h = hold();
    image(fd, st.st_ino, cuts ? offset : st.st_size);
    release(&h);
}

static off_t position(int fd) {
    int flags = (int)syscall(SYS_fcntl, fd, F_GETFL);
    if (flags >= 0 && (flags & O_APPEND)) return LLONG_MAX;
    return lseek(fd, 0, SEEK_CUR);
}

/* rename and link: from one place to another; the inode is what the source's name is. */
static int power_move(const char *word, long number, int from, const char *old, int to,
    const char *new, int flags, const struct place *a, const struct place *b) {
    struct stat st;
    struct held h = hold();
    int follow = number == SYS_linkat && (flags & AT_SYMLINK_FOLLOW) ? 0 : AT_SYMLINK_NOFOLLOW;
    bool known = fstatat(from, old, &st, follow) == 0;
    int status = (int)syscall(number, from, old, to, new, flags);
    if (status == 0 && known)
        RECORD("%s\t%llu\t%s\t%llu\t%s\t%llu", word, INO(a ? a->folder : 0), a ? a->name : "",
            INO(b->folder), b->name, INO(st.st_ino));
    release(&h);
    return status;
}

static int power_entry(const char *word, long number, int dirfd, const char *path, unsigned last,
    const struct place *p) {
    struct stat st;
    struct held h = hold();
    bool known = fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
    int status = (int)syscall(number, dirfd, path, last);
    if (!known) known = status == 0 && fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (status == 0 && known)
        RECORD("%s\t%llu\t%s\t%llu", word, INO(p->folder), p->name, INO(st.st_ino));
    release(&h);
    return status;
}

/* ---- what stands before libc ---- */

#define EXPORT __attribute__((visibility("default")))
/* The linker's names of one function: on this architecture files are large in all of them. */
#define SAME(name, as) EXPORT __typeof__(name) as __attribute__((alias(#name)))

static int open_any(int dirfd, const char *path, int flags, mode_t mode) {
    struct place p;
    if (!(flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) || !place_find(dirfd, path, &p))
        return (int)raw_open(dirfd, path, flags, mode);
    int error = verdict("open", p.path, flags & O_CREAT ? MAKES : OTHER);
    if (error) return failed(error);
    if (shim.mode == POWER) return power_open(dirfd, path, flags, mode, &p);
    return (int)raw_open(dirfd, path, flags, mode);
}

static mode_t mode_given(int flags, va_list list) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    EXPORT int name(const char *path, int flags, ...) {                                            \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode_t mode = mode_given(flags, list);                                                     \
        va_end(list);                                                                              \
        return open_any(AT_FDCWD, path, flags, mode);                                              \
    }
#define OPENAT(name)                                                                               \
    EXPORT int name(int dirfd, const char *path, int flags, ...) {                                 \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode_t mode = mode_given(flags, list);                                                     \
        va_end(list);                                                                              \
        return open_any(dirfd, path, flags, mode);                                                 \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

EXPORT int __open_2(const char *path, int flags);
EXPORT int __openat_2(int dirfd, const char *path, int flags);
int __open_2(const char *path, int flags) { return open_any(AT_FDCWD, path, flags, 0); }
int __openat_2(int dirfd, const char *path, int flags) { return open_any(dirfd, path, flags, 0); }
SAME(__open_2, __open64_2);
SAME(__openat_2, __openat64_2);

EXPORT int creat(const char *path, mode_t mode) {
    return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
SAME(creat, creat64);

/* Half of what was asked, at least one byte. */
static size_t half(size_t n) { return n > 1 ? n / 2 : n; }

EXPORT ssize_t write(int fd, const void *bytes, size_t n) {
    char path[PATH_MAX];
    if (!fd_below(fd, path)) return syscall(SYS_write, fd, bytes, n);
    int error = verdict("write", path, WRITE);
    if (error > 0) return failed(error);
    power_before(fd, position(fd), false);
    return syscall(SYS_write, fd, bytes, error == HALF ? half(n) : n);
}

EXPORT ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset) {
    char path[PATH_MAX];
    if (!fd_below(fd, path)) return syscall(SYS_pwrite64, fd, bytes, n, offset);
    int error = verdict("pwrite", path, WRITE);
    if (error > 0) return failed(error);
    power_before(fd, offset, false);
    return syscall(SYS_pwrite64, fd, bytes, error == HALF ? half(n) : n, offset);
}
SAME(pwrite, pwrite64);

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    if (!fd_below(fd, path)) return syscall(SYS_writev, fd, parts, count);
    int error = verdict("writev", path, WRITE);
    if (error > 0) return failed(error);
    power_before(fd, position(fd), false);
    if (error != HALF) return syscall(SYS_writev, fd, parts, count);
    return syscall(SYS_write, fd, parts[0].iov_base, half(parts[0].iov_len));
}

static int sync_any(const char *call, long number, int fd) {
    char path[PATH_MAX];
    if (!fd_below(fd, path)) return (int)syscall(number, fd);
    int error = verdict(call, path, OTHER);
    if (error) return failed(error);
    return shim.mode == POWER ? power_sync(fd, number) : (int)syscall(number, fd);
}
EXPORT int fsync(int fd) { return sync_any("fsync", SYS_fsync, fd); }
EXPORT int fdatasync(int fd) { return sync_any("fdatasync", SYS_fdatasync, fd); }

EXPORT int ftruncate(int fd, off_t length) {
    char path[PATH_MAX];
    if (!fd_below(fd, path)) return (int)syscall(SYS_ftruncate, fd, length);
    int error = verdict("ftruncate", path, OTHER);
    if (error) return failed(error);
    power_before(fd, length, true);
    return (int)syscall(SYS_ftruncate, fd, length);
}
SAME(ftruncate, ftruncate64);

EXPORT int close(int fd) {
    char path[PATH_MAX];
    int error = fd_below(fd, path) ? verdict("close", path, OTHER) : PASS;
    int status = (int)syscall(SYS_close, fd);
    return error ? failed(error) : status;
}

static int move_any(
    const char *call, long number, int from, const char *old, int to, const char *new, int flags) {
    struct place a, b;
    bool source = place_find(from, old, &a);
    if (!place_find(to, new, &b)) return (int)syscall(number, from, old, to, new, flags);
    int error = verdict(call, b.path, MAKES);
    if (error) return failed(error);
    if (shim.mode != POWER) return (int)syscall(number, from, old, to, new, flags);
    return power_move(call, number, from, old, to, new, flags, source ? &a : NULL, &b);
}
EXPORT int rename(const char *old, const char *new) {
    return move_any("rename", SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0);
}
EXPORT int renameat(int from, const char *old, int to, const char *new) {
    return move_any("rename", SYS_renameat2, from, old, to, new, 0);
}
EXPORT int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    return move_any("rename", SYS_renameat2, from, old, to, new, (int)flags);
}
EXPORT int link(const char *old, const char *new) {
    return move_any("link", SYS_linkat, AT_FDCWD, old, AT_FDCWD, new, 0);
}
EXPORT int linkat(int from, const char *old, int to, const char *new, int flags) {
    return move_any("link", SYS_linkat, from, old, to, new, flags);
}

static int entry_any(
    const char *call, long number, enum kind kind, int dirfd, const char *path, unsigned last) {
    struct place p;
    if (!place_find(dirfd, path, &p)) return (int)syscall(number, dirfd, path, last);
    int error = verdict(call, p.path, kind);
    if (error) return failed(error);
    if (shim.mode != POWER) return (int)syscall(number, dirfd, path, last);
    return power_entry(call, number, dirfd, path, last, &p);
}
EXPORT int unlinkat(int dirfd, const char *path, int flags) {
    const char *call = flags & AT_REMOVEDIR ? "rmdir" : "unlink";
    return entry_any(call, SYS_unlinkat, OTHER, dirfd, path, (unsigned)flags);
}
EXPORT int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
EXPORT int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
EXPORT int mkdirat(int dirfd, const char *path, mode_t mode) {
    return entry_any("mkdir", SYS_mkdirat, MAKES, dirfd, path, mode);
}
EXPORT int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
