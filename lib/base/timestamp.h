/* Event time: int64 microseconds since 1970-01-01T00:00:00Z, from 0001-01-02 to 9999-12-30.
 * Finer digits are cut toward the past. Durations are int64 microseconds as well. */
#ifndef EV_BASE_TIMESTAMP_H
#define EV_BASE_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#define TIME_MIN INT64_C(-62135510400000000) /* 0001-01-02T00:00:00Z */
#define TIME_MAX INT64_C(253402214399999999) /* 9999-12-30T23:59:59.999999Z */
#define TIME_NONE INT64_MIN                  /* no time; as a watermark: before everything */
#define TIME_END INT64_MAX                   /* as a watermark: the input is complete */

enum { SECOND_US = 1000000 };
#define MINUTE_US (INT64_C(60) * SECOND_US)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)

/* Floor division and the remainder that goes with it (0 <= mod < b), b > 0. */
static inline int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
static inline int64_t floor_mod(int64_t a, int64_t b) { return a % b + (a % b < 0 ? b : 0); }

/* A time so much later, or earlier; what lies beyond all times is TIME_NONE or TIME_END. */
static inline int64_t time_add(int64_t t, int64_t by) {
    int64_t sum;
    return __builtin_add_overflow(t, by, &sum) ? (by < 0 ? TIME_NONE : TIME_END) : sum;
}

/* Are two times less than that apart? */
static inline bool time_is_near(int64_t a, int64_t b, int64_t within) {
    int64_t apart;
    if (__builtin_sub_overflow(a > b ? a : b, a > b ? b : a, &apart)) return false;
    return apart < within;
}

/* The civil calendar (proleptic Gregorian); days since 1970-01-01. */
struct civil {
    int year, month, day; /* month 1..12, day 1..31 */
};
int64_t civil_to_days(struct civil c);
struct civil civil_from_days(int64_t days);

/* ---- zones ---- */

/* A time zone of the system's database; NULL stands for UTC everywhere. It remembers what it was
 * asked, so one belongs to one thread. */
struct zone;
/* EXIT_USAGE for a name that is unknown. A process has one zone: a second open with another name
 * fails, unless the first was closed (it lies on the C library's TZ). UTC is always there. */
struct zone *zone_open(const char *name, struct err *e);
void zone_close(struct zone *z);
const char *zone_name(const struct zone *z);
/* Local minus UTC at an instant, in µs. */
int64_t zone_offset(struct zone *z, int64_t utc);
/* The zone's standard (not summer) offset by its newest rules: what windows of hours are aligned
 * to. */
int64_t zone_standard_offset(struct zone *z);
enum local_kind { LOCAL_PLAIN, LOCAL_AMBIGUOUS, LOCAL_MISSING };
/* The instant of a local time (µs as if it were UTC). Ambiguous: the earlier instant. Missing:
 * moved forward by the gap. */
int64_t zone_to_utc(struct zone *z, int64_t local, enum local_kind *kind);

/* ---- reading times ---- */

enum time_unit { UNIT_GUESS, UNIT_S, UNIT_MS, UNIT_US, UNIT_NS };
/* s ms us ns; NULL stands for UNIT_GUESS, and so does a name that is none of these. */
const char *time_unit_name(enum time_unit unit);
enum time_unit time_unit_named(const char *name);

/* How the values of a time field are read. Zeroed is the default: RFC 3339 and its relatives, UTC,
 * guessed unit. The counters and cache are the parser's own. */
struct time_format {
    const char *format; /* strptime(3) plus %f, or NULL */
    struct zone *zone;  /* of times without an offset; NULL is UTC */
    enum time_unit unit;
    uint64_t without_zone; /* times that carried no offset */
    uint64_t ambiguous, missing;
    char cached_date[10];
    int64_t cached_midnight;
};

/* EXIT_USAGE where a format has a conversion that is not read. Known are %Y %y %m %d %e %j %b %B %h
 * %a %A %H %k %I %l %M %S %f %p %z %Z %s %T %R %D %F %n %t %%, in English; of %Z UTC, GMT, Z. */
bool time_format_check(const char *format, struct err *e);

enum time_result { TIME_OK, TIME_NOT_A_TIME, TIME_OUT_OF_RANGE, TIME_UNIT_UNKNOWN };

/* Text, already unescaped: RFC 3339 with any offset, YYYY-MM-DD, or
 * YYYY-MM-DD[ T]hh:mm:ss[.f][offset], or by format. A leap second :60 is read as the first instant
 * of the next minute. */
enum time_result time_parse(struct time_format *f, struct slice text, int64_t *out);
/* A JSON number in f->unit. UNIT_GUESS: the magnitude decides within disjoint ranges that each
 * cover 1973..5138: [10^8,10^11) s, [10^11,10^14) ms, [10^14,10^17) us, [10^17,10^20) ns; a
 * fraction is allowed (seconds as 1511658000.25). Otherwise TIME_UNIT_UNKNOWN. */
enum time_result time_parse_number(struct time_format *f, struct slice number, int64_t *out);
/* What a user types for --since and @literals: as time_parse() without format, or a bare number
 * with a unit that can be guessed. */
bool time_parse_arg(struct zone *z, struct slice text, int64_t *out, struct err *e);

/* RFC 3339 UTC, no fraction when whole, else six digits. 20 or 27 bytes. */
enum { TIME_TEXT_MAX = 32 };
size_t time_write(char out[TIME_TEXT_MAX], int64_t t);
void buf_add_time(struct buf *out, int64_t t);

/* ---- durations and sizes ---- */

/* 500ms 30s 15m 24h 7d 1h30m, us too; a sign in front is allowed where `negative` is; "0" alone is
 * zero. d is 24 h and w is 7 d here. EXIT_USAGE with what was found and an example otherwise. */
bool duration_parse(struct slice text, bool negative, int64_t *us, struct err *e);
/* The largest units first, days at most, as duration_parse() reads it back: 1h30m, 500ms, 0s. */
void buf_add_duration(struct buf *out, int64_t us);
/* 100, 64K, 256M, 2G (powers of 1024), at most 2^62. */
bool size_parse(struct slice text, int64_t *bytes, struct err *e);

/* ---- windows' periods ---- */

enum period_unit { PERIOD_FIXED, PERIOD_DAYS, PERIOD_WEEKS, PERIOD_MONTHS };

/* A length in which windows are cut: fixed µs, or whole calendar days, weeks from Monday, or months
 * in a zone. `15m`, `1h30m` are fixed; `1d`, `2w`, `1mo` are calendar units. Boundaries: fixed ones
 * are multiples counted from 1970-01-01T00:00 in UTC, or in the zone's standard offset; days from
 * 1970-01-01, weeks from Monday 1969-12-29, months from 1970-01, all local; plus `shift`
 * (--offset), which for calendar units goes by the clock on the wall: 6h is 06:00 on every day. */
struct period {
    enum period_unit unit;
    int64_t count; /* µs, days, weeks or months; > 0 */
};
bool period_parse(struct slice text, struct period *out, struct err *e);
/* The boundary at or before t. */
int64_t period_floor(const struct period *p, struct zone *z, int64_t shift, int64_t t);
/* The boundary `n` periods after the boundary b (n may be negative); b itself only for n = 0, also
 * where a zone skipped a day, which then has no length. */
int64_t period_step(const struct period *p, struct zone *z, int64_t shift, int64_t b, int64_t n);
/* How many of `small` make one `large`; 0 when they do not divide evenly, or large's boundaries are
 * not among small's (7d begin on Thursdays, 1w on Mondays), or they mix fixed and calendar, except
 * that without a zone days and weeks are fixed: 24 h and 7 d. */
int64_t period_ratio(const struct period *large, const struct period *small, bool zoned);
void buf_add_period(struct buf *out, const struct period *p);

#endif
