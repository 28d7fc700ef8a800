
#include "base/timestamp.h"
#include "op/watermark.h"

/* Distances below 64 have a bucket each; above, each power of two has 64 equal ones. */
enum { STEP_BITS = DISORDER_STEP_BITS, STEPS = 1 << STEP_BITS };

void disorder_init(struct disorder *d) { *d = (struct disorder){.max_time = TIME_NONE}; }

static unsigned bucket_of(uint64_t distance) {
    if (distance < STEPS) return (unsigned)distance;
    unsigned shift = 63 - STEP_BITS - (unsigned)__builtin_clzll(distance);
    return (shift << STEP_BITS) + (unsigned)(distance >> shift);
}

/* The greatest distance in a bucket. */
static int64_t edge_of(unsigned bucket) {
    if (bucket < STEPS) return bucket;
    unsigned shift = (bucket >> STEP_BITS) - 1;
    uint64_t first = STEPS + (bucket & (STEPS - 1));
    return (int64_t)(((first + 1) << shift) - 1);
}

void disorder_behind(struct disorder *d, int64_t behind_us) {
    d->behind[bucket_of((uint64_t)behind_us)]++;
    if (behind_us > d->greatest) d->greatest = behind_us;
}

int64_t disorder_quantile(const struct disorder *d, double p) {
    uint64_t all = d->in_order;
    for (unsigned i = 0; i < DISORDER_BUCKETS; i++) all += d->behind[i];
    double share = p * (double)all;
    uint64_t wanted = (uint64_t)share, seen = d->in_order;
    wanted += (double)wanted < share;
    if (seen >= wanted) return 0;
    for (unsigned i = 0; i < DISORDER_BUCKETS; i++) {
        seen += d->behind[i];
        if (seen >= wanted) return edge_of(i) < d->greatest ? edge_of(i) : d->greatest;
    }
    return d->greatest;
}
