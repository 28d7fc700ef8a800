#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

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
