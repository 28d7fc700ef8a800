/* CSV by RFC 4180; TSV is the same with tabs and plain newlines, so that what reads one reads the other. */
#include <stdlib.h>

#include "wire/encoders.h"

struct csv_out {
    struct encoder base;
    struct columns columns;
    struct buf first; /* the row whose keys they are */
    char delimiter;
};

static bool needs_quotes(const struct csv_out *c, struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == c->delimiter || s.p[i] == '"' || s.p[i] == '\r' || s.p[i] == '\n')
            return true;
    return false;
}

static void write_cell(const struct csv_out *c, struct buf *out, size_t column, struct slice s) {
    if (column) buf_addc(out, c->delimiter);
    if (!needs_quotes(c, s)) {
        buf_add_slice(out, s);
        return;
    }
    buf_addc(out, '"');
    for (const char *quote; s.n && (quote = memchr(s.p, '"', s.n));) {
        size_t n = (size_t)(quote - s.p) + 1;
        buf_add(out, s.p, n);
        buf_addc(out, '"');
        s = (struct slice){s.p + n, s.n - n};
    }
    buf_add_slice(out, s);
    buf_addc(out, '"');
}

static void end_row(const struct csv_out *c, struct buf *out, size_t from) {
    /* An empty line is no row to most readers: a lone empty field is quoted. */
    if (out->n == from) buf_adds(out, "\"\"");
    buf_adds(out, c->delimiter == ',' ? "\r\n" : "\n");
}

static void write_header(const struct csv_out *c, struct buf *out) {
    size_t from = out->n;
    for (size_t i = 0; i < c->columns.n; i++) write_cell(c, out, i, c->columns.names[i]);
    end_row(c, out, from);
}

static bool csv_put(struct encoder *encoder, struct slice object, struct buf *out, struct err *e) {
    struct csv_out *c = (struct csv_out *)encoder;
    bool first = c->columns.n == 0;
    size_t from = out->n;
    if (!columns_find(&c->columns, object, first, e)) return false;
    if (c->columns.n == 0)
        return err_set(e, EXIT_BAD_DATA, "the first row has no fields to name the columns by");
    if (first) {
        buf_add_slice(&c->first, object);
        write_header(c, out);
    }
    size_t row = out->n;
    for (size_t i = 0; i < c->columns.n; i++) {
        struct slice text;
        if (!columns_text(&c->columns, i, &text, e)) {
            out->n = from;
            return false;
        }
        write_cell(c, out, i, text);
    }
    end_row(c, out, row);
    return true;
}

static struct slice csv_fixed_by(const struct encoder *encoder) {
    return buf_slice(&((const struct csv_out *)encoder)->first);
}

static bool csv_resume(struct encoder *encoder, struct slice fixed_by, struct err *e) {
    struct csv_out *c = (struct csv_out *)encoder;
    buf_add_slice(&c->first, fixed_by);
    memset(buf_reserve(&c->first, JSON_SLACK), 0, JSON_SLACK);
    return columns_find(&c->columns, buf_slice(&c->first), true, e);
}

static bool csv_finish(struct encoder *encoder, struct buf *out, struct err *e) {
    (void)encoder, (void)out, (void)e;
    return true;
}

static void csv_free_encoder(struct encoder *encoder) {
    struct csv_out *c = (struct csv_out *)encoder;
    if (!c) return;
    columns_free(&c->columns);
    buf_free(&c->first);
    free(c);
}

struct encoder *csv_encoder(char delimiter) {
    struct csv_out *c = mem_zero(1, sizeof *c);
    c->base = (struct encoder){.put = csv_put,
        .finish = csv_finish,
        .fixed_by = csv_fixed_by,
        .resume = csv_resume,
        .free = csv_free_encoder};
    c->delimiter = delimiter;
    return &c->base;
}
