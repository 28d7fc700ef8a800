/* What single streams show: the ends of time, calendar windows, memory over long streams, order of
 * rows. */
#include "op/window.h"

#include "base/buf.h"
#include "check.h"

/* Unique keys: enough for the forgetting of idle ones to become steady. */
enum { LONG = 1000000 };
#if defined(__SANITIZE_ADDRESS__)
enum { VERY_LONG = LONG };
#else
enum { VERY_LONG = 10 * LONG };
#endif

static const enum aggregate_kind count_and_avg[] = {AGG_COUNT, AGG_AVG};

struct stream {
    struct aggregates *aggregates;
    struct windows *windows;
    struct buf rows;
};

static void stream_open(struct stream *s, const struct window_spec *spec) {
    *s = (struct stream){.aggregates = aggregates_new(count_and_avg, 2)};
    s->windows = windows_new(spec, s->aggregates, 99);
}

static void stream_close(struct stream *s) {
    windows_free(s->windows);
    aggregates_free(s->aggregates);
    buf_free(&s->rows);
}

static struct window_place add(struct stream *s, int64_t time, int64_t watermark, const char *key) {
    struct aggregate_input in[2] = {{0}, {.value = {.kind = VALUE_NUMBER, .number = {.small = 5}}}};
    return windows_add(s->windows, time, watermark, slice_of(key), in, slice_of("{}"));
}

/* One line a row: times, key, count, version, f of final, c of correction. */
static const char *rows(struct stream *s, int64_t watermark) {
    struct window_row row;
    s->rows.n = 0;
    while (windows_row(s->windows, watermark, &row)) {
        buf_add_time(&s->rows, row.start);
        buf_addc(&s->rows, ' ');
        buf_add_time(&s->rows, row.end);
        buf_printf(&s->rows, " %.*s ", (int)row.key.n, row.key.p);
        aggregates_write(s->aggregates, row.group, 0, &s->rows);
        buf_printf(&s->rows, " v%u%s%s\n", row.version, row.final ? "f" : "",
            row.is_correction ? "c" : "");
    }
    buf_addc(&s->rows, '\0');
    return s->rows.p;
}

static int64_t at(const char *text) {
    int64_t t = TIME_NONE;
    struct err e;
    CHECK(time_parse_arg(NULL, slice_of(text), &t, &e));
    return t;
}

/* ---- the ends of time ---- */

static void events_at_the_ends_of_time_overflow_nothing(void) {
    static const int64_t allowed[] = {0, DAY_US, INT64_MAX};
    for (int i = 0; i < 3; i++) {
        for (int64_t panes = 1; panes <= 60; panes += 59) {
            struct window_spec spec = {.size = {PERIOD_FIXED, panes * MINUTE_US},
                .slide = {PERIOD_FIXED, MINUTE_US},
                .corrections = true,
                .allowed_lateness = allowed[i]};
            struct stream s;
            stream_open(&s, &spec);
            CHECK(windows_hold(s.windows, TIME_NONE) == TIME_NONE);
            add(&s, TIME_MIN, TIME_NONE, "a");
            CHECK(windows_hold(s.windows, TIME_MIN - 5) <= TIME_MIN);
            CHECK(add(&s, TIME_MIN, TIME_MIN - DAY_US, "a").fate == WINDOW_IN);
            add(&s, TIME_MAX, TIME_MIN, "b");
            CHECK(windows_open(s.windows) == 2 * (size_t)panes);
            rows(&s, TIME_MAX);
            CHECK(windows_hold(s.windows, TIME_MAX) <= TIME_MAX);
            rows(&s, TIME_END);
            CHECK(windows_open(s.windows) == 0 && windows_first_end(s.windows) == TIME_END);
            CHECK(windows_hold(s.windows, TIME_END) == TIME_END);
            stream_close(&s);
        }
    }
}

/* ---- rows ---- */

static void rows_come_by_moment_then_end(void) {
    struct window_spec spec = {.size = {PERIOD_FIXED, MINUTE_US},
        .slide = {PERIOD_FIXED, MINUTE_US},
        .corrections = true,
        .allowed_lateness = 90 * SECOND_US};
    struct stream s;
    stream_open(&s, &spec);
    add(&s, 10 * SECOND_US, TIME_NONE, "b");
    add(&s, 10 * SECOND_US, TIME_NONE, "a");
    add(&s, 70 * SECOND_US, TIME_NONE, "a");
    add(&s, 150 * SECOND_US, TIME_NONE, "a");
    CHECK_STR(rows(&s, TIME_END), "1970-01-01T00:00:00Z 1970-01-01T00:01:00Z a 1 v1\n"
                                  "1970-01-01T00:00:00Z 1970-01-01T00:01:00Z b 1 v1\n"
                                  "1970-01-01T00:01:00Z 1970-01-01T00:02:00Z a 1 v1\n"
                                  "1970-01-01T00:00:00Z 1970-01-01T00:01:00Z a 1 v2fc\n"
                                  "1970-01-01T00:00:00Z 1970-01-01T00:01:00Z b 1 v2fc\n"
                                  "1970-01-01T00:02:00Z 1970-01-01T00:03:00Z a 1 v1\n"
                                  "1970-01-01T00:01:00Z 1970-01-01T00:02:00Z a 1 v2fc\n"
                                  "1970-01-01T00:02:00Z 1970-01-01T00:03:00Z a 1 v2fc\n");
    stream_close(&s);
}

static void late_events_correct_what_is_out(void) {
    struct window_spec spec = {.size = {PERIOD_FIXED, 2 * MINUTE_US},
        .slide = {PERIOD_FIXED, MINUTE_US},
        .corrections = true,
        .allowed_lateness = MINUTE_US};
    struct stream s;
    stream_open(&s, &spec);
    add(&s, 61 * SECOND_US, TIME_NONE, "a");
    CHECK_STR(rows(&s, 125 * SECOND_US), "1970-01-01T00:00:00Z 1970-01-01T00:02:00Z a 1 v1\n");
    CHECK(add(&s, 62 * SECOND_US, 125 * SECOND_US, "b").missed == 0);
    CHECK(windows_due(s.windows, 125 * SECOND_US));
    CHECK_STR(rows(&s, 125 * SECOND_US), "1970-01-01T00:00:00Z 1970-01-01T00:02:00Z b 1 v1c\n");
    CHECK(!windows_due(s.windows, 125 * SECOND_US));
    add(&s, 63 * SECOND_US, 125 * SECOND_US, "a");
    CHECK_STR(rows(&s, 185 * SECOND_US), "1970-01-01T00:00:00Z 1970-01-01T00:02:00Z a 2 v2c\n"
                                         "1970-01-01T00:00:00Z 1970-01-01T00:02:00Z a 2 v3fc\n"
                                         "1970-01-01T00:00:00Z 1970-01-01T00:02:00Z b 1 v2fc\n"
                                         "1970-01-01T00:01:00Z 1970-01-01T00:03:00Z a 2 v1\n"
                                         "1970-01-01T00:01:00Z 1970-01-01T00:03:00Z b 1 v1\n");
    CHECK(add(&s, 64 * SECOND_US, 185 * SECOND_US, "a").missed == 1);
    CHECK(add(&s, 59 * SECOND_US, 185 * SECOND_US, "a").fate == WINDOW_LATE);
    CHECK_STR(rows(&s, TIME_END), "1970-01-01T00:01:00Z 1970-01-01T00:03:00Z a 3 v2c\n"
                                  "1970-01-01T00:01:00Z 1970-01-01T00:03:00Z a 3 v3fc\n"
                                  "1970-01-01T00:01:00Z 1970-01-01T00:03:00Z b 1 v2fc\n");
    stream_close(&s);
}

static void rows_that_were_not_taken_in_time_are_not_lost(void) {
    struct window_spec spec = {
        .size = {PERIOD_FIXED, MINUTE_US}, .slide = {PERIOD_FIXED, MINUTE_US}};
    struct stream s;
    stream_open(&s, &spec);
    add(&s, 0, TIME_NONE, "a");
    add(&s, 2 * MINUTE_US, MINUTE_US, "a");
    CHECK_STR(rows(&s, TIME_END), "1970-01-01T00:00:00Z 1970-01-01T00:01:00Z a 1 v1f\n"
                                  "1970-01-01T00:02:00Z 1970-01-01T00:03:00Z a 1 v1f\n");
    stream_close(&s);
}

/* The watermark may have passed windows without ever having been shown to windows_row(). */
static void a_window_that_first_appears_late_has_no_on_time_row(void) {
    struct window_spec spec = {.size = {PERIOD_FIXED, MINUTE_US},
        .slide = {PERIOD_FIXED, MINUTE_US},
        .corrections = true,
        .allowed_lateness = HOUR_US};
    struct stream s;
    stream_open(&s, &spec);
    add(&s, 0, 10 * MINUTE_US, "a");
    CHECK_STR(rows(&s, 10 * MINUTE_US), "1970-01-01T00:00:00Z 1970-01-01T00:01:00Z a 1 v1c\n");
    CHECK_STR(rows(&s, TIME_END), "1970-01-01T00:00:00Z 1970-01-01T00:01:00Z a 1 v2fc\n");
    stream_close(&s);
}

static void calendar_windows_follow_the_zone(void) {
    struct err e;
    struct zone *z = zone_open("Europe/Amsterdam", &e);
    CHECK(z != NULL);
    struct window_spec spec = {.size = {PERIOD_DAYS, 2}, .slide = {PERIOD_DAYS, 1}, .zone = z};
    struct stream s;
    stream_open(&s, &spec);
    struct window_place place = add(&s, at("2025-03-29T23:30:00Z"), TIME_NONE, "k");
    CHECK(place.window_end - place.window_start == 47 * HOUR_US);
    add(&s, at("2025-03-30T22:30:00Z"), TIME_NONE, "k");
    CHECK(windows_open(s.windows) == 3);
    CHECK_STR(rows(&s, TIME_END), "2025-03-28T23:00:00Z 2025-03-30T22:00:00Z k 1 v1f\n"
                                  "2025-03-29T23:00:00Z 2025-03-31T22:00:00Z k 2 v1f\n"
                                  "2025-03-30T22:00:00Z 2025-04-01T22:00:00Z k 1 v1f\n");
    stream_close(&s);
    spec = (struct window_spec){.size = {PERIOD_MONTHS, 1}, .slide = {PERIOD_MONTHS, 1}, .zone = z};
    stream_open(&s, &spec);
    add(&s, at("2025-01-31T22:59:59Z"), TIME_NONE, "k");
    add(&s, at("2025-01-31T23:00:00Z"), TIME_NONE, "k");
    CHECK_STR(rows(&s, TIME_END), "2024-12-31T23:00:00Z 2025-01-31T23:00:00Z k 1 v1f\n"
                                  "2025-01-31T23:00:00Z 2025-02-28T23:00:00Z k 1 v1f\n");
    stream_close(&s);
    zone_close(z);
}

static void no_key_is_one_group(void) {
    struct window_spec spec = {
        .size = {PERIOD_FIXED, MINUTE_US}, .slide = {PERIOD_FIXED, MINUTE_US}};
    struct stream s;
    stream_open(&s, &spec);
    for (int i = 0; i < 100; i++) add(&s, 0, TIME_NONE, "");
    CHECK_STR(rows(&s, TIME_END), "1970-01-01T00:00:00Z 1970-01-01T00:01:00Z  100 v1f\n");
    stream_close(&s);
}

/* ---- long streams ---- */

static void long_stream(int64_t n, int64_t panes, bool corrections) {
    struct window_spec spec = {.size = {PERIOD_FIXED, panes * MINUTE_US},
        .slide = {PERIOD_FIXED, MINUTE_US},
        .corrections = corrections,
        .allowed_lateness = corrections ? MINUTE_US : 0};
    struct stream s;
    stream_open(&s, &spec);
    int64_t each = MINUTE_US / 20000; /* 20,000 new keys a minute */
    int64_t counted = 0, finals = 0;
    size_t early = 0, most = 0;
    for (int64_t i = 0; i < n; i++) {
        char key[40];
        int64_t watermark = i * each - 30 * SECOND_US;
        snprintf(key, sizeof key, "key-%lld;", (long long)i * 48271 % 2147483647);
        counted += add(&s, i * each, watermark, key).fate == WINDOW_IN;
        struct window_row row;
        if (windows_due(s.windows, watermark))
            while (windows_row(s.windows, watermark, &row)) finals += row.final;
        if (i % 4096) continue;
        size_t bytes = windows_bytes(s.windows);
        if (i < n / 2 && bytes > early) early = bytes;
        if (bytes > most) most = bytes;
    }
    struct window_row row;
    while (windows_row(s.windows, TIME_END, &row)) finals += row.final;
    CHECK(counted == n && finals == n * panes);
    CHECK(most <= early + early / 8);
    CHECK(windows_groups(s.windows) == 0);
    stream_close(&s);
}

static void unique_keys_over_many_windows_do_not_leak(void) { long_stream(VERY_LONG, 1, false); }
static void nor_do_they_in_hopping_windows(void) { long_stream(LONG, 5, false); }
/* What lies aside goes with the window. */
static void texts_of_first_and_min_do_not_leak(void) {
    static const enum aggregate_kind kinds[] = {AGG_FIRST, AGG_MIN};
    for (int64_t panes = 1; panes <= 3; panes += 2) {
        struct window_spec spec = {
            .size = {PERIOD_FIXED, panes * MINUTE_US}, .slide = {PERIOD_FIXED, MINUTE_US}};
        struct aggregates *a = aggregates_new(kinds, 2);
        struct windows *w = windows_new(&spec, a, 1);
        struct value v = {.kind = VALUE_STRING, .text = slice_of("some text to keep")};
        struct aggregate_input in[2] = {{.value = v}, {.value = v}};
        size_t early = 0;
        for (int64_t i = 0; i < 100000; i++) {
            struct window_row row;
            char key[16];
            snprintf(key, sizeof key, "%03d", (int)(i % 200));
            while (windows_row(w, i * SECOND_US, &row)) CHECK(row.final);
            windows_add(w, i * SECOND_US, i * SECOND_US, slice_of(key), in, slice_of("{}"));
            if (i == 20000) early = aggregates_aside(a);
        }
        CHECK(aggregates_aside(a) <= 2 * early);
        windows_free(w);
        aggregates_free(a);
    }
}

static void nor_with_corrections(void) {
    long_stream(LONG, 1, true);
    long_stream(LONG, 10, true);
}

int main(void) {
    RUN(events_at_the_ends_of_time_overflow_nothing);
    RUN(rows_come_by_moment_then_end);
    RUN(late_events_correct_what_is_out);
    RUN(a_window_that_first_appears_late_has_no_on_time_row);
    RUN(rows_that_were_not_taken_in_time_are_not_lost);
    RUN(calendar_windows_follow_the_zone);
    RUN(no_key_is_one_group);
    RUN(unique_keys_over_many_windows_do_not_leak);
    RUN(nor_do_they_in_hopping_windows);
    RUN(nor_with_corrections);
    RUN(texts_of_first_and_min_do_not_leak);
    return check_done();
}
