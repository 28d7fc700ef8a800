#include "wire/encoders.h"

#include <stdlib.h>

/* ---- NDJSON ---- */

static bool put_line(struct encoder *c, struct slice object, struct buf *out, struct err *e) {
    (void)c, (void)e;
    memcpy(buf_reserve(out, object.n + 1), object.p, object.n);
    out->p[out->n + object.n] = '\n';
    out->n += object.n + 1;
    return true;
}

static bool nothing_left(struct encoder *c, struct buf *out, struct err *e) {
    (void)c, (void)out, (void)e;
    return true;
}

static void free_plain(struct encoder *c) { free(c); }

static struct encoder *lines_encoder(void) {
    struct encoder *c = mem_alloc(sizeof *c);
    *c = (struct encoder){.put = put_line, .finish = nothing_left, .free = free_plain};
    return c;
}

/* ---- choosing ---- */

struct encoder *encoder_new(enum out_format format) {
    switch (format) {
    case OUT_CSV: return csv_encoder(',');
    case OUT_TSV: return csv_encoder('\t');
    case OUT_TABLE: return table_encoder();
    default: return lines_encoder();
    }
}

bool out_format_parse(struct slice name, enum out_format *out, struct err *e) {
    static const char *const names[] = {
        [OUT_NDJSON] = "ndjson", [OUT_CSV] = "csv", [OUT_TSV] = "tsv", [OUT_TABLE] = "table"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_is(name, names[i])) {
            *out = (enum out_format)i;
            return true;
        }
    return err_set(e, EXIT_USAGE, "unknown format %s: ndjson, csv, tsv or table", QUOTED(name));
}

enum out_format out_format_of_name(struct slice name) {
    if (slice_ends(name, ".gz")) name.n -= 3;
    return slice_ends(name, ".csv") ? OUT_CSV : slice_ends(name, ".tsv") ? OUT_TSV : OUT_NDJSON;
}
