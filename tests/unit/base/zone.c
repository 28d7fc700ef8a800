/* Zones and the periods of windows in them. Where the system has no time zones, only UTC is tested.
 * */
#include "base/timestamp.h"

#include <unistd.h>

#include "check.h"

static const char *text(int64_t t) {
    static char outs[4][TIME_TEXT_MAX + 1];
    static int turn;
    char *out = outs[turn++ % 4];
    out[time_write(out, t)] = '\0';
    return out;
}

static int64_t at(const char *s) {
    int64_t t = 0;
    struct err e;
    CHECK(time_parse_arg(NULL, slice_of(s), &t, &e));
    return t;
}

static struct zone *open_zone(const char *name) {
    struct err e;
    struct zone *z = zone_open(name, &e);
    if (!z) fprintf(stderr, "%s\n", e.text);
    CHECK(z);
    return z;
}

static void utc_needs_no_database(void) {
    struct err e;
    enum local_kind kind = LOCAL_MISSING;
    setenv("TZDIR", "/nonexistent", 1);
    struct zone *z = open_zone("UTC");
    CHECK_STR(zone_name(z), "UTC");
    CHECK_STR(zone_name(NULL), "UTC");
    CHECK(zone_offset(z, 0) == 0 && zone_standard_offset(z) == 0 && zone_to_utc(z, 5, &kind) == 5);
    CHECK(kind == LOCAL_PLAIN);
    CHECK(!zone_open("Europe/Berlin", &e) && e.code == EXIT_USAGE);
    zone_close(z);
    zone_close(NULL);
    unsetenv("TZDIR");
}

static void refuses_what_is_no_zone(void) {
    static const char *const names[] = {"Europe/Berlim", "", "EST5EDT4,M3.2.0,M11.1.0", "<+05>-5",
        ":UTC", "/etc/localtime", "../zoneinfo/UTC", "Europe", "zone.tab"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct err e;
        CHECK(!zone_open(names[i], &e));
        CHECK(e.code == EXIT_USAGE);
    }
}

static void has_one_zone_at_a_time(void) {
    struct err e;
    struct zone *z = open_zone("Asia/Kolkata");
    CHECK(zone_open("Asia/Kolkata", &e) == z);
    CHECK(!zone_open("Europe/Berlin", &e));
    zone_close(z);
    CHECK(zone_offset(z, 0) == 330 * MINUTE_US);
    zone_close(z);
    z = open_zone("Europe/Berlin");
    CHECK(zone_offset(z, 0) == HOUR_US);
    zone_close(z);
}

static void knows_offsets(void) {
    static const struct {
        const char *zone, *at;
        int64_t seconds;
    } rows[] = {{"America/New_York", "2025-03-09T06:59:59Z", -18000},
        {"America/New_York", "2025-03-09T07:00:00Z", -14400},
        {"America/New_York", "2025-11-02T05:59:59.999999Z", -14400},
        {"America/New_York", "2025-11-02T06:00:00Z", -18000},
        {"America/New_York", "1883-11-18T16:59:59Z", -17762},
        {"America/New_York", "9999-07-01", -14400}, {"Australia/Lord_Howe", "2025-01-01", 39600},
        {"Australia/Lord_Howe", "2025-07-01", 37800},
        {"Pacific/Apia", "2011-12-30T09:59:59Z", -36000},
        {"Pacific/Apia", "2011-12-30T10:00:00Z", 50400}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zone *z = open_zone(rows[i].zone);
        CHECK(zone_offset(z, at(rows[i].at)) == rows[i].seconds * SECOND_US);
        zone_close(z);
    }
}

static void finds_the_instant_of_local_times(void) {
    static const struct {
        const char *zone, *local, *utc;
        enum local_kind kind;
    } rows[] = {{"America/New_York", "2025-07-01T12:00:00Z", "2025-07-01T16:00:00Z", LOCAL_PLAIN},
        {"America/New_York", "2025-03-09T01:59:59Z", "2025-03-09T06:59:59Z", LOCAL_PLAIN},
        {"America/New_York", "2025-03-09T02:30:00Z", "2025-03-09T07:30:00Z", LOCAL_MISSING},
        {"America/New_York", "2025-03-09T03:00:00Z", "2025-03-09T07:00:00Z", LOCAL_PLAIN},
        {"America/New_York", "2025-11-02T00:59:59Z", "2025-11-02T04:59:59Z", LOCAL_PLAIN},
        {"America/New_York", "2025-11-02T01:30:00Z", "2025-11-02T05:30:00Z", LOCAL_AMBIGUOUS},
        {"America/New_York", "2025-11-02T02:00:00Z", "2025-11-02T07:00:00Z", LOCAL_PLAIN},
        {"Pacific/Apia", "2011-12-30T12:00:00Z", "2011-12-30T22:00:00Z", LOCAL_MISSING},
        {"Pacific/Apia", "2011-12-31T00:00:00Z", "2011-12-30T10:00:00Z", LOCAL_PLAIN}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zone *z = open_zone(rows[i].zone);
        enum local_kind kind;
        CHECK_STR(text(zone_to_utc(z, at(rows[i].local), &kind)), rows[i].utc);
        CHECK(kind == rows[i].kind);
        zone_close(z);
    }
}

static void counts_odd_local_times(void) {
    struct zone *z = open_zone("America/New_York");
    struct time_format f = {.zone = z};
    int64_t t;
    CHECK(time_parse(&f, slice_of("2025-11-02 01:30:00"), &t) == TIME_OK);
    CHECK_STR(text(t), "2025-11-02T05:30:00Z");
    CHECK(time_parse(&f, slice_of("2025-03-09 02:30:00"), &t) == TIME_OK);
    CHECK(time_parse(&f, slice_of("2025-03-09 02:30:00Z"), &t) == TIME_OK);
    CHECK_STR(text(t), "2025-03-09T02:30:00Z");
    CHECK(f.without_zone == 2 && f.ambiguous == 1 && f.missing == 1);
    zone_close(z);
}

struct floor_row {
    const char *zone, *period;
    int64_t shift;
    const char *at, *start, *end;
};

static void check_floor(const struct floor_row *r) {
    struct err e;
    struct period p;
    struct zone *z = r->zone ? open_zone(r->zone) : NULL;
    CHECK(period_parse(slice_of(r->period), &p, &e));
    int64_t start = period_floor(&p, z, r->shift, at(r->at)),
            end = period_step(&p, z, r->shift, start, 1);
    CHECK_STR(text(start), r->start);
    CHECK_STR(text(end), r->end);
    CHECK(period_step(&p, z, r->shift, start, 0) == start);
    CHECK(period_floor(&p, z, r->shift, start) == start &&
          period_floor(&p, z, r->shift, end - 1) == start);
    CHECK(period_step(&p, z, r->shift, end, -1) == start);
    zone_close(z);
}

static void cuts_time_in_utc(void) {
    static const struct floor_row rows[] = {
        {NULL, "15m", 0, "2025-11-14T02:13:45Z", "2025-11-14T02:00:00Z", "2025-11-14T02:15:00Z"},
        {NULL, "15m", 5 * MINUTE_US, "2025-11-14T02:13:45Z", "2025-11-14T02:05:00Z",
            "2025-11-14T02:20:00Z"},
        {NULL, "7h", 0, "1969-12-31T23:59:59Z", "1969-12-31T17:00:00Z", "1970-01-01T00:00:00Z"},
        {NULL, "1d", 0, "1969-12-31T12:00:00Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"},
        {NULL, "1w", 0, "2025-11-16T23:59:59Z", "2025-11-10T00:00:00Z", "2025-11-17T00:00:00Z"},
        {NULL, "2w", 0, "1970-01-01T00:00:00Z", "1969-12-29T00:00:00Z", "1970-01-12T00:00:00Z"},
        {NULL, "1mo", 0, "2024-02-29T23:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
        {NULL, "3mo", 0, "1969-12-31T00:00:00Z", "1969-10-01T00:00:00Z", "1970-01-01T00:00:00Z"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) check_floor(&rows[i]);
}

static void cuts_time_in_zones(void) {
    static const char ny[] = "America/New_York";
    static const struct floor_row rows[] = {{"Asia/Kolkata", "1h", 0, "2025-11-14T02:13:45Z",
                                                "2025-11-14T01:30:00Z", "2025-11-14T02:30:00Z"},
        {ny, "12h", 0, "2025-07-01T16:30:00Z", "2025-07-01T05:00:00Z", "2025-07-01T17:00:00Z"},
        {ny, "1d", 0, "2025-03-09T12:00:00Z", "2025-03-09T05:00:00Z", "2025-03-10T04:00:00Z"},
        {ny, "1d", 0, "2025-11-02T12:00:00Z", "2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z"},
        {ny, "1d", 6 * HOUR_US, "2025-03-09T09:59:59Z", "2025-03-08T11:00:00Z",
            "2025-03-09T10:00:00Z"},
        /* 02:30 is missing on that day, 03:30 stands for it */
        {ny, "1d", 150 * MINUTE_US, "2025-03-09T07:10:00Z", "2025-03-08T07:30:00Z",
            "2025-03-09T07:30:00Z"},
        /* 01:30 comes twice, the first counts */
        {ny, "1d", 90 * MINUTE_US, "2025-11-02T06:10:00Z", "2025-11-02T05:30:00Z",
            "2025-11-03T06:30:00Z"},
        {ny, "1w", 0, "2025-03-09T12:00:00Z", "2025-03-03T05:00:00Z", "2025-03-10T04:00:00Z"},
        {ny, "1mo", 0, "2025-11-30T12:00:00Z", "2025-11-01T04:00:00Z", "2025-12-01T05:00:00Z"},
        {"Pacific/Apia", "1d", 0, "2011-12-30T09:00:00Z", "2011-12-29T10:00:00Z",
            "2011-12-30T10:00:00Z"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) check_floor(&rows[i]);
}

static int64_t ratio(const char *large, const char *small, bool zoned) {
    struct err e;
    struct period a = {0}, b = {0};
    CHECK(period_parse(slice_of(large), &a, &e) && period_parse(slice_of(small), &b, &e));
    return period_ratio(&a, &b, zoned);
}

static void divides_periods(void) {
    static const struct {
        const char *large, *small;
        int64_t plain, zoned;
    } rows[] = {{"1h", "1m", 60, 60}, {"1h", "7m", 0, 0}, {"1m", "1h", 0, 0}, {"1d", "1h", 24, 0},
        {"1w", "1d", 7, 7}, {"1w", "7d", 0, 0}, {"1w", "1h", 168, 0}, {"2w", "48h", 0, 0},
        {"24h", "1d", 1, 0}, {"6d", "2d", 3, 3}, {"1mo", "1d", 0, 0}, {"1mo", "1h", 0, 0},
        {"12mo", "3mo", 4, 4}, {"1d", "7h", 0, 0}, {"14d", "1w", 0, 0}, {"1d", "1d", 1, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK(ratio(rows[i].large, rows[i].small, false) == rows[i].plain);
        CHECK(ratio(rows[i].large, rows[i].small, true) == rows[i].zoned);
    }
}

int main(void) {
    RUN(utc_needs_no_database);
    RUN(cuts_time_in_utc);
    RUN(divides_periods);
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) == 0) {
        RUN(refuses_what_is_no_zone);
        RUN(has_one_zone_at_a_time);
        RUN(knows_offsets);
        RUN(finds_the_instant_of_local_times);
        RUN(counts_odd_local_times);
        RUN(cuts_time_in_zones);
    }
    return check_done();
}
