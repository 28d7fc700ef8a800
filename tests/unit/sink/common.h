/* What the tests of sinks share: a scratch folder, and files in it. */
#ifndef EV_SINK_TEST_H
#define EV_SINK_TEST_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "check.h"
#include "sink/sink.h"

static struct err e;

/* Runs the tests in a scratch folder that is removed at the end. */
static inline void scratch_enter(char *name) {
    if (!mkdtemp(name) || chdir(name) != 0) exit(1);
    umask(022);
}

static inline void scratch_leave(const char *name) {
    char line[100];
    snprintf(line, sizeof line, "rm -rf %s", name);
    if (chdir("/") != 0 || system(line) != 0) exit(1);
}

/* True when a shell line exits 0. */
static inline bool shell(const char *line) { return system(line) == 0; }

/* The content of a file, to be freed; NULL when there is none. */
static inline char *content(const char *name) {
    int fd = open(name, O_RDONLY);
    if (fd < 0) return NULL;
    struct buf b = {0};
    ssize_t n;
    while ((n = read(fd, buf_reserve(&b, 65536), 65536)) > 0) b.n += (size_t)n;
    close(fd);
    buf_addc(&b, 0);
    return b.p;
}

static inline bool holds(const char *name, const char *want) {
    char *got = content(name);
    bool same = got && strcmp(got, want) == 0;
    if (!same) fprintf(stderr, "%s holds %s\n", name, got ? got : "(nothing)");
    free(got);
    return same;
}

static inline bool exists(const char *name) { return access(name, F_OK) == 0; }

static inline bool put_text(struct sink *s, const char *text) {
    struct event ev = {.text = slice_of(text), .time = TIME_NONE};
    return s->put(s, &ev, &e);
}

#endif
