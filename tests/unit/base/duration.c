/* Durations, sizes and the lengths of windows as users type them. */
#include "base/timestamp.h"

#include "check.h"

static const char *duration_text(int64_t us) {
    static struct buf b;
    b.n = 0;
    buf_add_duration(&b, us);
    buf_addc(&b, '\0');
    return b.p;
}

static void reads_durations(void) {
    static const struct {
        const char *text;
        int64_t us;
        const char *back;
    } rows[] = {{"500ms", 500000, "500ms"}, {"30s", 30 * INT64_C(1000000), "30s"},
        {"15m", 15 * MINUTE_US, "15m"}, {"24h", DAY_US, "1d"}, {"7d", 7 * DAY_US, "7d"},
        {"1h30m", 90 * MINUTE_US, "1h30m"}, {"90m", 90 * MINUTE_US, "1h30m"},
        {"2w", 14 * DAY_US, "14d"}, {"1us", 1, "1us"}, {"0", 0, "0s"}, {"0s", 0, "0s"},
        {"1d2h3m4s5ms6us", 93784005006, "1d2h3m4s5ms6us"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t us = -1, again = -1;
        struct err e;
        CHECK(duration_parse(slice_of(rows[i].text), false, &us, &e) && us == rows[i].us);
        CHECK_STR(duration_text(us), rows[i].back);
        CHECK(duration_parse(slice_of(rows[i].back), false, &again, &e) && again == us);
    }
    int64_t us;
    struct err e;
    CHECK(duration_parse(slice_of("-1h30m"), true, &us, &e) && us == -90 * MINUTE_US);
    CHECK_STR(duration_text(us), "-1h30m");
    CHECK(duration_parse(slice_of("+7d"), true, &us, &e) && us == 7 * DAY_US);
    CHECK_STR(duration_text(INT64_MIN), "-106751991d4h54s775ms808us");
}

static void refuses_what_is_no_duration(void) {
    static const char *const bad[] = {"", "5", "m", "1.5h", "-5m", "+5m", "5 m", "5min", "5M",
        "1h30", "1mo", "9999999999999999999s", "999999999w", "0x", "00", "1h-5m"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t us;
        struct err e;
        CHECK(!duration_parse(slice_of(bad[i]), false, &us, &e));
        CHECK(e.code == EXIT_USAGE);
    }
    struct err e;
    int64_t us;
    CHECK(!duration_parse(slice_of("--5m"), true, &us, &e));
    CHECK(!duration_parse(slice_of("-"), true, &us, &e));
    CHECK(!duration_parse(slice_of("soon"), true, &us, &e));
    CHECK_STR(e.text, "not a duration: \"soon\"; write it as 500ms, 30s, 15m, 1h30m or 7d");
    CHECK(duration_parse(slice_of("3652056d"), false, &us, &e));
    static const char *const too_long[] = {"3652057d", "99999999d", "9223372036854775807us",
        "99999999999999999999999s", "99999999999999999999d0s1us"};
    for (size_t i = 0; i < sizeof too_long / sizeof *too_long; i++) {
        CHECK(!duration_parse(slice_of(too_long[i]), false, &us, &e));
        CHECK(strncmp(e.text, "too long: \"", 11) == 0 && strstr(e.text, "; at most 3652056d"));
    }
    CHECK(!duration_parse(slice_of("99999999d1x"), false, &us, &e));
    CHECK(strncmp(e.text, "not a duration", 14) == 0);
}

static void reads_sizes(void) {
    static const struct {
        const char *text;
        int64_t bytes;
    } rows[] = {{"100", 100}, {"0", 0}, {"64K", 65536}, {"256M", 268435456},
        {"2G", INT64_C(2147483648)}, {"4E", INT64_C(1) << 62},
        {"4611686018427387904", INT64_C(1) << 62}};
    static const char *const bad[] = {"", "K", "1.5G", "-1", "64k", "64KB", "5E",
        "4611686018427387905", "99999999999999999999", "1 K"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t bytes = -1;
        struct err e;
        CHECK(size_parse(slice_of(rows[i].text), &bytes, &e) && bytes == rows[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t bytes;
        struct err e;
        CHECK(!size_parse(slice_of(bad[i]), &bytes, &e) && e.code == EXIT_USAGE);
    }
    struct err e;
    int64_t bytes;
    CHECK(!size_parse((struct slice){"1\0", 2}, &bytes, &e));
}

static void reads_periods(void) {
    static const struct {
        const char *text;
        enum period_unit unit;
        int64_t count;
        const char *back;
    } rows[] = {{"15m", PERIOD_FIXED, 15 * MINUTE_US, "15m"},
        {"1h30m", PERIOD_FIXED, 90 * MINUTE_US, "1h30m"}, {"24h", PERIOD_FIXED, DAY_US, "24h"},
        {"36h", PERIOD_FIXED, 36 * HOUR_US, "36h"}, {"1d", PERIOD_DAYS, 1, "1d"},
        {"2w", PERIOD_WEEKS, 2, "2w"}, {"1mo", PERIOD_MONTHS, 1, "1mo"}};
    static const char *const bad[] = {"", "0", "0s", "0d", "-1d", "1d12h", "1w1d", "1mo1d", "15",
        "mo", "1y", "99999999999d", "999999999mo"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct period p;
        struct err e;
        struct buf b = {0};
        CHECK(period_parse(slice_of(rows[i].text), &p, &e) && p.unit == rows[i].unit &&
              p.count == rows[i].count);
        buf_add_period(&b, &p);
        buf_addc(&b, '\0');
        CHECK_STR(b.p, rows[i].back);
        buf_free(&b);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct period p;
        struct err e;
        CHECK(!period_parse(slice_of(bad[i]), &p, &e) && e.code == EXIT_USAGE);
    }
}

int main(void) {
    RUN(reads_durations);
    RUN(refuses_what_is_no_duration);
    RUN(reads_sizes);
    RUN(reads_periods);
    return check_done();
}
