#include "wire/logfolder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

enum { DIGITS = 20, BLOCK = 64 << 10, LINE_MAX_BYTES = 64 << 10 };
#define RECORD_END ".ndjson"
#define SUMMARY_END ".summary"

void log_record_name(char out[LOG_NAME_MAX], uint64_t record) {
    snprintf(out, LOG_NAME_MAX, "%0*" PRIu64 RECORD_END, DIGITS, record);
}

void log_summary_name(char out[LOG_NAME_MAX], uint64_t record) {
    snprintf(out, LOG_NAME_MAX, "%0*" PRIu64 SUMMARY_END, DIGITS, record);
}

/* ---- listing ---- */

/* The number in front of `end`, or 0. */
static uint64_t number_of(const char *name, const char *end) {
    uint64_t n = 0;
    for (int i = 0; i < DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9') return 0;
        if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
            __builtin_add_overflow(n, (uint64_t)(name[i] - '0'), &n))
            return 0;
    }
    return strcmp(name + DIGITS, end) == 0 ? n : 0;
}

static void note(struct log_range *r, const char *name, uint64_t upto) {
    uint64_t record = number_of(name, RECORD_END), summary = number_of(name, SUMMARY_END);
    if (record > r->newest && record <= upto) r->newest = record;
    if (summary > r->summary && summary <= upto) r->summary = summary;
    if (summary && (!r->oldest_summary || summary < r->oldest_summary)) r->oldest_summary = summary;
}

static bool list(DIR *d, uint64_t upto, struct log_range *out, struct err *e) {
    struct dirent *x;
    while ((errno = 0, x = readdir(d))) note(out, x->d_name, upto);
    return errno == 0 || err_errno(e, EXIT_NO_INPUT, errno, "cannot list " LOG_FOLDER);
}

bool log_range(int folder, uint64_t upto, struct log_range *out, struct err *e) {
    *out = (struct log_range){0};
    int fd = openat(folder, LOG_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ||
               err_errno(e, EXIT_NO_INPUT, errno, "cannot open " LOG_FOLDER);
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return err_errno(e, EXIT_NO_INPUT, errno, "cannot list " LOG_FOLDER);
    }
    bool ok = list(d, upto, out, e);
    closedir(d);
    /* A summary follows its record. */
    if (out->newest < out->summary) out->newest = out->summary;
    return ok;
}

/* ---- reading ---- */

struct reading {
    struct log_parser *parser;
    struct buf text;
    log_visit *visit;
    void *ctx;
};

static bool read_lines(struct reading *r, struct err *e) {
    size_t at = 0;
    for (const char *end; (end = memchr(r->text.p + at, '\n', r->text.n - at));) {
        struct slice line = {r->text.p + at, (size_t)(end - r->text.p) - at};
        struct log_line parsed;
        if (!log_parser_next(r->parser, line, &parsed, e) || !r->visit(r->ctx, &parsed, e))
            return false;
        at += line.n + 1;
    }
    r->text.n -= at;
    if (r->text.n && at) memmove(r->text.p, r->text.p + at, r->text.n);
    return r->text.n <= LINE_MAX_BYTES ||
           err_set(e, EXIT_IO, "the commit log is damaged: a line has no end");
}

static bool read_all(struct reading *r, int fd, struct err *e) {
    size_t got;
    log_parser_start(r->parser);
    r->text.n = 0;
    do {
        buf_reserve(&r->text, BLOCK);
        if (!io_read(fd, r->text.p + r->text.n, BLOCK, false, &got, e)) return false;
        r->text.n += got;
        if (got && !read_lines(r, e)) return false;
    } while (got);
    return log_parser_done(r->parser, e);
}

/* *gone: it is not there; that is then no error. */
static bool read_file(struct reading *r, int folder, const char *name, bool *gone, struct err *e) {
    char path[sizeof LOG_FOLDER + LOG_NAME_MAX];
    snprintf(path, sizeof path, LOG_FOLDER "/%s", name);
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    *gone = fd < 0 && errno == ENOENT;
    if (*gone) return true;
    if (fd < 0) return err_errno(e, EXIT_NO_INPUT, errno, "%s", path);
    bool ok = read_all(r, fd, e) || err_at(e, "%s", path);
    close(fd);
    return ok;
}

static bool read_records(
    struct reading *r, int folder, const struct log_range *range, struct err *e) {
    for (uint64_t i = range->summary + 1; i <= range->newest; i++) {
        char name[LOG_NAME_MAX];
        bool gone;
        log_record_name(name, i);
        if (!read_file(r, folder, name, &gone, e)) return false;
        if (gone)
            return err_set(
                e, EXIT_IO, "the commit log is damaged: " LOG_FOLDER "/%s is missing", name);
    }
    return true;
}

/* A summary may be removed between the listing and its opening, when there are two newer ones. */
static bool read_summary(
    struct reading *r, int folder, uint64_t upto, struct log_range *range, struct err *e) {
    for (int tries = 0; tries < 10; tries++) {
        char name[LOG_NAME_MAX];
        bool gone = false;
        if (!log_range(folder, upto, range, e)) return false;
        log_summary_name(name, range->summary);
        if (range->summary && !read_file(r, folder, name, &gone, e)) return false;
        if (!gone) return true;
    }
    return err_set(e, EXIT_IO, "the summary of the commit log goes away again and again");
}

bool log_each(
    int folder, uint64_t upto, log_visit *visit, void *ctx, struct log_range *seen, struct err *e) {
    struct reading r = {.parser = log_parser_new(), .visit = visit, .ctx = ctx};
    struct log_range range;
    bool ok = read_summary(&r, folder, upto, &range, e) && read_records(&r, folder, &range, e);
    if (seen) *seen = range;
    log_parser_free(r.parser);
    buf_free(&r.text);
    return ok;
}
