/* What the readers of times share; inside timestamp.h's implementation. */
#ifndef EV_BASE_TIMEPARTS_H
#define EV_BASE_TIMEPARTS_H

#include "base/timestamp.h"

/* A date and time as it was written. */
struct time_parts {
    struct civil date;
    int hour, minute, second, us;
    bool has_offset;
    int offset; /* seconds east of UTC, where has_offset */
};

static inline bool is_digit(char c) { return (unsigned char)(c - '0') <= 9; }

/* Exactly n digits at p, n <= 9; -1 when there are others. */
static inline int read_digits(const char *p, int n) {
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (!is_digit(p[i])) return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

/* Digits of a fraction of a second, at least one: their first six as µs. Returns where they end, or
 * NULL. */
const char *read_fraction(const char *p, const char *end, int *us);
/* Z, +hh:mm, +hhmm or +hh. Returns where it ends, or NULL. */
const char *read_offset(const char *p, const char *end, int *seconds);

bool civil_valid(struct civil c); /* the month and the day exist; any year */

/* A local time (µs as if it were UTC) becomes *out, by its offset or the format's zone. */
enum time_result time_settle(
    struct time_format *f, int64_t local, bool has_offset, int offset, int64_t *out);

/* Checks all ranges and settles. */
enum time_result time_from_parts(struct time_format *f, const struct time_parts *t, int64_t *out);

/* Reads text by f->format. */
enum time_result time_parse_format(struct time_format *f, struct slice text, int64_t *out);

#endif
