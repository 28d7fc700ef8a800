/* Columns aligned for reading. */
#include <stdlib.h>

#include "wire/encoders.h"

enum { HELD_ROWS = 1000, HELD_BYTES = 4 << 20, WIDEST = 64 };

struct column {
    size_t width; /* in characters, at most WIDEST: a wider cell pushes the rest of its row */
    bool text;    /* holds something that is no number */
    bool number;
};

struct table {
    struct encoder base;
    struct columns columns;
    struct column *shape; /* NULL while rows are held back */
    struct buf held;      /* their texts, one behind the other */
    size_t ends[HELD_ROWS];
    size_t n_held;
    struct buf cell;
};

/* Characters, not bytes: what continues a UTF-8 sequence does not count. */
static size_t width_of(struct slice s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += (s.p[i] & 0xC0) != 0x80;
    return n;
}

/* A cell may come from anywhere and go to a terminal: C0, DEL and C1 become '?'. */
static void mask(struct buf *cell, struct slice s) {
    cell->n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool c1 = c == 0xC2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xA0;
        buf_addc(cell, c < ' ' || c == 0x7F || c1 ? '?' : (char)c);
        i += c1;
    }
}

static bool cell_text(struct table *t, size_t i, struct slice *text, struct err *e) {
    if (!columns_text(&t->columns, i, text, e)) return false;
    mask(&t->cell, *text);
    *text = buf_slice(&t->cell);
    return true;
}

static void widen(struct column *c, struct slice text) {
    size_t width = width_of(text);
    if (width > c->width) c->width = width < WIDEST ? width : WIDEST;
}

static void pad(struct buf *out, size_t n) {
    if (n) memset(buf_reserve(out, n), ' ', n);
    out->n += n;
}

static void write_cell(struct buf *out, const struct column *c, struct slice text, bool right) {
    size_t width = width_of(text), gap = width < c->width ? c->width - width : 0;
    if (right) pad(out, gap);
    buf_add_slice(out, text);
    if (!right) pad(out, gap);
    pad(out, 2);
}

static void end_line(struct buf *out, size_t from) {
    while (out->n > from && out->p[out->n - 1] == ' ') out->n--;
    buf_addc(out, '\n');
}

static bool write_row(struct table *t, struct slice object, struct buf *out, struct err *e) {
    size_t from = out->n;
    if (!columns_find(&t->columns, object, false, e)) return false;
    for (size_t i = 0; i < t->columns.n; i++) {
        struct slice text;
        if (!cell_text(t, i, &text, e)) return false;
        write_cell(out, &t->shape[i], text, t->columns.cells[i].kind == JSON_NUMBER);
    }
    end_line(out, from);
    return true;
}

static void write_header(struct table *t, struct buf *out) {
    size_t from = out->n;
    for (size_t i = 0; i < t->columns.n; i++) {
        struct column *c = &t->shape[i];
        mask(&t->cell, t->columns.names[i]);
        widen(c, buf_slice(&t->cell));
        write_cell(out, c, buf_slice(&t->cell), c->number && !c->text);
    }
    end_line(out, from);
}

static struct slice held_row(const struct table *t, size_t i) {
    size_t from = i ? t->ends[i - 1] : 0;
    return (struct slice){t->held.p + from, t->ends[i] - from};
}

static bool measure_row(struct table *t, struct slice object, struct err *e) {
    if (!columns_find(&t->columns, object, false, e)) return false;
    for (size_t i = 0; i < t->columns.n; i++) {
        struct slice text;
        if (!cell_text(t, i, &text, e)) return false;
        enum json_kind kind = t->columns.cells[i].kind;
        t->shape[i].number |= kind == JSON_NUMBER;
        t->shape[i].text |= kind != JSON_NUMBER && kind > JSON_NULL;
        widen(&t->shape[i], text);
    }
    return true;
}

/* Widths are known now: the header and all that was held. */
static bool write_held(struct table *t, struct buf *out, struct err *e) {
    t->shape = mem_zero(t->columns.n + 1, sizeof *t->shape);
    for (size_t i = 0; i < t->n_held; i++)
        if (!measure_row(t, held_row(t, i), e)) return false;
    if (t->n_held) write_header(t, out);
    for (size_t i = 0; i < t->n_held; i++)
        if (!write_row(t, held_row(t, i), out, e)) return false;
    buf_free(&t->held);
    t->n_held = 0;
    return true;
}

static bool table_put(
    struct encoder *encoder, struct slice object, struct buf *out, struct err *e) {
    struct table *t = (struct table *)encoder;
    if (t->shape) return write_row(t, object, out, e);
    if (!columns_find(&t->columns, object, true, e)) return false;
    buf_add_slice(&t->held, object);
    t->ends[t->n_held++] = t->held.n;
    return (t->n_held < HELD_ROWS && t->held.n < HELD_BYTES) || write_held(t, out, e);
}

static bool table_finish(struct encoder *encoder, struct buf *out, struct err *e) {
    struct table *t = (struct table *)encoder;
    return t->shape || write_held(t, out, e);
}

static void table_free(struct encoder *encoder) {
    struct table *t = (struct table *)encoder;
    if (!t) return;
    columns_free(&t->columns);
    buf_free(&t->held);
    buf_free(&t->cell);
    free(t->shape);
    free(t);
}

struct encoder *table_encoder(void) {
    struct table *t = mem_zero(1, sizeof *t);
    t->columns.of_rows = true;
    t->base = (struct encoder){.put = table_put, .finish = table_finish, .free = table_free};
    return &t->base;
}
