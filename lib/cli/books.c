#include "cli/books.h"

#include <inttypes.h>

#include "base/decimal.h"
#include "base/timestamp.h"

static void add_seconds(struct buf *out, const char *name, int64_t us) {
    struct decimal d = {.small = us, .scale = 6};
    buf_printf(out, "\"%s\":", name);
    decimal_write(out, &d);
}

static void add_disorder(struct buf *out, const struct disorder *d) {
    buf_adds(out, ",\"disorder\":{");
    add_seconds(out, "p50", disorder_quantile(d, 0.50));
    buf_addc(out, ',');
    add_seconds(out, "p99", disorder_quantile(d, 0.99));
    buf_addc(out, ',');
    add_seconds(out, "max", d->greatest);
    buf_addc(out, '}');
}

void books_write(struct buf *out, const struct books *b) {
    buf_printf(out, "{\"tool\":\"%s\",\"in\":%" PRIu64 ",\"%s\":%" PRIu64, b->tool, b->in,
        b->result, b->results);
    if (b->finds_duplicates) buf_printf(out, ",\"duplicates\":%" PRIu64, b->duplicates);
    buf_printf(out, ",\"filtered\":%" PRIu64 ",\"late\":%" PRIu64 ",\"rejected\":%" PRIu64,
        b->filtered, b->late, b->rejected);
    buf_printf(out, ",\"blank\":%" PRIu64, b->blank);
    if (b->makes_rows) buf_printf(out, ",\"rows\":%" PRIu64, b->rows);
    if (b->missed) buf_printf(out, ",\"missed_windows\":%" PRIu64, b->missed);
    if (b->mismatches) buf_printf(out, ",\"type_mismatches\":%" PRIu64, b->mismatches);
    if (b->watermark >= TIME_MIN && b->watermark != TIME_END) {
        buf_adds(out, ",\"watermark\":\"");
        buf_add_time(out, b->watermark);
        buf_addc(out, '"');
    }
    if (b->disorder.max_time != TIME_NONE) {
        buf_adds(out, ",\"max_time\":\"");
        buf_add_time(out, b->disorder.max_time);
        buf_addc(out, '"');
        add_disorder(out, &b->disorder);
    }
    buf_adds(out, "}\n");
}
