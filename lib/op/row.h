/* The row that a window writes: window_start, window_end, the group columns, the aggregates, and where it can come
 * out more than once version, final and is_correction. */
#ifndef EV_OP_ROW_H
#define EV_OP_ROW_H

#include "op/query.h"
#include "op/window.h"

struct row_format {
    const struct query *query;
    const struct aggregates *aggregates;
    bool versioned;       /* the three last columns are written */
    bool all_corrections; /* --correction */
    int64_t generation;   /* 0 .. ROW_MAX_GENERATION */
    struct buf *names;    /* `,"name":` of each column; made by row_format_init() */
    int64_t start, end;   /* of the last row, whose text is kept */
    struct buf window;
    struct buf scratch;
};

/* version is generation * 2^23 + how often the row has come out. */
enum { ROW_VERSION_BITS = 23 };
#define ROW_MAX_GENERATION ((INT64_C(1) << 40) - 1)

void row_format_init(struct row_format *f);
void row_format_free(struct row_format *f);
/* Appends the object, without a newline. EXIT_BAD_DATA: a window came out 2^23 times. */
bool row_write(struct row_format *f, const struct window_row *row, struct buf *out, struct err *e);

#endif
