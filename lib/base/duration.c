#include "base/timeparts.h"

/* The longest duration: what lies between the first and the last time. Times and a few of these
 * can be added without overflow. */
#define DURATION_MAX (TIME_MAX - TIME_MIN)
/* 100 years: windows of sane times then end before the year 10000, which no RFC 3339 can say. */
#define PERIOD_MAX_US (36525 * DAY_US)

struct unit {
    const char *name;
    int64_t us;
};

static const struct unit units[] = {{"w", 7 * DAY_US}, {"d", DAY_US}, {"h", HOUR_US},
    {"m", MINUTE_US}, {"s", SECOND_US}, {"ms", 1000}, {"us", 1}};
enum { UNITS = sizeof units / sizeof *units, UNIT_DAY = 1, UNIT_HOUR = 2 };

/* Digits at *p as a number, INT64_MAX where it is greater; false where there are none. */
static bool read_count(const char **p, const char *end, int64_t *out) {
    const char *start = *p;
    *out = 0;
    for (; *p < end && is_digit(**p); ++*p)
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, **p - '0', out))
            *out = INT64_MAX;
    return *p > start;
}

/* The letters at *p, which they are moved behind. */
static struct slice read_letters(const char **p, const char *end) {
    const char *start = *p;
    while (*p < end && !is_digit(**p)) ++*p;
    return (struct slice){start, (size_t)(*p - start)};
}

static int64_t unit_us(struct slice name) {
    for (int i = 0; i < UNITS; i++)
        if (slice_is(name, units[i].name)) return units[i].us;
    return 0;
}

/* One that is too long is more than DURATION_MAX. */
static bool read_duration(struct slice text, int64_t *us) {
    const char *p = text.p, *end = p + text.n;
    *us = 0;
    if (slice_is(text, "0")) return true;
    do {
        int64_t count, part;
        if (!read_count(&p, end, &count)) return false;
        int64_t unit = unit_us(read_letters(&p, end));
        if (!unit) return false;
        if (__builtin_mul_overflow(count, unit, &part) || __builtin_add_overflow(*us, part, us))
            *us = INT64_MAX;
    } while (p < end);
    return true;
}

bool duration_parse(struct slice text, bool negative, int64_t *us, struct err *e) {
    struct slice rest = text;
    bool minus = negative && text.n && *text.p == '-';
    if (negative && text.n && (*text.p == '-' || *text.p == '+')) rest.p++, rest.n--;
    if (!read_duration(rest, us))
        return err_set(e, EXIT_USAGE,
            "not a duration: %s; write it as 500ms, 30s, 15m, 1h30m or 7d", QUOTED(text));
    if (*us > DURATION_MAX)
        return err_set(e, EXIT_USAGE, "too long: %s; at most %lldd", QUOTED(text),
            (long long)(DURATION_MAX / DAY_US));
    if (minus) *us = -*us;
    return true;
}

/* Units from `first` on, largest first. */
static void add_units(struct buf *out, int64_t us, int first) {
    uint64_t rest = us < 0 ? -(uint64_t)us : (uint64_t)us;
    if (us < 0) buf_addc(out, '-');
    if (rest == 0) buf_adds(out, "0s");
    for (int i = first; i < UNITS; i++) {
        uint64_t unit = (uint64_t)units[i].us;
        if (rest >= unit)
            buf_printf(out, "%llu%s", (unsigned long long)(rest / unit), units[i].name);
        rest %= unit;
    }
}

void buf_add_duration(struct buf *out, int64_t us) { add_units(out, us, UNIT_DAY); }

bool size_parse(struct slice text, int64_t *bytes, struct err *e) {
    static const int64_t most = INT64_C(1) << 62;
    const char *p = text.p, *end = p + text.n;
    int64_t count;
    if (read_count(&p, end, &count) && end - p <= 1) {
        static const char suffixes[] = "KMGTPE";
        const char *suffix = p < end && *p ? strchr(suffixes, *p) : NULL;
        int shift = suffix ? 10 * (int)(suffix - suffixes + 1) : 0;
        if ((suffix || p == end) && count <= most >> shift) {
            *bytes = count << shift;
            return true;
        }
    }
    return err_set(e, EXIT_USAGE, "not a size: %s; write it as 100, 64K, 256M or 2G", QUOTED(text));
}

static bool read_period(struct slice text, struct period *out) {
    static const struct {
        const char *name;
        enum period_unit unit;
        int64_t most;
    } calendar[] = {{"d", PERIOD_DAYS, PERIOD_MAX_US / DAY_US},
        {"w", PERIOD_WEEKS, PERIOD_MAX_US / (7 * DAY_US)}, {"mo", PERIOD_MONTHS, 1200}};
    const char *p = text.p, *end = p + text.n;
    int64_t count;
    if (!read_count(&p, end, &count) || count == 0) return false;
    struct slice unit = {p, (size_t)(end - p)};
    for (size_t i = 0; i < sizeof calendar / sizeof *calendar; i++) {
        if (!slice_is(unit, calendar[i].name)) continue;
        *out = (struct period){calendar[i].unit, count};
        return count <= calendar[i].most;
    }
    *out = (struct period){.unit = PERIOD_FIXED};
    if (memchr(text.p, 'd', text.n) || memchr(text.p, 'w', text.n)) return false;
    return read_duration(text, &out->count) && out->count > 0 && out->count <= PERIOD_MAX_US;
}

bool period_parse(struct slice text, struct period *out, struct err *e) {
    if (read_period(text, out)) return true;
    return err_set(e, EXIT_USAGE,
        "not a window's length: %s; write it as 15m, 1h30m, or 1d, 2w, 1mo of the calendar, up to "
        "100 years",
        QUOTED(text));
}

void buf_add_period(struct buf *out, const struct period *p) {
    static const char *const names[] = {
        [PERIOD_DAYS] = "d", [PERIOD_WEEKS] = "w", [PERIOD_MONTHS] = "mo"};
    if (p->unit == PERIOD_FIXED) {
        add_units(out, p->count, UNIT_HOUR);
        return;
    }
    buf_printf(out, "%lld%s", (long long)p->count, names[p->unit]);
}
