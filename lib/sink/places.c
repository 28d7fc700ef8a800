#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "sink/folder.h"
#include "sink/replace.h"

bool sync_path(int at, const char *path, struct err *e) {
    int fd = openat(at, *path ? path : ".", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_errno(e, EXIT_IO, errno, "cannot open %s", path);
    bool ok = io_sync_folder(fd, e);
    close(fd);
    return ok;
}

static bool is_link(int at, const char *path) {
    struct stat st;
    return fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

bool has_tmp(int at, const char *path) {
    struct buf tmp = {0};
    buf_printf(&tmp, "%s/_tmp%c", path, 0);
    bool has = io_is_folder(at, tmp.p, 0);
    buf_free(&tmp);
    return has;
}

char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return mem_str((struct slice){path, slash ? (size_t)(slash - path) : 0});
}

/* ---- making folders ---- */

/* A destination of its own has a log of its own, and says nothing of our files. */
static bool is_ours(int at, const char *path, struct err *e) {
    if (is_link(at, path))
        return err_set(e, EXIT_NO_OUTPUT, "%s is a link: what is in it would lie elsewhere", path);
    return !has_tmp(at, path) ||
           err_set(e, EXIT_NO_OUTPUT, "%s has a _tmp/: it is a destination of its own", path);
}

bool make_path(int at, const char *path, struct err *e) {
    return io_make_path(at, path, at == AT_FDCWD ? NULL : is_ours, e);
}

/* ---- what may be done with a name ---- */

static bool is_on(int folder, int other, struct err *e) {
    struct stat a, b;
    if (fstat(folder, &a) != 0 || fstat(other, &b) != 0)
        return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot write");
    return a.st_dev == b.st_dev || err_set(e, EXIT_NO_OUTPUT, "is on another file system");
}

static bool is_free(int folder, const char *name, struct err *e) {
    struct stat there;
    if (has_writer(folder, name)) return err_set(e, EXIT_NO_OUTPUT, "another writer has it");
    if (fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) != 0) return true;
    if (S_ISDIR(there.st_mode)) return err_set(e, EXIT_NO_OUTPUT, "is a folder: remove it");
    return err_set(e, EXIT_NO_OUTPUT, "is there, and the log does not know it: remove it");
}

static bool can_take(struct folder *f, int folder, const char *name, struct err *e) {
    if (!may_replace(folder, name)) return err_errno(e, EXIT_NO_OUTPUT, errno, "cannot write");
    return is_on(folder, f->tmp, e) && is_free(folder, name, e);
}

static int open_folder_of(struct folder *f, const char *path) {
    char *folder = folder_of(path);
    int fd = openat(f->dir, *folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    return fd;
}

bool can_appear(struct folder *f, const char *path, struct err *e) {
    int folder = open_folder_of(f, path);
    bool ok = folder >= 0 ? can_take(f, folder, log_name_of(slice_of(path)).p, e)
                          : err_errno(e, EXIT_NO_OUTPUT, errno, "cannot open the folder");
    if (folder >= 0) close(folder);
    return ok || err_at(e, "%s", path);
}

bool can_vanish(struct folder *f, const char *path, struct err *e) {
    int folder = open_folder_of(f, path);
    int why = folder < 0 ? errno : 0;
    if (folder >= 0 && !may_replace(folder, log_name_of(slice_of(path)).p)) why = errno;
    if (folder >= 0) close(folder);
    return !why || why == ENOENT ||
           err_errno(e, EXIT_NO_OUTPUT, why, "cannot remove %s of an earlier run", path);
}
