#include "op/row.h"

#include <stdlib.h>

#include "base/timestamp.h"
#include "check.h"

static const enum aggregate_kind kinds[] = {AGG_COUNT};

/* A row of the group `city` = BLR that comes out for the `version`-th time. */
static bool write(uint32_t version, struct buf *out, struct err *e) {
    struct json_scanner *s = json_scanner_new(16);
    struct query q = {0};
    struct aggregates *a = aggregates_new(kinds, 1);
    struct row_format f = {.query = &q, .aggregates = a, .versioned = true};
    struct value city = {.kind = VALUE_STRING, .text = slice_of("BLR")};
    struct buf key = {0};
    uint64_t group = 7;
    CHECK(query_add_by(&q, slice_of("city"), s, NULL, e));
    CHECK(query_add_aggregate(&q, slice_of("n=count"), s, NULL, e));
    CHECK(key_add(&key, &city, e));
    row_format_init(&f);
    struct window_row row = {
        .end = MINUTE_US, .key = buf_slice(&key), .group = &group, .version = version};
    bool ok = row_write(&f, &row, out, e);
    row_format_free(&f);
    aggregates_free(a);
    query_free(&q);
    buf_free(&key);
    json_scanner_free(s);
    return ok;
}

static void a_row_that_came_out_too_often_is_named(void) {
    struct buf out = {0};
    struct err e;
    CHECK(write((1 << ROW_VERSION_BITS) - 1, &out, &e));
    CHECK(slice_is(buf_slice(&out),
        "{\"window_start\":\"1970-01-01T00:00:00Z\",\"window_end\":\"1970-01-01T00:01:00Z\","
        "\"city\":\"BLR\",\"n\":7,\"version\":8388607,\"final\":false,\"is_correction\":false}"));
    CHECK(!write(1 << ROW_VERSION_BITS, &out, &e) && e.code == EXIT_BAD_DATA);
    CHECK_STR(e.text,
        "a row came out 8388608 times, more than its version can count; with a larger --lateness "
        "there are fewer corrections: {\"window_start\":\"1970-01-01T00:00:00Z\","
        "\"window_end\":\"1970-01-01T00:01:00Z\",\"city\":\"BLR\"}");
    buf_free(&out);
}

int main(void) {
    RUN(a_row_that_came_out_too_often_is_named);
    return check_done();
}
