#include "sink/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

bool dest_is_folder(const char *dest) {
    struct stat st;
    size_t n = strlen(dest);
    return (n && dest[n - 1] == '/') || (stat(dest, &st) == 0 && S_ISDIR(st.st_mode));
}

/* The descriptor that a name stands for, or -1. To open such a name again would write over the file behind
 * it from the start, and to replace it would take the file away from who has it open. */
static int named_descriptor(const char *dest) {
    int fd, end = 0;
    if (strcmp(dest, "-") == 0 || strcmp(dest, "/dev/stdout") == 0) return STDOUT_FILENO;
    if (strcmp(dest, "/dev/stderr") == 0) return STDERR_FILENO;
    bool is = sscanf(dest, "/dev/fd/%d%n", &fd, &end) == 1 ||
              sscanf(dest, "/proc/self/fd/%d%n", &fd, &end) == 1;
    return is && !dest[end] && fd >= 0 ? fd : -1;
}

static bool open_what_is_there(struct output *o, const char *dest, struct err *e) {
    /* A FIFO waits here for its reader. */
    while ((o->writer.fd = open(dest, O_WRONLY | O_CLOEXEC)) < 0 && errno == EINTR) io_check();
    o->owns_fd = o->writer.fd >= 0;
    return o->owns_fd || err_errno(e, EXIT_NO_OUTPUT, errno, "%s: cannot open", dest);
}

static bool open_any(struct output *o, const char *dest, struct err *e) {
    struct stat st;
    o->writer.fd = named_descriptor(dest);
    if (o->writer.fd >= 0)
        return fcntl(o->writer.fd, F_GETFD) != -1 ||
               err_errno(e, EXIT_NO_OUTPUT, errno, "%s", o->name);
    if (stat(dest, &st) == 0 && !S_ISREG(st.st_mode)) return open_what_is_there(o, dest, e);
    o->replaces = replace_open(&o->file, dest, e);
    o->writer.fd = o->file.fd;
    return o->replaces;
}

struct output *output_open(const char *dest, bool gzip, struct err *e) {
    struct output *o = mem_zero(1, sizeof *o);
    o->name = mem_str(slice_of(strcmp(dest, "-") == 0 ? "standard output" : dest));
    o->writer.gzip = gzip;
    if (open_any(o, dest, e)) return o;
    output_close(o);
    return NULL;
}

static bool named(const struct output *o, bool ok, struct err *e) {
    return ok || err_at(e, "%s", o->name);
}

bool output_drain(struct output *o, struct err *e) {
    return named(o, writer_drain(&o->writer, e), e);
}

bool output_add(struct output *o, struct slice bytes, struct err *e) {
    buf_add_slice(&o->writer.out, bytes);
    return output_drain(o, e);
}

bool output_flush(struct output *o, struct err *e) {
    return o->replaces || named(o, writer_flush(&o->writer, e), e);
}

/* Some file systems tell only here that they are full. */
static bool close_checked(struct output *o, struct err *e) {
    o->owns_fd = false;
    return close(o->writer.fd) == 0 || err_errno(e, EXIT_IO, errno, "cannot write");
}

bool output_end(struct output *o, struct err *e) { return named(o, writer_end(&o->writer, e), e); }

bool output_cut(struct output *o) {
    return o->replaces && ftruncate(o->writer.fd, (off_t)o->writer.bytes) == 0;
}

bool output_publish(struct output *o, struct err *e) {
    bool ok = !o->replaces || replace_publish(&o->file, e);
    if (ok && o->owns_fd) ok = close_checked(o, e);
    return named(o, ok, e);
}

void output_close(struct output *o) {
    if (!o) return;
    if (o->replaces) replace_close(&o->file);
    if (o->owns_fd) close(o->writer.fd);
    writer_free(&o->writer);
    free(o->name);
    free(o);
}
