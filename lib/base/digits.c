#include "base/digits.h"

/* Far beyond any length that fits in memory, and far from overflow when lengths are added. */
static const int64_t EXPONENT_MOST = INT64_C(1) << 60;

static int64_t scan_exponent(const char *p, const char *end) {
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    int64_t v = 0;
    for (; p < end; p++) {
        if (v > EXPONENT_MOST / 10) return negative ? -EXPONENT_MOST : EXPONENT_MOST;
        v = v * 10 + (*p - '0');
    }
    return negative ? -v : v;
}

struct digits digits_scan(struct slice number) {
    const char *p = number.p, *end = number.p + number.n;
    struct digits d = {.negative = p < end && *p == '-'};
    if (d.negative) p++;
    const char *first = NULL, *last = NULL, *dot = NULL;
    for (; p < end && (unsigned char)(*p | 0x20) != 'e'; p++) {
        if (*p == '.') {
            dot = p;
        } else if (*p != '0') {
            if (!first) first = p;
            last = p;
        }
    }
    if (!first) return d;
    if (!dot) dot = p;
    d.p = first;
    d.end = last + 1;
    d.point = dot - first + (first > dot);
    if (p < end) d.point += scan_exponent(p + 1, end);
    return d;
}

int64_t digits_left(const struct digits *d) {
    int64_t n = d->end - d->p;
    return n && memchr(d->p, '.', (size_t)n) ? n - 1 : n;
}

uint64_t digits_take(struct digits *d, int k) {
    uint64_t v = 0;
    for (; k > 0; k--) {
        if (d->p < d->end && *d->p == '.') d->p++;
        v = v * 10 + (d->p < d->end ? (uint64_t)(*d->p++ - '0') : 0);
    }
    return v;
}
