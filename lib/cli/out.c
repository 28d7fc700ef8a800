#include "cli/out.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

enum { PIPE_BYTES = 1 << 20 };

bool out_open(struct out *o, struct err *e) {
    struct stat st;
    *o = (struct out){0};
    if (fstat(STDOUT_FILENO, &st) != 0) return err_errno(e, EXIT_IO, errno, "standard output");
    o->waits = !S_ISREG(st.st_mode);
    /* A third more throughput; an unprivileged user may be over his limit, then the default serves. */
    if (S_ISFIFO(st.st_mode)) (void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
    buf_reserve(&o->buf, 2 * OUT_BLOCK);
    return true;
}

bool out_flush(struct out *o, struct err *e) {
    if (!o->buf.n) return true;
    o->broke_off = o->wrote = true;
    if (!io_write(STDOUT_FILENO, o->buf.p, o->buf.n, e)) return err_at(e, "standard output");
    o->broke_off = o->buf.p[o->buf.n - 1] != '\n';
    o->buf.n = 0;
    return true;
}
