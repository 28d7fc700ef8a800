/* The digits of a JSON number, taken in order without allocation, whatever its length. */
#ifndef EV_BASE_DIGITS_H
#define EV_BASE_DIGITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* The magnitude is 0.d1d2d3... * 10^point, d1 at p and not zero, and the last digit before end not
 * zero either; one '.' may lie between. p == end: zero. */
struct digits {
    const char *p, *end;
    int64_t point;
    bool negative;
};

struct digits digits_scan(struct slice number);
/* How many are left. */
int64_t digits_left(const struct digits *d);
/* The next k digits as an integer, k 0..19; zeros where there are no more. */
uint64_t digits_take(struct digits *d, int k);

#endif
