/* A record of a commit log: what is understood is the same after it was written and read again, no path leads out of the
 * folder, and a record that was cut off is never whole.
 *
 * An input is the text between the first line and the last; the last may be left out, or count wrongly. */
#include <stdlib.h>

#include "wire/commitlog.h"

/* Reads a record and appends it to *out as it was understood. */
static bool again(struct slice text, struct buf *out) {
    struct log_parser *p = log_parser_new();
    struct err e;
    bool ok = true;
    log_parser_start(p);
    for (const char *end; ok && (end = text.n ? memchr(text.p, '\n', text.n) : NULL);) {
        struct slice line = {text.p, (size_t)(end - text.p)};
        struct log_line l;
        ok = log_parser_next(p, line, &l, &e);
        if (ok && (l.kind == LOG_ADD || l.kind == LOG_REMOVE))
            if (!l.path.n || *l.path.p == '/' || *l.path.p == '.' ||
                memmem(l.path.p, l.path.n, "/.", 2))
                abort();
        if (ok) log_line_write(out, &l);
        text = (struct slice){end + 1, text.n - line.n - 1};
    }
    ok = ok && !text.n && log_parser_done(p, &e);
    log_parser_free(p);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n == 0) return 0;
    struct buf text = {0}, once = {0}, twice = {0};
    uint64_t lines = 0;
    log_line_write(&text, &(struct log_line){.kind = LOG_BEGIN});
    buf_add(&text, data + 1, n - 1);
    for (size_t i = 1; i < n; i++) lines += data[i] == '\n';
    if (n > 1 && data[n - 1] != '\n') buf_addc(&text, '\n'), lines++;
    if (*data)
        log_line_write(&text, &(struct log_line){.kind = LOG_END, .lines = lines + *data - 1});
    if (again(buf_slice(&text), &once)) {
        if (*data > 1) abort();
        if (!again(buf_slice(&once), &twice) || !slice_eq(buf_slice(&once), buf_slice(&twice)))
            abort();
        struct slice cut = buf_slice(&once);
        while (cut.n && cut.p[cut.n - 2] != '\n') cut.n--;
        cut.n--;
        twice.n = 0;
        if (again(cut, &twice)) abort();
    }
    buf_free(&text);
    buf_free(&once);
    buf_free(&twice);
    return 0;
}
