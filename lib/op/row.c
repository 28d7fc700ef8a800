#include "op/row.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/timestamp.h"
#include "json/value.h"

static void name_column(struct buf *to, const char *name) {
    buf_addc(to, ',');
    json_write_string(to, slice_of(name));
    buf_addc(to, ':');
}

void row_format_init(struct row_format *f) {
    const struct query *q = f->query;
    f->names = mem_zero(q->n_by + q->n_aggs + 1, sizeof *f->names);
    for (size_t i = 0; i < q->n_by; i++) name_column(&f->names[i], q->by[i].name);
    for (size_t i = 0; i < q->n_aggs; i++) name_column(&f->names[q->n_by + i], q->aggs[i].name);
    f->start = f->end = TIME_NONE;
}

void row_format_free(struct row_format *f) {
    if (!f->names) return;
    for (size_t i = 0; i < f->query->n_by + f->query->n_aggs; i++) buf_free(&f->names[i]);
    free(f->names);
    buf_free(&f->window);
    buf_free(&f->scratch);
    f->names = NULL;
}

/* All rows of a window begin with the same text. */
static void add_window(struct row_format *f, const struct window_row *row, struct buf *out) {
    if (row->start != f->start || row->end != f->end) {
        f->start = row->start;
        f->end = row->end;
        f->window.n = 0;
        buf_adds(&f->window, "{\"window_start\":\"");
        buf_add_time(&f->window, row->start);
        buf_adds(&f->window, "\",\"window_end\":\"");
        buf_add_time(&f->window, row->end);
        buf_addc(&f->window, '"');
    }
    buf_add_slice(out, buf_slice(&f->window));
}

static void add_key(struct row_format *f, struct slice key, struct buf *out) {
    struct value v;
    f->scratch.n = 0;
    for (size_t i = 0; i < f->query->n_by; i++) {
        buf_add_slice(out, buf_slice(&f->names[i]));
        key_next(&key, &f->scratch, &v);
        value_write(out, &v);
    }
}

static bool too_often(struct row_format *f, const struct window_row *row, struct err *e) {
    struct buf which = {0};
    add_window(f, row, &which);
    add_key(f, row->key, &which);
    err_set(e, EXIT_BAD_DATA,
        "a row came out %d times, more than its version can count; with a larger --lateness there "
        "are fewer corrections: %.*s}",
        1 << ROW_VERSION_BITS, (int)which.n, which.p);
    buf_free(&which);
    return false;
}

bool row_write(struct row_format *f, const struct window_row *row, struct buf *out, struct err *e) {
    const struct query *q = f->query;
    if (row->version >> ROW_VERSION_BITS) return too_often(f, row, e);
    add_window(f, row, out);
    add_key(f, row->key, out);
    for (size_t i = 0; i < q->n_aggs; i++) {
        buf_add_slice(out, buf_slice(&f->names[q->n_by + i]));
        aggregates_write(f->aggregates, row->group, i, out);
    }
    if (f->versioned)
        buf_printf(out, ",\"version\":%" PRId64 ",\"final\":%s,\"is_correction\":%s",
            f->generation * (INT64_C(1) << ROW_VERSION_BITS) + row->version,
            row->final ? "true" : "false",
            row->is_correction || f->all_corrections ? "true" : "false");
    buf_addc(out, '}');
    return true;
}
