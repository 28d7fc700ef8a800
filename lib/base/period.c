#include "base/timestamp.h"

/* A Monday, from which weeks are counted. */
enum { MONDAY = -3 };

/* The boundary numbered n. A calendar unit's lies at the local midnight plus shift, by the clock on
 * the wall: --offset 6h is 06:00 on every day. */
static int64_t boundary(const struct period *p, struct zone *z, int64_t shift, int64_t n) {
    int64_t days = 0;
    enum local_kind kind;
    switch (p->unit) {
    case PERIOD_FIXED: return n * p->count - zone_standard_offset(z) + shift;
    case PERIOD_DAYS: days = n * p->count; break;
    case PERIOD_WEEKS: days = n * p->count * 7 + MONDAY; break;
    case PERIOD_MONTHS: {
        int64_t months = n * p->count;
        days = civil_to_days(
            (struct civil){(int)(1970 + floor_div(months, 12)), (int)floor_mod(months, 12) + 1, 1});
    }
    }
    return zone_to_utc(z, days * DAY_US + shift, &kind);
}

/* The number of the last boundary at or before t. */
static int64_t number_at(const struct period *p, struct zone *z, int64_t shift, int64_t t) {
    if (p->unit == PERIOD_FIXED) return floor_div(t + zone_standard_offset(z) - shift, p->count);
    int64_t days = floor_div(t + zone_offset(z, t) - shift, DAY_US), n = 0;
    if (p->unit == PERIOD_DAYS) n = floor_div(days, p->count);
    if (p->unit == PERIOD_WEEKS) n = floor_div(days - MONDAY, p->count * 7);
    if (p->unit == PERIOD_MONTHS) {
        struct civil c = civil_from_days(days);
        n = floor_div((c.year - 1970) * INT64_C(12) + c.month - 1, p->count);
    }
    /* Where clocks change near the boundary the wall's reading may be on its other side. */
    while (boundary(p, z, shift, n) > t) n--;
    while (boundary(p, z, shift, n + 1) <= t) n++;
    return n;
}

int64_t period_floor(const struct period *p, struct zone *z, int64_t shift, int64_t t) {
    return boundary(p, z, shift, number_at(p, z, shift, t));
}

int64_t period_step(const struct period *p, struct zone *z, int64_t shift, int64_t b, int64_t n) {
    if (p->unit == PERIOD_FIXED) return b + n * p->count;
    int64_t number = number_at(p, z, shift, b), to = boundary(p, z, shift, number + n);
    /* A day that a zone skipped has no length: go on to the one beyond. */
    if (to == b && n != 0) to = boundary(p, z, shift, number + n + (n > 0 ? 1 : -1));
    return to;
}

/* A length and a boundary: in months, or in µs with days of 24 h. */
struct grid {
    int64_t length, first;
};

static struct grid grid_of(const struct period *p) {
    if (p->unit == PERIOD_DAYS) return (struct grid){p->count * DAY_US, 0};
    if (p->unit == PERIOD_WEEKS) return (struct grid){p->count * 7 * DAY_US, MONDAY * DAY_US};
    return (struct grid){p->count, 0};
}

int64_t period_ratio(const struct period *large, const struct period *small, bool zoned) {
    bool months = large->unit == PERIOD_MONTHS, fixed = large->unit == PERIOD_FIXED;
    if (months != (small->unit == PERIOD_MONTHS)) return 0;
    if (zoned && fixed != (small->unit == PERIOD_FIXED)) return 0;
    struct grid a = grid_of(large), b = grid_of(small);
    bool divides = a.length % b.length == 0 && (a.first - b.first) % b.length == 0;
    return divides ? a.length / b.length : 0;
}
