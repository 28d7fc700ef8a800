#include "op/cell.h"

/* Bits of the small form; op/cell.h draws it. */
enum { SUM_BITS = 40, SCALE_BITS = 3, COUNT_BITS = 20, SCALE_MAX = 7 };
#define WIDE (UINT64_C(1) << 63)
#define SUM_LIMIT (INT64_C(1) << (SUM_BITS - 1))

static const int64_t pow10_of[SCALE_MAX + 1] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};

/* What does not fit the small form. Plain numbers are gathered in `pending` first, because adding
 * to a sum of 320 bits costs ten times as much. */
struct wide_sum {
    uint32_t pool;
    uint64_t count;
    int64_t pending; /* millionths */
    struct sum sum;
};
enum { PENDING_SCALE = 6 };

struct small_sum {
    int64_t sum;
    uint64_t count;
    unsigned scale;
};

struct pool sums_pool(void) {
    return (struct pool){.size = sizeof(struct wide_sum)};
}

static inline struct small_sum unpack(uint64_t cell) {
    return (struct small_sum){
        .sum = (int64_t)(cell << (64 - SUM_BITS)) >> (64 - SUM_BITS),
        .scale = (unsigned)(cell >> SUM_BITS) & SCALE_MAX,
        .count = cell >> (SUM_BITS + SCALE_BITS),
    };
}

static inline bool sum_fits(int64_t sum) { return sum >= -SUM_LIMIT && sum < SUM_LIMIT; }

static inline uint64_t pack(struct small_sum s) {
    return s.count << (SUM_BITS + SCALE_BITS) | (uint64_t)s.scale << SUM_BITS |
           ((uint64_t)s.sum & ((UINT64_C(1) << SUM_BITS) - 1));
}

/* |sum| is below 2^39 and the factor at most 10^7, so the product cannot overflow. */
static inline bool rescale(struct small_sum *s, unsigned scale) {
    s->sum *= pow10_of[scale - s->scale];
    s->scale = scale;
    return sum_fits(s->sum);
}

static inline bool align(struct small_sum *a, struct small_sum *b) {
    if (a->scale == b->scale) return true;
    return a->scale < b->scale ? rescale(a, b->scale) : rescale(b, a->scale);
}

static inline bool add_small(uint64_t *cell, struct small_sum b, int sign) {
    struct small_sum a = unpack(*cell);
    if (!align(&a, &b)) return false;
    a.sum += sign * b.sum;
    a.count += sign > 0 ? b.count : -b.count;
    if (!sum_fits(a.sum) || a.count >> COUNT_BITS) return false;
    *cell = pack(a);
    return true;
}

static struct wide_sum *widen(struct pool *wide, uint64_t *cell) {
    if (*cell & WIDE) return pool_at(wide, (uint32_t)*cell);
    uint32_t number = pool_take(wide);
    struct wide_sum *w = pool_at(wide, number);
    struct small_sum s = unpack(*cell);
    w->count = s.count;
    sum_add_small(&w->sum, s.sum, (int)s.scale);
    *cell = WIDE | number;
    return w;
}

static void wide_add(struct wide_sum *w, const struct decimal *d) {
    w->count++;
    int64_t v, pending;
    if (d->wide || d->scale > PENDING_SCALE ||
        __builtin_mul_overflow(d->small, pow10_of[PENDING_SCALE - d->scale], &v)) {
        sum_add(&w->sum, d);
    } else if (__builtin_add_overflow(w->pending, v, &pending)) {
        sum_add_small(&w->sum, w->pending, PENDING_SCALE);
        w->pending = v;
    } else {
        w->pending = pending;
    }
}

void sum_cell_add(struct pool *wide, uint64_t *cell, const struct decimal *d) {
    if (!(*cell & WIDE) && !d->wide && d->scale <= SCALE_MAX && sum_fits(d->small) &&
        add_small(cell, (struct small_sum){d->small, 1, d->scale}, 1))
        return;
    wide_add(widen(wide, cell), d);
}

static void negate(struct sum *s) {
    bool carry = true;
    for (size_t i = 0; i < sizeof s->w / sizeof s->w[0]; i++) {
        s->w[i] = ~s->w[i] + carry;
        carry = carry && s->w[i] == 0;
    }
}

void sum_cell_merge(struct pool *wide, uint64_t *cell, uint64_t from, int sign) {
    if (!((*cell | from) & WIDE) && add_small(cell, unpack(from), sign)) return;
    struct wide_sum *w = widen(wide, cell);
    struct sum sum;
    uint64_t count = sum_cell_read(wide, from, &sum);
    if (sign < 0) negate(&sum);
    sum_merge(&w->sum, &sum);
    w->count += sign > 0 ? count : -count;
}

void sum_cell_clear(struct pool *wide, uint64_t *cell) {
    if (*cell & WIDE) pool_give(wide, (uint32_t)*cell);
    *cell = 0;
}

uint64_t sum_cell_read(const struct pool *wide, uint64_t cell, struct sum *sum) {
    if (!(cell & WIDE)) {
        struct small_sum s = unpack(cell);
        *sum = (struct sum){0};
        sum_add_small(sum, s.sum, (int)s.scale);
        return s.count;
    }
    const struct wide_sum *w = pool_at(wide, (uint32_t)cell);
    *sum = w->sum;
    sum_add_small(sum, w->pending, PENDING_SCALE);
    return w->count;
}

void sum_cell_save(const struct pool *wide, uint64_t cell, struct buf *out) {
    struct sum sum;
    bytes_put64(out, cell & WIDE ? WIDE : cell);
    if (!(cell & WIDE)) return;
    bytes_put64(out, sum_cell_read(wide, cell, &sum));
    for (size_t i = 0; i < sizeof sum.w / sizeof sum.w[0]; i++) bytes_put64(out, sum.w[i]);
}

bool sum_cell_load(struct pool *wide, uint64_t *cell, struct slice *in) {
    if (!bytes_take64(in, cell)) return false;
    if (!(*cell & WIDE)) return true;
    uint32_t number = pool_take(wide);
    struct wide_sum *w = pool_at(wide, number);
    *cell = WIDE | number;
    bool ok = bytes_take64(in, &w->count);
    for (size_t i = 0; i < sizeof w->sum.w / sizeof w->sum.w[0]; i++)
        ok = ok && bytes_take64(in, &w->sum.w[i]);
    return ok;
}
