#include "base/wide.h"

static u128 magnitude(i128 v) { return v < 0 ? -(u128)v : (u128)v; }

/* *out = v / 10^scale, scale 0..36; false at 10^38. */
static bool set_value(struct decimal *out, bool negative, u128 v, int scale) {
    if (scale <= DECIMAL_SMALL_SCALE && v <= INT64_MAX)
        return decimal_set_small(out, negative ? -(int64_t)v : (int64_t)v, scale);
    uint64_t w[5] = {(uint64_t)v, (uint64_t)(v >> 64)};
    limbs_mul_pow10(w, 5, DECIMAL_MAX_SCALE - scale);
    return w[4] == 0 && decimal_set_units(out, negative, w);
}

/* Brings two small numbers to one scale, which is returned. Below 2^123 in magnitude. */
static int align(const struct decimal *a, const struct decimal *b, i128 *x, i128 *y) {
    int scale = a->scale > b->scale ? a->scale : b->scale;
    *x = (i128)a->small * (int64_t)pow10_u64[scale - a->scale];
    *y = (i128)b->small * (int64_t)pow10_u64[scale - b->scale];
    return scale;
}

bool decimal_add(const struct decimal *a, const struct decimal *b, struct decimal *out) {
    if (!a->wide && !b->wide) {
        i128 x, y;
        int scale = align(a, b, &x, &y);
        return set_value(out, x + y < 0, magnitude(x + y), scale);
    }
    uint64_t x[4], y[4];
    decimal_to_units(a, x);
    decimal_to_units(b, y);
    limbs_add(x, y, 4); /* below 2 * 10^76: the sign bit holds */
    bool negative = limbs_abs(x, 4);
    return decimal_set_units(out, negative, x);
}

struct decimal decimal_neg(const struct decimal *a) {
    struct decimal out = *a;
    if (a->wide) limbs_negate(out.w, 4);
    else if (a->small != INT64_MIN) out.small = -a->small;
    else set_value(&out, false, (u128)1 << 63, a->scale);
    return out;
}

bool decimal_sub(const struct decimal *a, const struct decimal *b, struct decimal *out) {
    struct decimal minus = decimal_neg(b);
    return decimal_add(a, &minus, out);
}

/* Both magnitudes in units of 10^-38; true where the signs differ. */
static bool units_of_both(
    const struct decimal *a, const struct decimal *b, uint64_t x[4], uint64_t y[4]) {
    decimal_to_units(a, x);
    decimal_to_units(b, y);
    bool negative = limbs_abs(x, 4);
    return limbs_abs(y, 4) != negative;
}

bool decimal_mul(const struct decimal *a, const struct decimal *b, struct decimal *out) {
    if (!a->wide && !b->wide) {
        i128 product = (i128)a->small * b->small;
        return set_value(out, product < 0, magnitude(product), a->scale + b->scale);
    }
    uint64_t x[4], y[4], product[8] = {0};
    bool negative = units_of_both(a, b, x, y);
    for (int i = 0; i < 4; i++) {
        uint64_t line[5] = {x[0], x[1], x[2], x[3], 0};
        limbs_mul(line, 5, y[i]);
        limbs_add(product + i, line, 5);
    }
    uint64_t low = limbs_div_chunk(product, 8), high = limbs_div_chunk(product, 8);
    enum tail tail = tail_of(high, CHUNK, low ? TAIL_LOW : TAIL_ZERO);
    if (rounds_up(ROUND_HALF_EVEN, negative, product[0] & 1, tail)) limbs_add_small(product, 8, 1);
    return limbs_zero(product + 4, 4) && decimal_set_units(out, negative, product);
}

/* a / b of six limbs into quotient a and the remainder, bit by bit: some 2 µs, for numbers that are
 * not small. b's upper two limbs are zero, so that nothing is shifted out. */
static void limbs_divide(uint64_t a[6], const uint64_t b[6], uint64_t rest[6]) {
    memset(rest, 0, 6 * sizeof *rest);
    for (int bit = 6 * 64 - 1; bit >= 0; bit--) {
        limbs_add(rest, rest, 6);
        rest[0] |= a[bit / 64] >> bit % 64 & 1;
        bool over = limbs_cmp(rest, b, 6) >= 0;
        if (over) limbs_sub(rest, b, 6);
        a[bit / 64] = (a[bit / 64] & ~(UINT64_C(1) << bit % 64)) | (uint64_t)over << bit % 64;
    }
}

static enum tail tail_of_limbs(const uint64_t rest[6], const uint64_t b[6]) {
    uint64_t twice[6];
    memcpy(twice, rest, sizeof twice);
    limbs_add(twice, rest, 6);
    int c = limbs_cmp(twice, b, 6);
    return c > 0 ? TAIL_HIGH : c == 0 ? TAIL_HALF : limbs_zero(rest, 6) ? TAIL_ZERO : TAIL_LOW;
}

/* By one division, with as many zeros behind the dividend as give 17 to 19 digits. */
struct scaled scaled_quotient(uint64_t a, uint64_t b, int exponent) {
    u128 x = a;
    int zeros = 17 - digit_count(a) + digit_count(b);
    if (zeros < 0) zeros = 0;
    if (zeros > CHUNK_DIGITS) x *= pow10_u64[zeros - CHUNK_DIGITS], x *= CHUNK;
    else x *= pow10_u64[zeros];
    uint64_t v = (uint64_t)(x / b), rest = (uint64_t)(x - (u128)v * b);
    return round17(v, exponent - zeros, tail_of(rest, b, TAIL_ZERO));
}

bool decimal_div(const struct decimal *a, const struct decimal *b, struct decimal *out) {
    if (decimal_is_zero(b)) return false;
    if (decimal_is_zero(a)) return decimal_set_small(out, 0, 0);
    if (!a->wide && !b->wide) {
        uint64_t x = (uint64_t)magnitude(a->small), y = (uint64_t)magnitude(b->small);
        return scaled_to_decimal(
            (a->small < 0) != (b->small < 0), scaled_quotient(x, y, b->scale - a->scale), out);
    }
    uint64_t x[6] = {0}, y[6] = {0}, rest[6];
    bool negative = units_of_both(a, b, x, y);
    limbs_mul_pow10(x, 6, DECIMAL_MAX_SCALE);
    limbs_divide(x, y, rest);
    return scaled_to_decimal(negative, limbs_round17(x, 6, tail_of_limbs(rest, y)), out);
}

bool decimal_mod(const struct decimal *a, const struct decimal *b, struct decimal *out) {
    if (decimal_is_zero(b)) return false;
    if (!a->wide && !b->wide) {
        i128 x, y;
        int scale = align(a, b, &x, &y);
        return set_value(out, x < 0, magnitude(x % y), scale);
    }
    uint64_t x[6] = {0}, y[6] = {0}, rest[6];
    units_of_both(a, b, x, y);
    limbs_divide(x, y, rest);
    return decimal_set_units(out, decimal_is_negative(a), rest);
}

static bool round_small(const struct decimal *a, int drop, enum rounding how, struct decimal *out) {
    uint64_t unit = pow10_u64[drop], v = (uint64_t)magnitude(a->small);
    bool negative = a->small < 0;
    enum tail tail = tail_of(v % unit, unit, TAIL_ZERO);
    v /= unit;
    v += rounds_up(how, negative, v & 1, tail);
    return scaled_to_decimal(negative, (struct scaled){v, drop - a->scale}, out);
}

bool decimal_round(const struct decimal *a, int places, enum rounding how, struct decimal *out) {
    if (!a->wide && places >= a->scale) {
        *out = *a;
        return true;
    }
    if (!a->wide && a->scale - places <= CHUNK_DIGITS)
        return round_small(a, a->scale - places, how, out);
    uint64_t w[5] = {0};
    decimal_to_units(a, w);
    bool negative = limbs_abs(w, 4);
    enum tail tail = TAIL_ZERO;
    for (int drop = DECIMAL_MAX_SCALE - places; drop > 0;) {
        int part = drop < CHUNK_DIGITS ? drop : CHUNK_DIGITS;
        tail = tail_of(limbs_div(w, 4, pow10_u64[part]), pow10_u64[part], tail);
        drop -= part;
    }
    if (rounds_up(how, negative, w[0] & 1, tail)) limbs_add_small(w, 4, 1);
    limbs_mul_pow10(w, 5, DECIMAL_MAX_SCALE - places);
    return w[4] == 0 && decimal_set_units(out, negative, w);
}
