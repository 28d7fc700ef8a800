/* Inside decimal.h's implementation: integers of 64-bit limbs, least first, and rounding. */
#ifndef EV_BASE_WIDE_H
#define EV_BASE_WIDE_H

#include "base/decimal.h"

__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 i128;

/* 10^19, the greatest power of ten in a limb. 10^38, a decimal's unit, is its square. */
enum { CHUNK_DIGITS = 19 };
#define CHUNK UINT64_C(10000000000000000000)

extern const uint64_t pow10_u64[CHUNK_DIGITS + 1];

/* a += b, a += v, a -= b, a *= m, each modulo 2^(64 n): where more could come out the callers have
 * a limb to spare. */
static inline void limbs_add(uint64_t *a, const uint64_t *b, int n) {
    u128 t = 0;
    for (int i = 0; i < n; i++) {
        t += (u128)a[i] + b[i];
        a[i] = (uint64_t)t;
        t >>= 64;
    }
}

static inline void limbs_add_small(uint64_t *a, int n, uint64_t v) {
    for (int i = 0; i < n && v; i++) v = __builtin_add_overflow(a[i], v, &a[i]);
}

static inline void limbs_sub(uint64_t *a, const uint64_t *b, int n) {
    uint64_t borrow = 0;
    for (int i = 0; i < n; i++) {
        u128 t = (u128)a[i] - b[i] - borrow;
        a[i] = (uint64_t)t;
        borrow = (uint64_t)(t >> 64) & 1;
    }
}

static inline void limbs_mul(uint64_t *a, int n, uint64_t m) {
    u128 t = 0;
    for (int i = 0; i < n; i++) {
        t += (u128)a[i] * m;
        a[i] = (uint64_t)t;
        t >>= 64;
    }
}

static inline void limbs_negate(uint64_t *a, int n) {
    for (int i = 0; i < n; i++) a[i] = ~a[i];
    limbs_add_small(a, n, 1);
}

/* Makes two's complement a magnitude; true where it was negative. */
static inline bool limbs_abs(uint64_t *a, int n) {
    bool negative = a[n - 1] >> 63;
    if (negative) limbs_negate(a, n);
    return negative;
}

static inline int limbs_cmp(const uint64_t *a, const uint64_t *b, int n) {
    while (n--)
        if (a[n] != b[n]) return a[n] < b[n] ? -1 : 1;
    return 0;
}

static inline bool limbs_zero(const uint64_t *a, int n) {
    uint64_t any = 0;
    for (int i = 0; i < n; i++) any |= a[i];
    return any == 0;
}

/* a /= d; returns the remainder. */
static inline uint64_t limbs_div(uint64_t *a, int n, uint64_t d) {
    u128 t = 0;
    while (n > 0 && a[n - 1] == 0) n--;
    while (n-- > 0) {
        t = t << 64 | a[n];
        a[n] = (uint64_t)(t / d);
        t -= (u128)a[n] * d;
    }
    return (uint64_t)t;
}

/* a /= 10^19; returns the remainder. By Moller and Granlund, Improved division by invariant
 * integers, algorithm 4, as 10^19 has its highest bit set; a third of the time of limbs_div(). */
static inline uint64_t limbs_div_chunk(uint64_t *a, int n) {
    const uint64_t reciprocal = UINT64_C(0xd83c94fb6d2ac34a); /* (2^128 - 1) / 10^19 - 2^64 */
    uint64_t rest = 0;
    while (n-- > 0) {
        u128 q = (u128)reciprocal * rest + ((u128)rest << 64 | a[n]);
        uint64_t high = (uint64_t)(q >> 64) + 1, r = a[n] - high * CHUNK;
        if (r > (uint64_t)q) {
            high--;
            r += CHUNK;
        }
        if (r >= CHUNK) {
            high++;
            r -= CHUNK;
        }
        a[n] = high;
        rest = r;
    }
    return rest;
}

/* a *= 10^k. */
void limbs_mul_pow10(uint64_t *a, int n, int k);

/* Cuts a into chunks of 19 digits, least first; returns how many there are (0 for zero). a is
 * consumed. n limbs give at most n + n / 64 + 1 chunks. */
int limbs_chunks(uint64_t *a, int n, uint64_t *chunks);

/* Decimal digits of v, 0 for 0. */
int digit_count(uint64_t v);

/* What was cut off behind the last digit that is kept, compared with half of that digit. */
enum tail { TAIL_ZERO, TAIL_LOW, TAIL_HALF, TAIL_HIGH };

/* The tail of a remainder r of a division by d (0 <= r < d), with `behind` further behind it. */
static inline enum tail tail_of(uint64_t r, uint64_t d, enum tail behind) {
    uint64_t rest = d - r;
    if (r > rest || (r == rest && behind != TAIL_ZERO)) return TAIL_HIGH;
    if (r == rest) return TAIL_HALF;
    return r || behind != TAIL_ZERO ? TAIL_LOW : TAIL_ZERO;
}

static inline bool rounds_up(enum rounding how, bool negative, bool odd, enum tail tail) {
    if (how == ROUND_HALF_EVEN) return tail == TAIL_HIGH || (tail == TAIL_HALF && odd);
    return tail != TAIL_ZERO && negative == (how == ROUND_FLOOR);
}

/* The number v * 10^exponent. */
struct scaled {
    uint64_t v;
    int exponent;
};

/* Rounds magnitudes half to even to 17 significant digits and at most 38 decimals. */
struct scaled round17(uint64_t v, int exponent, enum tail tail);
/* The same of a, in units of 10^-38; a is consumed. */
struct scaled limbs_round17(uint64_t *a, int n, enum tail tail);
/* a / b * 10^exponent rounded so; b is not 0. */
struct scaled scaled_quotient(uint64_t a, uint64_t b, int exponent);

bool scaled_to_decimal(bool negative, struct scaled s, struct decimal *out);
void scaled_write(struct buf *out, bool negative, struct scaled s);
/* Writes a magnitude in units of 10^-38; a is consumed. */
void limbs_write(struct buf *out, bool negative, uint64_t *a, int n);

/* The number in units of 10^-38, two's complement. */
void decimal_to_units(const struct decimal *d, uint64_t w[4]);

static inline bool decimal_set_small(struct decimal *out, int64_t small, int scale) {
    out->wide = false;
    out->scale = (uint8_t)scale;
    out->small = small;
    return true;
}

/* The magnitude w with a sign becomes *out; false at 10^76 units and beyond. */
bool decimal_set_units(struct decimal *out, bool negative, const uint64_t w[4]);

#endif
