#include "sink/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "sink/sink.h"

/* A writer that finishes between our open and our lock renames or removes the file that we hold: then
 * there is a new one to be made under the name. */
static bool is_named(int fd, int folder, const char *name) {
    struct stat held, named;
    return fstat(fd, &held) == 0 && fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

int lock_file(int folder, const char *name, mode_t mode) {
    for (;;) {
        int fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0) return -1;
        bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (locked && is_named(fd, folder, name)) return fd;
        int why = errno;
        close(fd);
        errno = why;
        if (!locked && why != EINTR) return -1;
    }
}

/* Follows symbolic links, also to what does not exist yet, which realpath(3) cannot. NULL with errno. */
static char *resolve(const char *path) {
    char *at = mem_str(slice_of(path)), target[PATH_MAX];
    for (int links = 0; links < 40; links++) {
        ssize_t n = readlink(at, target, sizeof target);
        if (n < 0) return at; /* no link, or nothing there: what opens it will say */
        struct buf next = {0};
        const char *slash = strrchr(at, '/');
        if (target[0] != '/' && slash) buf_add(&next, at, (size_t)(slash - at) + 1);
        buf_add(&next, target, (size_t)n);
        buf_addc(&next, 0);
        free(at);
        at = next.p;
    }
    free(at);
    errno = ELOOP;
    return NULL;
}

/* Splits a path into its open folder and r->name. */
static bool open_folder(struct replace *r, char *path) {
    char *slash = strrchr(path, '/');
    r->name = mem_str(slice_of(slash ? slash + 1 : path));
    if (slash) slash[slash == path] = 0;
    r->folder = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return r->folder >= 0;
}

static char *temp_name(const char *name) {
    struct buf temp = {0};
    buf_printf(&temp, ".%s.tmp%c", name, 0);
    return temp.p;
}

static bool open_temp(struct replace *r) {
    r->temp = temp_name(r->name);
    struct stat old;
    if (fstatat(r->folder, r->temp, &old, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(old.st_mode)) {
        errno = EEXIST;
        return false;
    }
    r->keeps_mode = fstatat(r->folder, r->name, &old, 0) == 0;
    if (r->keeps_mode) r->mode = old.st_mode & 07777;
    /* Never readable by more than the old file is, and writable for the run that takes it over. */
    mode_t mode = r->keeps_mode ? (r->mode & 0777) | S_IWUSR : 0666;
    int fd = lock_file(r->folder, r->temp, mode);
    if (fd < 0) return false;
    /* From here on the file is ours to remove. */
    r->fd = fd;
    return ftruncate(fd, 0) == 0 && (!r->keeps_mode || fchmod(fd, mode) == 0);
}

bool may_replace(int folder, const char *name) {
    struct stat there;
    if (faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) != 0) return false;
    if (fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
    /* rmdir asks for all that rename would ask for, and only then sees that this is no folder. */
    return S_ISDIR(there.st_mode) ||
           (unlinkat(folder, name, AT_REMOVEDIR) != 0 && errno == ENOTDIR);
}

bool has_writer(int folder, const char *name) {
    char *temp = temp_name(name);
    int fd = openat(folder, temp, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    bool has = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0) close(fd);
    free(temp);
    return has;
}

bool dest_is_same(const char *a, const char *b) {
    struct replace x = {.fd = -1, .folder = -1}, y = x;
    struct stat of_x, of_y;
    char *real_a = resolve(a), *real_b = resolve(b);
    bool same = real_a && real_b && open_folder(&x, real_a) && open_folder(&y, real_b) &&
                strcmp(x.name, y.name) == 0 && fstat(x.folder, &of_x) == 0 &&
                fstat(y.folder, &of_y) == 0 && of_x.st_dev == of_y.st_dev &&
                of_x.st_ino == of_y.st_ino;
    free(real_a);
    free(real_b);
    replace_close(&x);
    replace_close(&y);
    return same;
}

bool replace_open(struct replace *r, const char *path, struct err *e) {
    *r = (struct replace){.fd = -1, .folder = -1};
    char *real = resolve(path);
    bool ok = real && open_folder(r, real) && open_temp(r) && may_replace(r->folder, r->name) &&
              may_replace(r->folder, r->temp);
    int why = errno;
    free(real);
    if (ok) return true;
    if (why == EWOULDBLOCK) err_set(e, EXIT_NO_OUTPUT, "%s: another writer has it", path);
    else if (why == EEXIST)
        err_set(e, EXIT_NO_OUTPUT, "%s: %s beside it is no file: remove it", path, r->temp);
    else err_errno(e, EXIT_NO_OUTPUT, why, "%s: cannot create", path);
    replace_close(r);
    return false;
}

bool replace_publish(struct replace *r, struct err *e) {
    if (r->keeps_mode && fchmod(r->fd, r->mode) != 0)
        return err_errno(e, EXIT_IO, errno, "cannot set the mode");
    if (fsync(r->fd) != 0) return err_errno(e, EXIT_IO, errno, "cannot write");
    io_check();
    if (renameat(r->folder, r->temp, r->folder, r->name) != 0)
        return err_errno(e, EXIT_IO, errno, "cannot rename %s", r->temp);
    free(r->temp);
    r->temp = NULL;
    return io_sync_folder(r->folder, e);
}

void replace_close(struct replace *r) {
    if (r->fd >= 0 && r->temp) unlinkat(r->folder, r->temp, 0);
    /* Only now, for it gives up the lock; fsync has told what close could. */
    if (r->fd >= 0) close(r->fd);
    if (r->folder >= 0) close(r->folder);
    free(r->temp);
    free(r->name);
    *r = (struct replace){.fd = -1, .folder = -1};
}
