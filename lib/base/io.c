#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

struct io_hooks io_hooks;

/* Whoever shares a pipe may have made it non-blocking: then wait. */
static bool again(int fd, short event, ssize_t result) {
    if (result >= 0) return false;
    if (errno == EAGAIN) (void)poll(&(struct pollfd){.fd = fd, .events = event}, 1, -1);
    else if (errno != EINTR) return false;
    io_check();
    return true;
}

bool io_read(int fd, void *to, size_t room, bool may_wait, size_t *got, struct err *e) {
    ssize_t n;
    *got = 0;
    if (io_hooks.before_read && !io_hooks.before_read(fd, may_wait)) return true;
    do n = read(fd, to, room);
    while (again(fd, POLLIN, n));
    if (n < 0) return err_errno(e, EXIT_IO, errno, "cannot read");
    *got = (size_t)n;
    return true;
}

bool io_write(int fd, const void *p, size_t n, struct err *e) {
    for (const char *at = p; n;) {
        ssize_t done = write(fd, at, n);
        if (again(fd, POLLOUT, done)) continue;
        if (done < 0 && errno == EPIPE && fd != STDERR_FILENO && io_hooks.reader_left)
            io_hooks.reader_left();
        if (done < 0) return err_errno(e, EXIT_IO, errno, "cannot write");
        at += done;
        n -= (size_t)done;
    }
    return true;
}

bool io_read_file(int fd, void *to, size_t room, size_t *got, struct err *e) {
    for (*got = 0; *got < room;) {
        ssize_t n = read(fd, (char *)to + *got, room - *got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_errno(e, EXIT_IO, errno, "cannot read");
        if (n == 0) break;
        *got += (size_t)n;
    }
    return true;
}

bool io_write_file(int fd, const void *p, size_t n, struct err *e) {
    for (const char *at = p; n;) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return err_errno(e, EXIT_IO, errno, "cannot write");
        at += done;
        n -= (size_t)done;
    }
    return true;
}

bool io_write_whole(int fd, const void *p, size_t n, struct err *e) {
    bool ok =
        io_write(fd, p, n, e) && (fsync(fd) == 0 || err_errno(e, EXIT_IO, errno, "cannot write"));
    if (close(fd) != 0 && ok) ok = err_errno(e, EXIT_IO, errno, "cannot write");
    return ok;
}

DIR *io_list_folder(int at, const char *name) {
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0) close(fd);
    return d;
}

bool io_sync_folder(int folder, struct err *e) {
    /* EINVAL: a file system that knows no fsync of folders. */
    return fsync(folder) == 0 || errno == EINVAL || err_errno(e, EXIT_IO, errno, "cannot sync");
}

bool io_is_folder(int at, const char *path, int flags) {
    struct stat st;
    return fstatat(at, path, &st, flags) == 0 && S_ISDIR(st.st_mode);
}

/* Not in a folder that cannot be opened: it could not be made durable. Another process may make it at the same time. */
static bool make_new(int at, const char *path, const char *parent, struct err *e) {
    int fd = openat(at, *parent ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool made = fd >= 0 && (mkdirat(at, path, 0777) == 0 || errno == EEXIST);
    bool ok = made ? io_sync_folder(fd, e)
                   : err_errno(e, EXIT_NO_OUTPUT, errno, "cannot create %s", path);
    if (fd >= 0) close(fd);
    return ok;
}

static bool make_one(
    int at, const char *path, const char *parent, io_may_be_there *may, struct err *e) {
    struct stat st;
    if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) != 0) return make_new(at, path, parent, e);
    if (may && !may(at, path, e)) return false;
    return io_is_folder(at, path, 0) ||
           err_errno(e, EXIT_NO_OUTPUT, EEXIST, "cannot create %s", path);
}

bool io_make_path(int at, const char *path, io_may_be_there *may, struct err *e) {
    char *copy = mem_str(slice_of(path)), *parent = mem_str(slice_of(*path == '/' ? "/" : ""));
    bool ok = true;
    for (size_t i = 1; ok && i <= strlen(path); i++) {
        if ((path[i] && path[i] != '/') || path[i - 1] == '/') continue;
        copy[i] = 0;
        ok = make_one(at, copy, parent, may, e);
        free(parent);
        parent = mem_str(slice_of(copy));
        copy[i] = path[i];
    }
    free(copy);
    free(parent);
    return ok;
}

bool io_sync_above(int folder, struct err *e) {
    int at = fcntl(folder, F_DUPFD_CLOEXEC, 0), up;
    bool ok = true;
    struct stat a, b;
    while (ok && at >= 0) {
        up = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool is_more = up >= 0 && fstat(at, &a) == 0 && fstat(up, &b) == 0 &&
                       a.st_dev == b.st_dev && a.st_ino != b.st_ino;
        ok = !is_more || io_sync_folder(up, e);
        close(at);
        if (!is_more && up >= 0) close(up);
        at = is_more ? up : -1;
    }
    if (at >= 0) close(at);
    return ok;
}
