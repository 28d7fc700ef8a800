/* Reading and writing file descriptors: short counts and EINTR are dealt with here and nowhere else. */
#ifndef EV_BASE_IO_H
#define EV_BASE_IO_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* What a process does around its blocking calls; cli/ fills it. Any may be NULL. */
struct io_hooks {
    /* After EINTR, before the call is tried again, and on the way to what cannot be taken back; may
     * end the process. */
    void (*interrupted)(void);
    /* Before each read, of fd, or -1 where a file is about to be opened; where it may wait, flush what others wait
     * for. False: no more is wanted, the input is at its end. */
    bool (*before_read)(int fd, bool may_wait);
    /* Whoever read what is written has left, and nobody else will: does not return. */
    void (*reader_left)(void);
};
extern struct io_hooks io_hooks;

/* Has a signal come that ends the process? Then it may not return. */
static inline void io_check(void) {
    if (io_hooks.interrupted) io_hooks.interrupted();
}

/* One read: *got is 0 at the end. EXIT_IO with strerror otherwise. */
bool io_read(int fd, void *to, size_t room, bool may_wait, size_t *got, struct err *e);
/* All of it. */
bool io_write(int fd, const void *p, size_t n, struct err *e);

/* Of regular files, from any thread, for they ask no hook. Reading goes on until the room is full or the file ends. */
bool io_read_file(int fd, void *to, size_t room, size_t *got, struct err *e);
bool io_write_file(int fd, const void *p, size_t n, struct err *e);
/* All of it, durably; closes fd, whether it worked or not. */
bool io_write_whole(int fd, const void *p, size_t n, struct err *e);

/* The names of a folder; NULL with errno, ENOTDIR or ELOOP where there is none. */
DIR *io_list_folder(int at, const char *name);
bool io_is_folder(int at, const char *path, int flags /* AT_SYMLINK_NOFOLLOW, or 0 */);
/* Makes its names durable. */
bool io_sync_folder(int folder, struct err *e);

/* Asked about each part of a path that is there already; or NULL. */
typedef bool io_may_be_there(int at, const char *path, struct err *e);
/* mkdir -p, durably: EXIT_NO_OUTPUT, EXIT_IO. */
bool io_make_path(int at, const char *path, io_may_be_there *may, struct err *e);
/* Makes a folder durable that another process may have made and not lived to: its name, and those above it, up to the
 * mount or what cannot be opened, which none of us has made. EXIT_IO. */
bool io_sync_above(int folder, struct err *e);

#endif
