#include "base/wide.h"

const uint64_t decimal_units[DECIMAL_SMALL_SCALE + 1][2] = {
    {UINT64_C(0x098a224000000000), UINT64_C(0x4b3b4ca85a86c47a)},
    {UINT64_C(0x00f436a000000000), UINT64_C(0x0785ee10d5da46d9)},
    {UINT64_C(0xb34b9f1000000000), UINT64_C(0x00c097ce7bc90715)},
    {UINT64_C(0x2b878fe800000000), UINT64_C(0x0013426172c74d82)},
    {UINT64_C(0x378d8e6400000000), UINT64_C(0x0001ed09bead87c0)},
    {UINT64_C(0x38c15b0a00000000), UINT64_C(0x0000314dc6448d93)},
    {UINT64_C(0x85acef8100000000), UINT64_C(0x000004ee2d6d415b)},
    {UINT64_C(0xc0914b2680000000), UINT64_C(0x0000007e37be2022)},
    {UINT64_C(0x4674edea40000000), UINT64_C(0x0000000c9f2c9cd0)},
    {UINT64_C(0x6d7217caa0000000), UINT64_C(0x00000001431e0fae)},
    {UINT64_C(0x3e25026110000000), UINT64_C(0x00000000204fce5e)},
    {UINT64_C(0x9fd0803ce8000000), UINT64_C(0x00000000033b2e3c)},
    {UINT64_C(0xdcc80cd2e4000000), UINT64_C(0x000000000052b7d2)},
    {UINT64_C(0x161401484a000000), UINT64_C(0x0000000000084595)},
    {UINT64_C(0x1bcecceda1000000), UINT64_C(0x000000000000d3c2)},
    {UINT64_C(0x02c7e14af6800000), UINT64_C(0x000000000000152d)},
    {UINT64_C(0x19e0c9bab2400000), UINT64_C(0x000000000000021e)},
    {UINT64_C(0x35c9adc5dea00000), UINT64_C(0x0000000000000036)},
    {UINT64_C(0x6bc75e2d63100000), UINT64_C(0x0000000000000005)},
};

void sum_add(struct sum *s, const struct decimal *d) {
    if (!d->wide) {
        sum_add_small(s, d->small, d->scale);
        return;
    }
    struct sum one = {{d->w[0], d->w[1], d->w[2], d->w[3], d->w[3] >> 63 ? UINT64_MAX : 0}};
    limbs_add(s->w, one.w, 5);
}

void sum_merge(struct sum *s, const struct sum *other) { limbs_add(s->w, other->w, 5); }

bool sum_is_zero(const struct sum *s) { return limbs_zero(s->w, 5); }

/* Nearly all sums are an integer of millionths; those are written in half the time. */
enum { MILLIONTHS = -6 };

static bool in_millionths(const uint64_t w[5], uint64_t *v) {
    uint64_t a[3] = {w[0], w[1], w[2]};
    if (w[3] || w[4] || limbs_div_chunk(a, 3) || a[2]) return false;
    uint64_t rest = limbs_div(a, 2, pow10_u64[CHUNK_DIGITS + MILLIONTHS]);
    *v = a[0];
    return rest == 0 && a[1] == 0;
}

void sum_write(struct buf *out, const struct sum *s) {
    struct sum a = *s;
    uint64_t v;
    bool negative = limbs_abs(a.w, 5);
    if (in_millionths(a.w, &v)) scaled_write(out, negative, (struct scaled){v, MILLIONTHS});
    else limbs_write(out, negative, a.w, 5);
}

void sum_write_quotient(struct buf *out, const struct sum *s, uint64_t count) {
    struct sum a = *s;
    uint64_t v;
    bool negative = limbs_abs(a.w, 5);
    if (in_millionths(a.w, &v)) {
        scaled_write(out, negative, scaled_quotient(v, count, MILLIONTHS));
        return;
    }
    uint64_t rest = limbs_div(a.w, 5, count);
    scaled_write(out, negative, limbs_round17(a.w, 5, tail_of(rest, count, TAIL_ZERO)));
}
