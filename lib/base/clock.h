/* What time it is, in µs. */
#ifndef EV_BASE_CLOCK_H
#define EV_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_micros(struct timespec t) {
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static inline int64_t clock_us(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return clock_micros(t);
}

#endif
