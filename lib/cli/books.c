#include "cli/books.h"

#include <inttypes.h>

#include "base/decimal.h"
#include "base/timestamp.h"
#include "state/members.h"

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
    if (b->holds) buf_printf(out, ",\"open\":%" PRIu64, b->open);
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

/* ---- from run to run ---- */

#define COUNTER(member)                                                                            \
    { #member, offsetof(struct books, member) }
static const struct {
    const char *name;
    size_t at; /* of a uint64_t */
} counters[] = {COUNTER(in), COUNTER(results), COUNTER(duplicates), COUNTER(filtered),
    COUNTER(late), COUNTER(rejected), COUNTER(open), COUNTER(blank), COUNTER(rows), COUNTER(missed),
    COUNTER(mismatches)};
enum { COUNTERS = sizeof counters / sizeof *counters };

static struct json_t *save_disorder(const struct disorder *d) {
    struct json_t *o = members_new(), *behind = members_list();
    members_set_number(o, "max_time", d->max_time);
    members_set_number(o, "in_order", (int64_t)d->in_order);
    members_set_number(o, "greatest", d->greatest);
    for (int i = 0; i < DISORDER_BUCKETS; i++) {
        if (!d->behind[i]) continue;
        struct json_t *bucket = members_new();
        members_set_number(bucket, "bucket", i);
        members_set_number(bucket, "n", (int64_t)d->behind[i]);
        members_append(behind, bucket);
    }
    members_set(o, "behind", behind);
    return o;
}

static void restore_disorder(struct disorder *d, const struct json_t *saved) {
    const struct json_t *behind = members_get(saved, "behind");
    disorder_init(d);
    if (!saved) return;
    d->max_time = members_number(saved, "max_time");
    d->in_order = (uint64_t)members_number(saved, "in_order");
    d->greatest = members_number(saved, "greatest");
    for (size_t i = 0; i < members_size(behind); i++) {
        int64_t bucket = members_number(members_at(behind, i), "bucket");
        if (bucket < 0 || bucket >= DISORDER_BUCKETS) continue;
        d->behind[bucket] = (uint64_t)members_number(members_at(behind, i), "n");
    }
}

struct json_t *books_save(const struct books *b) {
    struct json_t *o = members_new();
    for (size_t i = 0; i < COUNTERS; i++) {
        uint64_t n;
        memcpy(&n, (const char *)b + counters[i].at, sizeof n);
        members_set_number(o, counters[i].name, (int64_t)n);
    }
    members_set(o, "disorder", save_disorder(&b->disorder));
    return o;
}

void books_restore(struct books *b, const struct json_t *saved) {
    for (size_t i = 0; i < COUNTERS; i++) {
        uint64_t n = (uint64_t)members_number(saved, counters[i].name);
        memcpy((char *)b + counters[i].at, &n, sizeof n);
    }
    b->blank_before = b->blank;
    restore_disorder(&b->disorder, members_get(saved, "disorder"));
}
