#include "base/timestamp.h"

#include <stdio.h>

#include "base/digits.h"
#include "base/timeparts.h"

/* ---- parts ---- */

const char *read_fraction(const char *p, const char *end, int *us) {
    int v = 0, unit = SECOND_US;
    const char *start = p;
    for (; p < end && is_digit(*p); p++) {
        unit /= 10; /* 0 from the seventh digit on */
        v += (*p - '0') * unit;
    }
    *us = v;
    return p > start ? p : NULL;
}

const char *read_offset(const char *p, const char *end, int *seconds) {
    if (p == end) return NULL;
    char sign = *p++;
    *seconds = 0;
    if (sign == 'Z' || sign == 'z') return p;
    if ((sign != '+' && sign != '-') || end - p < 2) return NULL;
    int hour = read_digits(p, 2), minute = 0;
    p += 2;
    bool colon = p < end && *p == ':';
    if (colon) p++;
    if (colon || (p < end && is_digit(*p))) {
        if (end - p < 2) return NULL;
        minute = read_digits(p, 2);
        p += 2;
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return NULL;
    *seconds = (hour * 3600 + minute * 60) * (sign == '-' ? -1 : 1);
    return p;
}

bool civil_valid(struct civil c) {
    static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (c.month < 1 || c.month > 12 || c.day < 1) return false;
    bool leap = c.year % 4 == 0 && (c.year % 100 != 0 || c.year % 400 == 0);
    return c.day <= days[c.month - 1] + (leap && c.month == 2);
}

enum time_result time_settle(
    struct time_format *f, int64_t local, bool has_offset, int offset, int64_t *out) {
    if (has_offset) {
        local -= (int64_t)offset * SECOND_US;
    } else {
        f->without_zone++;
        if (f->zone) {
            enum local_kind kind;
            local = zone_to_utc(f->zone, local, &kind);
            f->ambiguous += kind == LOCAL_AMBIGUOUS;
            f->missing += kind == LOCAL_MISSING;
        }
    }
    if (local < TIME_MIN || local > TIME_MAX) return TIME_OUT_OF_RANGE;
    *out = local;
    return TIME_OK;
}

enum time_result time_from_parts(struct time_format *f, const struct time_parts *t, int64_t *out) {
    if (!civil_valid(t->date) || t->hour < 0 || t->hour > 23 || t->minute < 0 || t->minute > 59 ||
        t->second < 0 || t->second > 60)
        return TIME_NOT_A_TIME;
    int64_t local = civil_to_days(t->date) * DAY_US + t->hour * HOUR_US + t->minute * MINUTE_US +
                    (int64_t)t->second * SECOND_US + (t->second == 60 ? 0 : t->us);
    return time_settle(f, local, t->has_offset, t->offset, out);
}

/* ---- RFC 3339 ---- */

__attribute__((noinline)) static bool learn_date(
    struct time_format *f, const char *p, int64_t *midnight) {
    struct civil c = {read_digits(p, 4), read_digits(p + 5, 2), read_digits(p + 8, 2)};
    if (p[4] != '-' || p[7] != '-' || c.year < 0 || !civil_valid(c)) return false;
    *midnight = f->cached_midnight = civil_to_days(c) * DAY_US;
    memcpy(f->cached_date, p, 10);
    return true;
}

/* Midnight of the YYYY-MM-DD at p, remembered: events of a day come together. The dash tells a
 * remembered date from the zeroed cache. */
static bool read_date(struct time_format *f, const char *p, int64_t *midnight) {
    if (memcmp(p, f->cached_date, 10) != 0 || p[4] != '-') return learn_date(f, p, midnight);
    *midnight = f->cached_midnight;
    return true;
}

/* hh:mm:ss at p as µs, -1 when it is none. All eight bytes at once: a digit's byte is 0..9 and a
 * colon's 0 after the exclusive or, else the sum has a high bit. */
static int64_t read_clock(const char *p, bool *leap) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) v = __builtin_bswap64(v);
    v ^= UINT64_C(0x30303a30303a3030);
    if ((v | (v + UINT64_C(0x76767f76767f7676))) & UINT64_C(0x8080808080808080)) return -1;
    v = v * 10 + (v >> 8); /* tens and ones meet in bytes 0, 3 and 6 */
    unsigned hour = v & 0xff, minute = v >> 24 & 0xff, second = v >> 48 & 0xff;
    if (hour > 23 || minute > 59 || second > 60) return -1;
    *leap = second == 60;
    return (int64_t)(hour * 3600 + minute * 60 + second) * SECOND_US;
}

/* What follows the seconds, beyond what parse_iso() does at once. */
__attribute__((noinline)) static enum time_result parse_end(
    struct time_format *f, int64_t local, bool leap, const char *p, const char *end, int64_t *out) {
    if (p < end && *p == '.') {
        int us;
        p = read_fraction(p + 1, end, &us);
        if (!p) return TIME_NOT_A_TIME;
        if (!leap) local += us;
    }
    int offset = 0;
    bool has_offset = p < end;
    if (has_offset && read_offset(p, end, &offset) != end) return TIME_NOT_A_TIME;
    return time_settle(f, local, has_offset, offset, out);
}

static enum time_result parse_iso(struct time_format *f, struct slice text, int64_t *out) {
    const char *p = text.p, *end = p + text.n;
    int64_t local;
    if (text.n < 10 || !read_date(f, p, &local)) return TIME_NOT_A_TIME;
    if (text.n == 10) return time_settle(f, local, false, 0, out);
    if (text.n < 19 || (p[10] != 'T' && p[10] != 't' && p[10] != ' ')) return TIME_NOT_A_TIME;
    bool leap;
    int64_t clock = read_clock(p + 11, &leap);
    if (clock < 0) return TIME_NOT_A_TIME;
    local += clock;
    /* The commonest end, milliseconds and Z. */
    int ms;
    if (text.n != 24 || p[19] != '.' || p[23] != 'Z' || leap || (ms = read_digits(p + 20, 3)) < 0)
        return parse_end(f, local, leap, p + 19, end, out);
    local += ms * 1000;
    if (local < TIME_MIN || local > TIME_MAX) return TIME_OUT_OF_RANGE;
    *out = local;
    return TIME_OK;
}

/* A year of five digits and more, or before 0000: a time, if not one of ours. Ten thousand years
 * are 25 times the calendar's 400, so that the date exists in the year's last four digits as well.
 * */
static bool far_year(struct slice text) {
    bool minus = text.n && *text.p == '-';
    size_t n = minus || (text.n && *text.p == '+'), digits = 0;
    for (; n < text.n && is_digit(text.p[n]); n++) digits++;
    if (digits < 4 || (digits == 4 && !minus)) return false;
    struct time_format plain = {0};
    int64_t ignored;
    struct slice rest = {text.p + n - 4, text.n - n + 4};
    return parse_iso(&plain, rest, &ignored) != TIME_NOT_A_TIME;
}

enum time_result time_parse(struct time_format *f, struct slice text, int64_t *out) {
    if (f->format) return time_parse_format(f, text, out);
    enum time_result r = parse_iso(f, text, out);
    if (__builtin_expect(r != TIME_NOT_A_TIME, 1)) return r;
    return far_year(text) ? TIME_OUT_OF_RANGE : TIME_NOT_A_TIME;
}

/* ---- numbers ---- */

/* The power of ten that makes the unit µs. */
static const int unit_power[] = {[UNIT_S] = 6, [UNIT_MS] = 3, [UNIT_US] = 0, [UNIT_NS] = -3};

static const char *const units[] = {
    [UNIT_S] = "s", [UNIT_MS] = "ms", [UNIT_US] = "us", [UNIT_NS] = "ns"};

const char *time_unit_name(enum time_unit unit) { return units[unit]; }

enum time_unit time_unit_named(const char *name) {
    for (int u = UNIT_S; name && u <= UNIT_NS; u++)
        if (strcmp(name, units[u]) == 0) return (enum time_unit)u;
    return UNIT_GUESS;
}

static enum time_unit guess_unit(const struct digits *d) {
    if (d->p == d->end || d->point < 9 || d->point > 20) return UNIT_GUESS;
    return d->point < 12 ? UNIT_S : d->point < 15 ? UNIT_MS : d->point < 18 ? UNIT_US : UNIT_NS;
}

enum time_result time_parse_number(struct time_format *f, struct slice number, int64_t *out) {
    struct digits d = digits_scan(number);
    enum time_unit unit = f->unit == UNIT_GUESS ? guess_unit(&d) : f->unit;
    if (unit == UNIT_GUESS) return TIME_UNIT_UNKNOWN;
    int64_t k = d.p == d.end ? 0 : d.point + unit_power[unit];
    if (k > 18) return TIME_OUT_OF_RANGE;
    int64_t t = k > 0 ? (int64_t)digits_take(&d, (int)k) : 0;
    if (d.negative) t = -t - (d.p < d.end); /* cut toward the past */
    if (t < TIME_MIN || t > TIME_MAX) return TIME_OUT_OF_RANGE;
    *out = t;
    return TIME_OK;
}

static bool all_number(struct slice text) {
    size_t i = text.n && *text.p == '-', digits = i;
    while (i < text.n && is_digit(text.p[i])) i++;
    if (i == digits) return false;
    if (i < text.n && text.p[i] == '.') {
        digits = ++i;
        while (i < text.n && is_digit(text.p[i])) i++;
        if (i == digits) return false;
    }
    return i == text.n;
}

bool time_parse_arg(struct zone *z, struct slice text, int64_t *out, struct err *e) {
    struct time_format f = {.zone = z};
    enum time_result r =
        all_number(text) ? time_parse_number(&f, text, out) : time_parse(&f, text, out);
    switch (r) {
    case TIME_OK: return true;
    case TIME_OUT_OF_RANGE:
        return err_set(
            e, EXIT_USAGE, "time out of range 0001-01-02 to 9999-12-30: %s", QUOTED(text));
    case TIME_UNIT_UNKNOWN:
        return err_set(e, EXIT_USAGE,
            "number in no unit that can be guessed: %s; write it as 2025-11-14T02:15:00Z",
            QUOTED(text));
    case TIME_NOT_A_TIME: break;
    }
    return err_set(e, EXIT_USAGE, "not a time: %s; write it as 2025-11-14T02:15:00Z or 2025-11-14",
        QUOTED(text));
}

/* ---- writing ---- */

static char *put2(char *p, unsigned v) {
    p[0] = (char)('0' + v / 10);
    p[1] = (char)('0' + v % 10);
    return p + 2;
}

/* Four digits; more, or a sign, only beyond TIME_MIN and TIME_MAX. Any int64 fits the buffer. */
static char *put_year(char *p, int year) {
    if (year < 0 || year > 9999) return p + snprintf(p, 8, "%05d", year);
    return put2(put2(p, (unsigned)year / 100), (unsigned)year % 100);
}

size_t time_write(char out[TIME_TEXT_MAX], int64_t t) {
    int64_t days = floor_div(t, DAY_US);
    uint64_t rest = (uint64_t)floor_mod(t, DAY_US);
    unsigned second = (unsigned)(rest / SECOND_US), us = (unsigned)(rest % SECOND_US);
    struct civil c = civil_from_days(days);
    char *p = put_year(out, c.year);
    *p++ = '-';
    p = put2(p, (unsigned)c.month);
    *p++ = '-';
    p = put2(p, (unsigned)c.day);
    *p++ = 'T';
    p = put2(p, second / 3600);
    *p++ = ':';
    p = put2(p, second / 60 % 60);
    *p++ = ':';
    p = put2(p, second % 60);
    if (us) {
        *p++ = '.';
        p = put2(put2(put2(p, us / 10000), us / 100 % 100), us % 100);
    }
    *p++ = 'Z';
    return (size_t)(p - out);
}

void buf_add_time(struct buf *out, int64_t t) {
    out->n += time_write(buf_reserve(out, TIME_TEXT_MAX), t);
}
