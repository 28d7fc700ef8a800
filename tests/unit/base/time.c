/* Reading and writing times. */
#include "base/timestamp.h"

#include "check.h"

/* For the tables. */
#define OK TIME_OK
#define NOT TIME_NOT_A_TIME
#define RANGE TIME_OUT_OF_RANGE
#define UNIT TIME_UNIT_UNKNOWN

static const char *text(int64_t t) {
    static char out[TIME_TEXT_MAX + 1];
    out[time_write(out, t)] = '\0';
    return out;
}

struct row {
    const char *text;
    enum time_result result;
    const char *want;
};

/* From a buffer of exactly the text's size, so that ASan sees what is read beyond it. */
static enum time_result read_exactly(struct time_format *f, const char *s, int64_t *t) {
    size_t n = strlen(s);
    char *copy = mem_alloc(n);
    memcpy(copy, s, n);
    enum time_result r = time_parse(f, (struct slice){copy, n}, t);
    free(copy);
    return r;
}

static void check_rows(struct time_format *f, const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int64_t t;
        enum time_result r = read_exactly(f, rows[i].text, &t);
        if (r != rows[i].result)
            fprintf(stderr, "%s: %d, not %d\n", rows[i].text, r, rows[i].result);
        CHECK(r == rows[i].result);
        if (r == OK && rows[i].want) CHECK_STR(text(t), rows[i].want);
    }
}

#define ROWS(f, rows) check_rows((f), (rows), sizeof(rows) / sizeof *(rows))

static void reads_rfc3339_and_its_relatives(void) {
    static const struct row rows[] = {
        {"2025-11-14T02:13:45.120Z", OK, "2025-11-14T02:13:45.120000Z"},
        {"2025-11-14T02:13:45Z", OK, "2025-11-14T02:13:45Z"},
        {"2025-11-14t02:13:45z", OK, "2025-11-14T02:13:45Z"},
        {"2025-11-14 02:13:45", OK, "2025-11-14T02:13:45Z"},
        {"2025-11-14", OK, "2025-11-14T00:00:00Z"},
        {"2025-11-14T02:13:45+05:30", OK, "2025-11-13T20:43:45Z"},
        {"2025-11-14T02:13:45.5+0530", OK, "2025-11-13T20:43:45.500000Z"},
        {"2025-11-14T02:13:45-05", OK, "2025-11-14T07:13:45Z"},
        {"2025-11-14T02:13:45-00:00", OK, "2025-11-14T02:13:45Z"},
        {"2025-11-14T02:13:45.123456789012345678901234567890Z", OK, "2025-11-14T02:13:45.123456Z"},
        {"1969-12-31T23:59:59.9999999Z", OK, "1969-12-31T23:59:59.999999Z"},
        {"2000-02-29", OK, "2000-02-29T00:00:00Z"},
        {"2016-12-31T23:59:60Z", OK, "2017-01-01T00:00:00Z"},
        {"2016-12-31T23:59:60.999Z", OK, "2017-01-01T00:00:00Z"},
        {"2016-12-31T23:59:60.1Z", OK, "2017-01-01T00:00:00Z"}};
    struct time_format f = {0};
    ROWS(&f, rows);
    CHECK(f.without_zone == 3);
}

static void refuses_what_is_no_time(void) {
    static const struct row rows[] = {{"", NOT, 0}, {"yesterday", NOT, 0}, {"2025", NOT, 0},
        {"2025-11", NOT, 0}, {"2025-13-01", NOT, 0}, {"2025-00-01", NOT, 0}, {"2025-04-31", NOT, 0},
        {"2025-02-29", NOT, 0}, {"1900-02-29", NOT, 0}, {"2025-1-01", NOT, 0},
        {"2025/11/14", NOT, 0}, {"2025-11-14T", NOT, 0}, {"2025-11-14T02:13", NOT, 0},
        {"2025-11-14T24:00:00Z", NOT, 0}, {"2025-11-14T02:60:00Z", NOT, 0},
        {"2025-11-14T02:13:61Z", NOT, 0}, {"2025-11-14T02:13:45.Z", NOT, 0},
        {"2025-11-14T02:13:45,1Z", NOT, 0}, {"2025-11-14T02:13:45ZZ", NOT, 0},
        {"2025-11-14T02:13:45 Z", NOT, 0}, {"2025-11-14T02:13:45+24:00", NOT, 0},
        {"2025-11-14T02:13:45+05:60", NOT, 0}, {"2025-11-14T02:13:45+5", NOT, 0},
        {"2025-11-14T02:13:45+05:", NOT, 0}, {"2025-11-14T02:13:45+05:3", NOT, 0},
        {"2025-11-14x02:13:45Z", NOT, 0}, {"2025-11-14T02-13-45Z", NOT, 0},
        {"2025-11-14T02:13:4/Z", NOT, 0}, {"2025-11-14T02:13:45.12xZ", NOT, 0},
        {"2025-11-14Z", NOT, 0}, {" 2025-11-14", NOT, 0}, {"+2025-11-14", NOT, 0},
        {"2025-11-14T02:13:45.120Y", NOT, 0}, {"\xff\xff\xff\xff-\xff\xff-\xff\xff", NOT, 0}};
    struct time_format f = {0};
    ROWS(&f, rows);
    /* ten NUL bytes are not the empty cache's date */
    int64_t t;
    CHECK(time_parse(&(struct time_format){0}, (struct slice){"\0\0\0\0\0\0\0\0\0\0", 10}, &t) ==
          NOT);
}

static void knows_its_range(void) {
    static const struct row rows[] = {{"0001-01-02T00:00:00Z", OK, "0001-01-02T00:00:00Z"},
        {"0001-01-01T23:59:59.999999Z", RANGE, 0}, {"0000-02-29", RANGE, 0},
        {"9999-12-30T23:59:59.999999Z", OK, "9999-12-30T23:59:59.999999Z"},
        {"9999-12-31T00:00:00.000Z", RANGE, 0}, {"9999-12-30T23:59:59-01", RANGE, 0},
        {"9999-12-31T00:30:00+01", OK, "9999-12-30T23:30:00Z"}, {"99999-01-01T00:00:00Z", RANGE, 0},
        {"+12025-06-01", RANGE, 0}, {"-0044-03-15", RANGE, 0}, {"12025-02-29", NOT, 0},
        {"12024-02-29", RANGE, 0}, {"123456789012345678901234567890-01-01", RANGE, 0},
        {"99999", NOT, 0}};
    struct time_format f = {0};
    ROWS(&f, rows);
    struct time_format g = {0};
    int64_t t;
    CHECK(time_parse(&g, slice_of("0001-01-02"), &t) == OK && t == TIME_MIN);
    CHECK(time_parse(&g, slice_of("9999-12-30T23:59:59.999999Z"), &t) == OK && t == TIME_MAX);
}

static void reads_back_what_it_writes(void) {
    struct time_format f = {0};
    for (int64_t t = TIME_MIN, step = 1; t < TIME_MAX - step; t += step) {
        int64_t back = 0;
        CHECK(time_parse(&f, slice_of(text(t)), &back) == OK && back == t);
        step = (step * 7 + 13) % INT64_C(100000000000007);
        if (!check_ok) return;
    }
    CHECK_STR(text(0), "1970-01-01T00:00:00Z");
    CHECK_STR(text(-1), "1969-12-31T23:59:59.999999Z");
    CHECK_STR(text(TIME_MAX + 1 + DAY_US), "10000-01-01T00:00:00Z");
    CHECK(time_write((char[TIME_TEXT_MAX]){0}, INT64_MIN) <= TIME_TEXT_MAX);
    CHECK(time_write((char[TIME_TEXT_MAX]){0}, INT64_MAX) <= TIME_TEXT_MAX);
}

static void counts_days(void) {
    CHECK(civil_to_days((struct civil){1970, 1, 1}) == 0);
    CHECK(civil_to_days((struct civil){2000, 3, 1}) == 11017);
    int days_in[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t days = civil_to_days((struct civil){-400, 1, 1});
    for (int year = -400; year <= 2400; year++) {
        days_in[1] = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
        for (int month = 1; month <= 12; month++)
            for (int day = 1; day <= days_in[month - 1]; day++, days++) {
                struct civil c = civil_from_days(days);
                CHECK(c.year == year && c.month == month && c.day == day);
                CHECK(civil_to_days(c) == days);
                if (!check_ok) return;
            }
    }
}

static void guesses_units(void) {
    static const struct {
        const char *number;
        enum time_result result;
        int64_t want;
    } rows[] = {{"1511658000", OK, 1511658000000000}, {"1511658000.25", OK, 1511658000250000},
        {"1511658000123", OK, 1511658000123000}, {"1511658000123.5", OK, 1511658000123500},
        {"1511658000123456", OK, 1511658000123456}, {"1511658000123456.9", OK, 1511658000123456},
        {"1511658000123456789", OK, 1511658000123456}, {"1.511658e9", OK, 1511658000000000},
        {"100000000", OK, 100000000000000}, {"99999999999", OK, 99999999999000000},
        {"100000000000", OK, 100000000000000}, {"99999999", UNIT, 0}, {"0", UNIT, 0},
        {"20251114", UNIT, 0}, {"99999999999999999999", OK, 99999999999999999},
        {"100000000000000000000", UNIT, 0}, {"1e400", UNIT, 0},
        {"-1511658000", OK, -1511658000000000}, {"-1511658000.0000001", OK, -1511658000000001}};
    struct time_format f = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t t = 0;
        CHECK(time_parse_number(&f, slice_of(rows[i].number), &t) == rows[i].result);
        CHECK(t == rows[i].want);
    }
}

static void reads_numbers_in_a_unit(void) {
    static const struct {
        enum time_unit unit;
        const char *number;
        enum time_result result;
        int64_t want;
    } rows[] = {{UNIT_S, "0", OK, 0}, {UNIT_S, "-0.0", OK, 0}, {UNIT_S, "1.5", OK, 1500000},
        {UNIT_S, "-1.5", OK, -1500000}, {UNIT_S, "0.0000009", OK, 0},
        {UNIT_S, "-0.0000009", OK, -1}, {UNIT_MS, "1", OK, 1000}, {UNIT_NS, "1999", OK, 1},
        {UNIT_NS, "-1", OK, -1}, {UNIT_NS, "-1000", OK, -1}, {UNIT_NS, "-1001", OK, -2},
        {UNIT_US, "1e3", OK, 1000}, {UNIT_S, "1e-400", OK, 0}, {UNIT_S, "-1e-400", OK, -1},
        {UNIT_S, "1e400", RANGE, 0}, {UNIT_S, "99999999999999999999", RANGE, 0},
        {UNIT_US, "253402214399999999", OK, TIME_MAX}, {UNIT_US, "253402214400000000", RANGE, 0},
        {UNIT_US, "-62135510400000000", OK, TIME_MIN}, {UNIT_US, "-62135510400000000.1", RANGE, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct time_format f = {.unit = rows[i].unit};
        int64_t t = 0;
        CHECK(time_parse_number(&f, slice_of(rows[i].number), &t) == rows[i].result);
        CHECK(t == rows[i].want);
    }
}

static void reads_by_format(void) {
    static const struct {
        const char *format, *text;
        enum time_result result;
        const char *want;
    } rows[] = {{"%m/%d/%Y %H:%M", "12/1/2010 8:26", OK, "2010-12-01T08:26:00Z"},
        {"%Y-%m-%d %H:%M:%S UTC", "2019-10-01 00:00:00 UTC", OK, "2019-10-01T00:00:00Z"},
        {"%Y-%m-%d %H:%M:%S.%f", "2019-10-01 00:00:00.1234567", OK, "2019-10-01T00:00:00.123456Z"},
        {"%d/%b/%Y:%H:%M:%S %z", "14/Nov/2025:02:13:45 +0530", OK, "2025-11-13T20:43:45Z"},
        {"%a, %d %B %Y %I:%M:%S.%f %p", "Fri, 14 November 2025 12:13:45.5 AM", OK,
            "2025-11-14T00:13:45.500000Z"},
        {"%I:%M %p %D", "12:30 pm 02/28/99", OK, "1999-02-28T12:30:00Z"},
        {"%F %T%Z", "2025-11-14 02:13:45GMT", OK, "2025-11-14T02:13:45Z"},
        {"%F %T%Z", "2025-11-14 02:13:45CET", NOT, 0},
        {"%Y %j", "2024 366", OK, "2024-12-31T00:00:00Z"}, {"%Y %j", "2025 366", NOT, 0},
        {"%s.%f", "1511658000.25", OK, "2017-11-26T01:00:00.250000Z"},
        {"%Y%m%d", "20251114", OK, "2025-11-14T00:00:00Z"}, {"%Y%m%d", "20250229", NOT, 0},
        {"%Y%m%d", "20251114 ", NOT, 0}, {"%Y%m%d", "2025111", OK, "2025-11-01T00:00:00Z"},
        {"100%% %Y", "100% 2025", OK, "2025-01-01T00:00:00Z"}, {"%H:%M", "24:00", NOT, 0},
        {"%q", "x", NOT, 0}, {"%", "%", NOT, 0}, {"%Y-%m-%d", "", NOT, 0},
        {"%s", "-62135510401", RANGE, 0}, {"%s", "99999999999999999999", NOT, 0},
        {"%e %h %y", " 5 sep 07", OK, "2007-09-05T00:00:00Z"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct time_format f = {.format = rows[i].format};
        const struct row row = {rows[i].text, rows[i].result, rows[i].want};
        check_rows(&f, &row, 1);
    }
}

static void says_what_a_user_got_wrong(void) {
    struct err e;
    CHECK(time_format_check("%d/%b/%Y:%H:%M:%S.%f %z %%", &e));
    CHECK(!time_format_check("%Y-%Q", &e) && e.code == EXIT_USAGE);
    CHECK_STR(e.text, "time format \"%Y-%Q\": no conversion %Q is known");
    CHECK(!time_format_check("%Y%", &e));
    int64_t t;
    CHECK(time_parse_arg(NULL, slice_of("2025-11-14"), &t, &e) && t == 1763078400000000);
    CHECK(time_parse_arg(NULL, slice_of("1763078400"), &t, &e) && t == 1763078400000000);
    CHECK(!time_parse_arg(NULL, slice_of("yesterday"), &t, &e));
    CHECK(e.code == EXIT_USAGE);
    CHECK_STR(e.text, "not a time: \"yesterday\"; write it as 2025-11-14T02:15:00Z or 2025-11-14");
    CHECK(!time_parse_arg(NULL, slice_of("99999-01-01"), &t, &e));
    CHECK_STR(e.text, "time out of range 0001-01-02 to 9999-12-30: \"99999-01-01\"");
    CHECK(!time_parse_arg(NULL, slice_of("12"), &t, &e));
    CHECK_STR(
        e.text, "number in no unit that can be guessed: \"12\"; write it as 2025-11-14T02:15:00Z");
}

static void sums_stay_within_all_times(void) {
    CHECK(time_add(5, -7) == -2);
    CHECK(time_add(TIME_END, 1) == TIME_END);
    CHECK(time_add(TIME_MAX, INT64_MAX) == TIME_END);
    CHECK(time_add(TIME_MIN, -INT64_MAX) == TIME_NONE);
}

static void units_have_names(void) {
    for (int u = UNIT_GUESS; u <= UNIT_NS; u++)
        CHECK(time_unit_named(time_unit_name((enum time_unit)u)) == (enum time_unit)u);
    CHECK(time_unit_named("ms") == UNIT_MS);
    CHECK(time_unit_named("m") == UNIT_GUESS);
}

int main(void) {
    RUN(sums_stay_within_all_times);
    RUN(units_have_names);
    RUN(reads_rfc3339_and_its_relatives);
    RUN(refuses_what_is_no_time);
    RUN(knows_its_range);
    RUN(reads_back_what_it_writes);
    RUN(counts_days);
    RUN(guesses_units);
    RUN(reads_numbers_in_a_unit);
    RUN(reads_by_format);
    RUN(says_what_a_user_got_wrong);
    return check_done();
}
