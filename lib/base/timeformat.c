/* Times by a format of strptime(3) plus %f. Our own, because the C library's has no %f, follows the
 * locale, lets February 30 pass and costs ten times as much. */
#include <strings.h>

#include "base/timeparts.h"

static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December"};
static const char *const weekdays[] = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

struct reader {
    const char *p, *end;
    struct time_parts t;
    int year_day; /* %j, 0 without */
    int half;     /* %p: 0 none, 1 AM, 2 PM */
    bool epoch;   /* %s was read */
    int64_t epoch_second;
};

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* One to `most` digits; blanks in front as strptime. */
static bool number(struct reader *r, int most, int low, int high, int *out) {
    while (r->p < r->end && is_space(*r->p)) r->p++;
    int v = 0, n = 0;
    for (; n < most && r->p < r->end && is_digit(*r->p); n++) v = v * 10 + (*r->p++ - '0');
    *out = v;
    return n > 0 && v >= low && v <= high;
}

/* A name in full or by its first three letters, in any case; its index, or -1. */
static int name(struct reader *r, const char *const *names, int n) {
    size_t left = (size_t)(r->end - r->p);
    for (int i = 0; i < n; i++) {
        size_t full = strlen(names[i]);
        size_t len = left >= full && strncasecmp(r->p, names[i], full) == 0 ? full : 3;
        if (left < len || strncasecmp(r->p, names[i], len) != 0) continue;
        r->p += len;
        return i;
    }
    return -1;
}

static bool half_day(struct reader *r) {
    if (r->end - r->p < 2) return false;
    r->half = strncasecmp(r->p, "am", 2) == 0 ? 1 : strncasecmp(r->p, "pm", 2) == 0 ? 2 : 0;
    r->p += 2;
    return r->half != 0;
}

static bool zone_letters(struct reader *r) {
    static const char *const names[] = {"UTC", "GMT", "Z"};
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(names[i]);
        if ((size_t)(r->end - r->p) < n || strncasecmp(r->p, names[i], n) != 0) continue;
        r->p += n;
        r->t.has_offset = true;
        r->t.offset = 0;
        return true;
    }
    return false;
}

static bool epoch_seconds(struct reader *r) {
    bool minus = r->p < r->end && *r->p == '-';
    r->p += minus;
    int64_t v = 0;
    const char *start = r->p;
    for (; r->p < r->end && is_digit(*r->p); r->p++)
        if ((v = v * 10 + (*r->p - '0')) > INT64_C(1000000000000)) return false;
    r->epoch = true;
    r->epoch_second = minus ? -v : v;
    return r->p > start;
}

static bool by_format(struct reader *r, const char *format);

static bool conversion(struct reader *r, char c) {
    struct time_parts *t = &r->t;
    int v;
    switch (c) {
    case 'Y': return number(r, 4, 0, 9999, &t->date.year);
    case 'y':
        if (!number(r, 2, 0, 99, &v)) return false;
        t->date.year = v + (v < 69 ? 2000 : 1900);
        return true;
    case 'm': return number(r, 2, 1, 12, &t->date.month);
    case 'd':
    case 'e': return number(r, 2, 1, 31, &t->date.day);
    case 'j': return number(r, 3, 1, 366, &r->year_day);
    case 'H':
    case 'k': return number(r, 2, 0, 23, &t->hour);
    case 'I':
    case 'l': return number(r, 2, 1, 12, &t->hour);
    case 'M': return number(r, 2, 0, 59, &t->minute);
    case 'S': return number(r, 2, 0, 60, &t->second);
    case 'p': return half_day(r);
    case 'f': return (r->p = read_fraction(r->p, r->end, &t->us)) != NULL;
    case 'z': return t->has_offset = true, (r->p = read_offset(r->p, r->end, &t->offset)) != NULL;
    case 'Z': return zone_letters(r);
    case 's': return epoch_seconds(r);
    case 'b':
    case 'B':
    case 'h': return (t->date.month = name(r, months, 12) + 1) > 0;
    case 'a':
    case 'A': return name(r, weekdays, 7) >= 0;
    case 'T': return by_format(r, "%H:%M:%S");
    case 'R': return by_format(r, "%H:%M");
    case 'D': return by_format(r, "%m/%d/%y");
    case 'F': return by_format(r, "%Y-%m-%d");
    case '%': return r->p < r->end && *r->p++ == '%';
    default: return false;
    }
}

static bool by_format(struct reader *r, const char *format) {
    for (; *format; format++) {
        if (is_space(*format) || (*format == '%' && (format[1] == 'n' || format[1] == 't'))) {
            format += *format == '%';
            while (r->p < r->end && is_space(*r->p)) r->p++;
        } else if (*format == '%') {
            if (!conversion(r, *++format)) return false;
        } else if (r->p == r->end || *r->p++ != *format) {
            return false;
        }
    }
    return true;
}

bool time_format_check(const char *format, struct err *e) {
    for (const char *p = format; (p = strchr(p, '%')); p += 2)
        if (!p[1] || !strchr("YymdejHkIlMSpfzZsbBhaATRDFnt%", p[1]))
            return err_set(e, EXIT_USAGE, "time format %s: no conversion %%%.1s is known",
                QUOTED(slice_of(format)), p + 1);
    return true;
}

enum time_result time_parse_format(struct time_format *f, struct slice text, int64_t *out) {
    struct reader r = {.p = text.p, .end = text.p + text.n, .t = {.date = {1970, 1, 1}}};
    if (!by_format(&r, f->format) || r.p != r.end) return TIME_NOT_A_TIME;
    struct time_parts *t = &r.t;
    if (r.epoch) return time_settle(f, r.epoch_second * SECOND_US + t->us, true, 0, out);
    if (r.half) t->hour = t->hour % 12 + (r.half == 2 ? 12 : 0);
    if (r.year_day) {
        int64_t first = civil_to_days((struct civil){t->date.year, 1, 1});
        struct civil c = civil_from_days(first + r.year_day - 1);
        if (c.year != t->date.year) return TIME_NOT_A_TIME;
        t->date = c;
    }
    return time_from_parts(f, t, out);
}
